//! What every report about an account is asked.

use std::io::Write as _;

use chrono::NaiveDate;

use crate::commands::WrongUsage;
use crate::configuration::{Account, Configuration};
use crate::report::period::Period;
use crate::report::{About, Report, ReportFormat};

/// Which account, which days, in which form.
#[derive(Debug, clap::Args)]
pub(super) struct Asked {
    /// The account; needed when there are several.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// First local day.
    #[arg(long, value_name = "DAY")]
    pub(super) from: Option<NaiveDate>,
    /// Last local day. What is open or waits is seen as of its end, or now.
    #[arg(long, value_name = "DAY")]
    pub(super) to: Option<NaiveDate>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl Asked {
    /// The account that is meant.
    pub(super) fn account<'a>(&self, configuration: &'a Configuration) -> Result<&'a Account, WrongUsage> {
        select(&configuration.accounts, self.account.as_deref())
    }

    /// What the report says of itself.
    pub(super) fn about<'a>(&self, account: &'a Account) -> About<'a> {
        let period = Period { from: self.from, to: self.to };
        About { account: account.id.as_str(), zone: account.time_zone, period }
    }

    /// Writes the report as it was asked for.
    pub(super) fn write(&self, report: &impl Report) -> anyhow::Result<()> {
        Ok(std::io::stdout().write_all(report.written(self.format)?.as_bytes())?)
    }
}

/// The account called so, or the only one.
pub(in crate::commands) fn select<'a>(
    accounts: &'a [Account],
    id: Option<&str>,
) -> Result<&'a Account, WrongUsage> {
    let names = || accounts.iter().map(|account| account.id.as_str()).collect::<Vec<_>>().join(", ");
    let wrong = match (id, accounts) {
        (_, []) => "no account is configured; add one as [[account]] to chatledger.toml".to_owned(),
        (None, [only]) => return Ok(only),
        (None, _) => format!("there are several accounts, name one with --account: {}", names()),
        (Some(id), _) => match accounts.iter().find(|account| account.id.as_str() == id) {
            Some(account) => return Ok(account),
            None => format!("no account {id:?} is configured; there are: {}", names()),
        },
    };
    Err(WrongUsage(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(ids: &[&str]) -> Configuration {
        let account = |id: &&str| {
            format!(
                "[[account]]\nid = \"{id}\"\nplatform = \"chat2desk\"\napi_url = \"http://localhost\"\n\
                 signature = \"ignore\"\ntime_zone = \"Asia/Almaty\"\n"
            )
        };
        Configuration::parse("test", &ids.iter().map(account).collect::<String>(), &[]).unwrap()
    }

    #[test]
    fn several_accounts_need_a_name_and_are_listed() {
        let two = configuration(&["acme", "other"]).accounts;
        assert_eq!(select(&two, Some("other")).unwrap().id.as_str(), "other");
        let error = select(&two, None).unwrap_err().to_string();
        assert!(error.contains("--account: acme, other"), "{error}");
        let error = select(&two, Some("acmé")).unwrap_err().to_string();
        assert!(error.contains("there are: acme, other"), "{error}");
        let one = configuration(&["acme"]).accounts;
        assert_eq!(select(&one, None).unwrap().id.as_str(), "acme");
        assert!(select(&[], None).unwrap_err().to_string().contains("[[account]]"));
    }
}
