use std::io::Write as _;

use crate::configuration::Configuration;

/// Validates the configuration and says what to do about each problem.
///
/// Reads the file, the environment and the secrets that they name; connects to nothing.
///
///   chatledger check
///
///   chatledger check --print > effective.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Check {
    /// Shows the whole effective configuration as TOML, defaults filled in. Secrets stay the names of where they are.
    #[arg(long)]
    print: bool,
}

impl Check {
    pub(crate) fn run(&self, configuration: &Configuration) -> anyhow::Result<()> {
        if self.print {
            std::io::stdout().write_all(configuration.print()?.as_bytes())?;
            return Ok(());
        }
        let accounts: Vec<&str> = configuration.accounts.iter().map(|account| account.id.as_str()).collect();
        writeln!(
            std::io::stdout(),
            "the configuration is good: {} ({}), log on {}, database {}, listening on {}",
            if accounts.len() == 1 { "1 account".to_owned() } else { format!("{} accounts", accounts.len()) },
            if accounts.is_empty() { "none".to_owned() } else { accounts.join(", ") },
            serde_json::to_value(configuration.log.backend)?.as_str().unwrap_or_default(),
            if configuration.database_url.is_some() { "as named" } else { "private" },
            configuration.server.listen,
        )?;
        Ok(())
    }
}
