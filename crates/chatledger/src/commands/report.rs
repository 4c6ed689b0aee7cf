use std::io::Write as _;

use crate::configuration::Configuration;
use crate::installation::{Installation, Tables};

mod accounting;
mod asked;
mod figures;
mod menu;
mod trust;

use accounting::AccountingArguments;
pub(super) use asked::select;
use figures::{ResponseTimesArguments, ScoresArguments, WorkloadArguments};
use menu::{MenuArguments, TagsArguments};
use trust::{CompletenessArguments, RestatementsArguments};

/// Figures from the tables.
///
///   chatledger report response-times --from 2026-10-01 --to 2026-10-07 --by operator
///
///   chatledger report accounting --verify
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Report {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, clap::Subcommand)]
enum Which {
    ResponseTimes(ResponseTimesArguments),
    Scores(ScoresArguments),
    Workload(WorkloadArguments),
    Menu(MenuArguments),
    Tags(TagsArguments),
    Accounting(AccountingArguments),
    Restatements(RestatementsArguments),
    Completeness(CompletenessArguments),
}

impl Report {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        // Before anything is opened.
        if let Which::ResponseTimes(ResponseTimesArguments { asked, .. })
        | Which::Scores(ScoresArguments { asked, .. })
        | Which::Workload(WorkloadArguments { asked, .. })
        | Which::Menu(MenuArguments { asked, .. })
        | Which::Tags(TagsArguments { asked, .. })
        | Which::Restatements(RestatementsArguments { asked, .. })
        | Which::Completeness(CompletenessArguments { asked, .. }) = &self.which
        {
            asked.account(configuration)?;
        }
        match self.which {
            Which::ResponseTimes(of) => {
                of_tables(configuration, async |tables| of.run(configuration, tables).await).await
            }
            Which::Scores(of) => {
                of_tables(configuration, async |tables| of.run(configuration, tables).await).await
            }
            Which::Workload(of) => {
                of_tables(configuration, async |tables| of.run(configuration, tables).await).await
            }
            Which::Menu(of) => {
                of_tables(configuration, async |tables| of.run(configuration, tables).await).await
            }
            Which::Tags(of) => {
                of_tables(configuration, async |tables| of.run(configuration, tables).await).await
            }
            Which::Restatements(of) => {
                of_tables(configuration, async |tables| of.run(configuration, tables).await).await
            }
            // Who verifies reads the log; who says what is missing too: it may be on its way from there.
            Which::Accounting(of) if of.verify => {
                of_log(configuration, async |all| of.verified(configuration, all).await).await
            }
            Which::Accounting(of) => of_tables(configuration, async |tables| of.run(tables).await).await,
            Which::Completeness(of) => {
                of_log(configuration, async |all| of.run(configuration, all).await).await
            }
        }
    }
}

/// Figures that a rebuild would change are not given in silence.
async fn note_stale(pool: &store::PgPool) -> anyhow::Result<()> {
    for account in store::rules::stale(pool).await? {
        writeln!(
            std::io::stderr(),
            "note: time_zone of {account} was changed, and times that the platform wrote in local time are still read in the \
             one before: run `chatledger rebuild`"
        )?;
    }
    Ok(())
}

/// A report that needs no log.
async fn of_tables(
    configuration: &Configuration,
    report: impl AsyncFnOnce(&Tables) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let tables = Tables::open(configuration).await?;
    let outcome = match note_stale(&tables.pool).await {
        Ok(()) => report(&tables).await,
        failed => failed,
    };
    tables.close().await?;
    outcome
}

/// A report that reads the log too.
async fn of_log(
    configuration: &Configuration,
    report: impl AsyncFnOnce(&Installation) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let installation = Installation::open(configuration).await?;
    let outcome = match note_stale(&installation.pool).await {
        Ok(()) => report(&installation).await,
        failed => failed,
    };
    installation.close().await?;
    outcome
}
