use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use events::Platform;
use serde_json::json;
use url::Url;

use super::{WrongUsage, report};
use crate::configuration::{Account, Configuration};
use crate::report::Format;
use crate::report::text::table;
use crate::script;

/// The accounts at the platforms, and how they are connected.
///
///   chatledger accounts list
///
///   chatledger accounts script --account acme > handler.py
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Accounts {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(List),
    Script(Script),
}

/// Shows the configured accounts. Reads the configuration alone; connects to nothing.
#[derive(Debug, clap::Args)]
struct List {
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Prints a class for Chat2Desk's scripts that forwards all 14 script events to the ledger.
///
/// Scripts tell what webhooks do not: which menu item a client chose. Paste what is printed into
/// Settings > Scripts: below the script that is there, or alone; tick the events; save. A handler
/// that is there runs as before, and its answer (`not send menu`) stays the answer. No handler waits
/// for the ledger; what cannot be sent is tried again in the background.
///
/// The text holds the secret of the account's hooks: whoever has it can add deliveries to the
/// ledger.
///
///   chatledger accounts script --account acme --existing today.py > handler.py
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct Script {
    /// The account; needed when there are several.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Where Chat2Desk reaches this ledger. Default: public_url in section server.
    #[arg(long, value_name = "URL", value_parser = address)]
    url: Option<Url>,
    /// The script that is there today: it is printed first, as it is.
    #[arg(long, value_name = "FILE")]
    existing: Option<PathBuf>,
}

fn address(text: &str) -> Result<Url, String> {
    let url: Url =
        text.parse().map_err(|error| format!("{error}; write it like https://ledger.example.org"))?;
    let is_plain = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "https" | "http") && url.has_host() && is_plain {
        Ok(url)
    } else {
        Err("must be an http address without query, like https://ledger.example.org".to_owned())
    }
}

impl Accounts {
    pub(crate) fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        match self.what {
            What::List(list) => list.run(configuration),
            What::Script(script) => script.run(configuration),
        }
    }
}

impl List {
    fn run(&self, configuration: &Configuration) -> anyhow::Result<()> {
        let text = written(&configuration.accounts, self.format)?;
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }
}

fn written(accounts: &[Account], format: Format) -> anyhow::Result<String> {
    let header = ["account", "platform", "active", "api", "hooks", "zone"];
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let cells = |account: &Account| {
        [
            account.id.to_string(),
            account.platform.to_string(),
            yes(account.active),
            account.api_url.to_string(),
            yes(!account.hook_secrets.is_empty()),
            account.time_zone.name().to_owned(),
        ]
    };
    Ok(match format {
        Format::Table if accounts.is_empty() => {
            "no account is configured; add one as [[account]] to chatledger.toml\n".to_owned()
        }
        Format::Table => {
            let rows = accounts.iter().map(cells).collect();
            format!("{}\n", table(header, header.len(), rows))
        }
        Format::Csv => {
            let mut csv = csv::Writer::from_writer(Vec::new());
            csv.write_record(header)?;
            for account in accounts {
                csv.write_record(cells(account))?;
            }
            String::from_utf8(csv.into_inner()?)?
        }
        Format::Json => {
            let account = |account: &Account| {
                json!({
                    "account": account.id.as_str(),
                    "platform": account.platform.as_str(),
                    "active": account.active,
                    "api": account.api_url.as_str(),
                    "hooks": !account.hook_secrets.is_empty(),
                    "zone": account.time_zone.name(),
                })
            };
            let rows: Vec<_> = accounts.iter().map(account).collect();
            format!("{}\n", serde_json::to_string_pretty(&rows)?)
        }
    })
}

impl Script {
    fn run(&self, configuration: &Configuration) -> anyhow::Result<()> {
        let account = report::select(&configuration.accounts, self.account.as_deref())?;
        let id = &account.id;
        if account.platform != Platform::Chat2desk {
            return Err(WrongUsage(format!(
                "account {id} is not at Chat2Desk: only its platform has scripts"
            ))
            .into());
        }
        let Some(secret) = account.hook_secrets.first() else {
            let why = format!("account {id} has no hook secret; add hook_secret_env to it");
            return Err(WrongUsage(why).into());
        };
        let Some(url) = self.url.as_ref().or(configuration.server.public_url.as_ref()) else {
            let why =
                "where does Chat2Desk reach this ledger? Add public_url to section server, or give --url";
            return Err(WrongUsage(why.to_owned()).into());
        };
        let existing = self.existing.as_ref().map(|file| {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        });
        let mut text =
            existing.transpose()?.map_or_else(String::new, |text| text.trim_end().to_owned() + "\n\n\n");
        text.push_str(&script::class(id, url, secret.reveal()));
        std::io::stdout().write_all(text.as_bytes())?;
        writeln!(
            std::io::stderr(),
            "The class holds the secret of account {id}'s hooks: keep it where only the account's administrators see it.\n\
             Paste it into Settings > Scripts of the account, tick the events, save."
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(more: &str) -> Configuration {
        let text = format!(
            "[[account]]\nid = \"acme\"\nplatform = \"chat2desk\"\napi_url = \"https://api.example.org\"\n\
             signature = \"ignore\"\ntime_zone = \"Asia/Almaty\"\n{more}"
        );
        Configuration::parse("test", &text, &[("SECRET".to_owned(), "hush-1".to_owned())]).unwrap()
    }

    #[test]
    fn the_list_says_how_each_account_is_connected_and_no_secret() {
        let accounts = configuration("hook_secret_env = \"SECRET\"\n").accounts;
        for format in [Format::Table, Format::Csv, Format::Json] {
            let text = written(&accounts, format).unwrap();
            assert!(text.contains("acme") && text.contains("api.example.org"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
        assert!(written(&[], Format::Table).unwrap().contains("[[account]]"));
    }

    #[test]
    fn what_the_class_needs_is_asked_for() {
        let script = || Script { account: None, url: None, existing: None };
        let error = |more: &str| script().run(&configuration(more)).unwrap_err().to_string();
        assert!(error("").contains("hook_secret_env"));
        assert!(error("hook_secret_env = \"SECRET\"\n").contains("--url"));
        assert!(address("ledger.example.org").is_err() && address("ftp://x").is_err());
        assert!(address("https://x/?a=1").is_err());
        assert_eq!(address("https://ledger.example.org/in").unwrap().path(), "/in");
    }
}
