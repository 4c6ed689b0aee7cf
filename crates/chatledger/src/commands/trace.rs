use std::io::Write as _;

use events::AccountId;

use super::WrongUsage;
use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::trace::{Asked, Format, gather};

/// Follows a row back to the bytes it came from, and on to what was done about it.
///
///   chatledger trace 019a6f3e-7c11-7a52-9c4e-0d8f5a1b2c3d   a delivery
///
///   chatledger trace message:900123                         a message, request, score, escalation or lead
///
///   chatledger trace 8800031                                whatever has this id
///
/// Prints what people wrote, as it came. It needs the log: a delivery is shown byte for byte, with its place there.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Trace {
    /// A delivery id, an escalation key, a lead key, or an id with or without `message:`, `request:`, `score:`, `lead:`.
    #[arg(value_name = "WHAT")]
    what: String,
    /// The account; all of them otherwise.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Shows at most so many deliveries, the first and the last ones.
    #[arg(long, value_name = "N", default_value_t = 20)]
    deliveries: usize,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Trace {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        let asked = Asked::read(&self.what);
        let installation = Installation::open(configuration).await?;
        let traces =
            gather(&installation, configuration, &asked, self.account.as_ref(), self.deliveries).await;
        installation.close().await?;
        let traces = traces?;
        if traces.is_empty() {
            return Err(WrongUsage(format!(
                "nothing is known of {:?}; what was captured a moment ago may not be projected yet, and \
                 `report accounting` says how far the tables are",
                self.what
            ))
            .into());
        }
        Ok(std::io::stdout().write_all(crate::trace::written(&traces, self.format)?.as_bytes())?)
    }
}
