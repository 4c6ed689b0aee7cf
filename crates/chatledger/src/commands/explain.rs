use std::io::Write as _;

use events::AccountId;

use super::WrongUsage;
use crate::configuration::Configuration;
use crate::explaining::{self, Asked, Format, Found};
use crate::installation::Installation;

/// Shows the fold of one dialog or request, step by step, with the delivery behind each step.
///
///   chatledger explain 8800031                a dialog or a request, by its id
///   chatledger explain request:8800031        a request, where a dialog has the same id
///   chatledger explain derived:330001/12:614  a request that the platform gave no id
///
/// Says which telling won which field where several roads told it; why a request begins and ends
/// where it does; who held it; each question and its answer; the durations with their two ends;
/// tags and scores; what does not count, and why. `chatledger trace DELIVERY` shows the bytes
/// behind a step. What people wrote is shown with --texts only.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Explain {
    /// The id of a dialog, or the key of a request, with or without `dialog:` or `request:`.
    #[arg(value_name = "DIALOG|REQUEST")]
    what: String,
    /// The account; all of them otherwise.
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Also shows what people wrote.
    #[arg(long)]
    texts: bool,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Explain {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        let asked = Asked::read(&self.what);
        let installation = Installation::open(configuration).await?;
        let found =
            explaining::gather(&installation, configuration, &asked, self.account.as_ref(), self.texts).await;
        installation.close().await?;
        let stories = match found? {
            Found::Stories(stories) => stories,
            Found::Nothing => {
                return Err(WrongUsage(format!(
                    "no dialog and no request {:?} is in the tables; `chatledger trace {}` looks for messages and deliveries, \
                     and `chatledger report accounting` says how far the tables are",
                    self.what, self.what
                ))
                .into());
            }
            Found::Several => {
                return Err(WrongUsage(format!(
                    "{id} is a dialog and a request: write dialog:{id} or request:{id}",
                    id = self.what
                ))
                .into());
            }
        };
        let text = explaining::written(&stories, self.format, self.texts)?;
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }
}
