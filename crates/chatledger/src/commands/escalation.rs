use std::io::Write as _;

use anyhow::bail;
use serde_json::{Value, json};
use store::escalations::{self, Response, Status};

use super::WrongUsage;
use crate::configuration::Configuration;
use crate::escalating;
use crate::installation::Installation;
use crate::report::Format;
use crate::report::text::{short, table};

/// Low scores that somebody was told about, or should have been.
///
///   chatledger escalation list --status open,notified
///
///   chatledger escalation ack acme/low-score/8800263/1 --by Ann
///
///   chatledger escalation close acme/low-score/8800263/1 --reason "called the client"
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Escalation {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Shows them, the latest first.
    List(List),
    /// Somebody takes care of it.
    Ack {
        /// The key, as `list` shows it.
        key: String,
        /// Who.
        #[arg(long, value_name = "NAME", default_value = "cli")]
        by: String,
    },
    /// It is done with.
    Close {
        /// The key, as `list` shows it.
        key: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who says so.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only these: open, notified, acknowledged, closed, withdrawn, historic; several with commas between.
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    status: Vec<Status>,
    /// This account only.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn status(word: &str) -> Result<Status, String> {
    Status::try_from(word.to_owned()).map_err(|_| {
        let words: Vec<&str> = Status::ALL.iter().map(|status| status.word()).collect();
        format!("must be one of {}", words.join(", "))
    })
}

impl Escalation {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        let installation = Installation::open(configuration).await?;
        let outcome = self.what.run(configuration, &installation).await;
        installation.close().await?;
        outcome
    }
}

impl What {
    async fn run(self, configuration: &Configuration, installation: &Installation) -> anyhow::Result<()> {
        let desk = || escalating::desk(configuration, &installation.pool, &installation.clock);
        match self {
            Self::List(list) => list.run(installation).await,
            Self::Ack { key, by } => said(&key, &desk()?.acknowledge(&key, &by).await?),
            Self::Close { key, reason, by } => {
                said(&key, &desk()?.close(&key, &reason, by.as_deref()).await?)
            }
        }
    }
}

fn said(key: &str, response: &Response) -> anyhow::Result<()> {
    match response {
        Response::Done(escalation) => {
            writeln!(std::io::stdout(), "{key}: {}", escalation.status.word())?;
        }
        Response::Already(escalation) => {
            let owner = escalation.owner.as_deref().map_or_else(String::new, |owner| format!(" by {owner}"));
            writeln!(std::io::stdout(), "{key}: already {}{owner}", escalation.status.word())?;
        }
        Response::TooLate(escalation) => bail!("{key}: is {}", escalation.status.word()),
        Response::Unknown => {
            return Err(WrongUsage(format!(
                "there is no escalation {key:?}; see chatledger escalation list"
            ))
            .into());
        }
    }
    Ok(())
}

impl List {
    async fn run(self, installation: &Installation) -> anyhow::Result<()> {
        let account = self.account.as_deref();
        let found = escalations::list(&installation.pool, &self.status, account, self.limit).await?;
        std::io::stdout().write_all(written(&found, self.format)?.as_bytes())?;
        Ok(())
    }
}

const COLUMNS: [&str; 14] = [
    "escalation_key",
    "account",
    "rule",
    "status",
    "score",
    "scale",
    "label",
    "operator_id",
    "client_id",
    "request_key",
    "given_at",
    "opened_at",
    "owner",
    "close_reason",
];

fn written(found: &[escalations::Escalation], format: Format) -> anyhow::Result<String> {
    Ok(match format {
        Format::Json => {
            format!("{}\n", serde_json::to_string_pretty(&found.iter().map(object).collect::<Vec<_>>())?)
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(COLUMNS)?;
            for escalation in found.iter().map(object) {
                writer.write_record(COLUMNS.map(|column| match &escalation[column] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                }))?;
            }
            String::from_utf8(writer.into_inner()?)?
        }
        Format::Table if found.is_empty() => "no escalations\n".to_owned(),
        Format::Table => {
            let part =
                |number: Option<f64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
            let rows = found.iter().map(|escalation| {
                [
                    short(&escalation.key, 44),
                    escalation.status.word().to_owned(),
                    format!("{} of {}", part(escalation.score), part(escalation.scale)),
                    short(escalation.operator_id.as_deref().unwrap_or("-"), 12),
                    escalation.given_at.format("%Y-%m-%d %H:%M").to_string(),
                    short(escalation.owner.as_deref().unwrap_or("-"), 16),
                ]
            });
            let header = ["escalation", "status", "score", "operator", "given (UTC)", "owner"];
            format!("{}\n", table(header, 6, rows.collect()))
        }
    })
}

fn object(escalation: &escalations::Escalation) -> Value {
    json!({
        "escalation_key": escalation.key, "account": escalation.account, "rule": escalation.rule,
        "episode": escalation.episode, "valuation_request_key": escalation.cause, "status": escalation.status.word(),
        "score": escalation.score, "scale": escalation.scale, "label": escalation.label,
        "operator_id": escalation.operator_id, "client_id": escalation.client_id,
        "request_key": escalation.request_key, "given_at": escalation.given_at, "opened_at": escalation.opened_at,
        "due_at": escalation.due_at, "updated_at": escalation.updated_at, "owner": escalation.owner,
        "close_reason": escalation.close_reason, "delivery_id": escalation.delivery_id,
        "timeline": escalation.timeline,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_of_a_list() {
        assert_eq!(status("open"), Ok(Status::Open));
        assert!(status("opened").unwrap_err().contains("acknowledged, closed"));
    }
}
