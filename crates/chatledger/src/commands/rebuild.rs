use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use projection::publishing::{look_after, look_before};
use projection::rebuild::{Control, RebuildError, Switched, TableDiff};
use projection::runner::{RowChange, fold_one};
use projection::{Rebuild, Rules};
use serde_json::json;
use store::PgPool;
use store::figures::Cause;
use store::generations::state::{self, Wish};
use store::generations::{self, Claim, NEXT, OLD};
use tokio_util::sync::CancellationToken;

use super::WrongUsage;
use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::progress::RebuildProgress;
use crate::report::differences;
use crate::{rules, shutdown};

/// Makes all tables again from the log, beside the live ones, and puts them in their place.
///
/// Everything else goes on meanwhile: webhooks, the live tables, reports. When the new tables have
/// caught up, it says what they tell differently, and exchanges them in one moment. Nothing is sent
/// to anybody because of it. The tables before stay as schema chat_old until the next rebuild.
/// Stopped with ctrl-c, it goes on where it was the next time. Until they are folded, it keeps what the
/// deliveries say in files below data_dir: about as many bytes as their bodies have. On another machine
/// it begins anew; what it left on the first one is removed by the next rebuild there.
///
///   chatledger rebuild --diff           make them, say what differs, do not exchange
///   chatledger rebuild                  …and exchange (goes on with those that are made)
///   chatledger rebuild --from-scratch   begin anew; also when the log was made anew
///   chatledger rebuild --dialog 410002  one dialog only, at once, in the live tables
///   chatledger rebuild --pause          from another terminal; --resume, --cancel
///   chatledger rebuild --drop-old       drop the tables before
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RebuildCommand {
    /// Drops what an earlier rebuild left, and begins anew.
    #[arg(long, conflicts_with_all = ["dialog", "pause", "resume", "cancel", "drop_old"])]
    from_scratch: bool,
    /// Makes the tables, says what differs, and does not exchange them.
    #[arg(long, conflicts_with_all = ["dialog", "pause", "resume", "cancel", "drop_old"])]
    diff: bool,
    /// Folds the conversation of this dialog or request anew, in the live tables.
    #[arg(long, value_name = "ID", conflicts_with_all = ["pause", "resume", "cancel", "drop_old"])]
    dialog: Option<String>,
    /// Lets a running rebuild wait.
    #[arg(long, conflicts_with_all = ["resume", "cancel", "drop_old"])]
    pause: bool,
    /// Lets it go on.
    #[arg(long, conflicts_with_all = ["cancel", "drop_old"])]
    resume: bool,
    /// Ends a rebuild and drops what it made.
    #[arg(long, conflicts_with_all = ["drop_old"])]
    cancel: bool,
    /// Drops the tables that the last rebuild replaced.
    #[arg(long)]
    drop_old: bool,
    /// How the outcome is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

impl RebuildCommand {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        let stop = shutdown::token()?;
        let installation = Installation::open(configuration).await?;
        let rules = rules::projection(configuration);
        let outcome = Box::pin(self.on(&installation, &rules, &stop, &configuration.data_dir)).await;
        installation.close().await?;
        outcome
    }

    async fn on(
        &self,
        installation: &Installation,
        rules: &Rules,
        stop: &CancellationToken,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let pool = &installation.pool;
        match self {
            Self { pause: true, .. } => want(installation, Wish::Pause).await,
            Self { resume: true, .. } => want(installation, Wish::Go).await,
            Self { cancel: true, .. } => cancel(installation, rules, folder).await,
            Self { drop_old: true, .. } => {
                // A rebuild that runs would drop it too, and make another one.
                let claim = claimed(pool).await?;
                let is_there = generations::exists(pool, OLD).await?;
                generations::drop_schema(pool, OLD).await?;
                claim.release().await?;
                let what =
                    if is_there { "schema chat_old is dropped" } else { "there is no schema chat_old" };
                Ok(writeln!(std::io::stdout(), "{what}")?)
            }
            Self { dialog: Some(dialog), .. } => self.one_dialog(installation, rules, dialog).await,
            _ => Box::pin(self.rebuild(installation, rules, stop, folder)).await,
        }
    }

    async fn rebuild(
        &self,
        installation: &Installation,
        rules: &Rules,
        stop: &CancellationToken,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let pool = &installation.pool;
        let claim = claimed(pool).await?;
        generations::free_leases(pool, &claim).await?;
        let rebuild = Rebuild::new(
            installation.log.clone(),
            pool.clone(),
            rules.clone(),
            &installation.owner(),
            folder,
        );
        let (control, progress) = (Control::new(stop.clone()), RebuildProgress::new());
        let work = Box::pin(async {
            rebuild.build(self.from_scratch, &control).await?;
            let diff = rebuild.follow(&control, async || rebuild.diff().await).await?;
            Ok(diff)
        });
        let compared = control.beside(pool, &|moment| progress.show(&moment), work).await;
        progress.finish();
        let outcome = match compared {
            Ok(diff) => {
                // What differs is said before anything is exchanged.
                let moves = generations::moves(pool).await?;
                self.tell_differences(&diff, &moves)?;
                let exchanged = if self.diff {
                    Ok(None)
                } else {
                    // What had changed before keeps its own cause.
                    if let Err(error) = look_before(pool, installation.clock.now(), None).await {
                        tracing::warn!(error = %error, "what changed before the rebuild is restated with it");
                    }
                    let work = Box::pin(rebuild.switch(&control));
                    let switched = control.beside(pool, &|moment| progress.show(&moment), work).await;
                    progress.finish();
                    switched.map(Some)
                };
                exchanged.map(|switched| (diff, moves, switched))
            }
            Err(error) => Err(error),
        };
        if matches!(outcome, Err(RebuildError::Cancelled)) {
            rebuild.discard_cancelled(&control).await?;
        }
        if matches!(outcome, Ok((_, _, Some(_)))) {
            // What was stored at the last moment counts too.
            rebuild.fold_waiting().await?;
        }
        rebuild.close().await;
        let (diff, moves, switched) = outcome?;
        claim.release().await?;
        self.tell_outcome(&diff, &moves, switched.as_ref())?;
        match switched {
            Some(_) => after_the_switch(installation).await,
            None => Ok(()),
        }
    }

    /// What differs, and what of others the exchange takes away.
    fn tell_differences(&self, diff: &[TableDiff], moves: &[String]) -> anyhow::Result<()> {
        if self.format == Format::Json {
            return Ok(());
        }
        let mut out = std::io::stdout();
        writeln!(out, "{}", differences::table(diff))?;
        for what in moves {
            writeln!(
                out,
                "{what} is not ours: the exchange takes it to schema {OLD} with the tables before; bring or make it anew after it"
            )?;
        }
        Ok(())
    }

    fn tell_outcome(
        &self,
        diff: &[TableDiff],
        moves: &[String],
        switched: Option<&Switched>,
    ) -> anyhow::Result<()> {
        let mut out = std::io::stdout();
        if self.format == Format::Json {
            let told = json!({"diff": diff, "moves": moves, "switched": switched});
            return Ok(writeln!(out, "{told}")?);
        }
        let Some(switched) = switched else {
            let next = "`chatledger rebuild` goes on and exchanges them, `--cancel` drops them";
            return Ok(writeln!(out, "the new tables are in schema {NEXT}; {next}")?);
        };
        writeln!(out, "the new tables are live; those before are in schema {OLD}")?;
        for view in &switched.remade {
            writeln!(out, "view {view} reads the new tables")?;
        }
        for left in &switched.left {
            writeln!(out, "{} was left as it is: {}; make it anew on schema chat", left.what, left.why)?;
        }
        Ok(())
    }

    async fn one_dialog(&self, installation: &Installation, rules: &Rules, id: &str) -> anyhow::Result<()> {
        let pool = &installation.pool;
        let found = store::folding::conversations_of(pool, id).await?;
        if found.is_empty() {
            return Err(WrongUsage(format!("no dialog, request or conversation {id:?} is known")).into());
        }
        let mut changes: Vec<(String, String, RowChange)> = Vec::new();
        for (account, conversation) in &found {
            for change in fold_one(pool, rules, account, conversation).await? {
                changes.push((account.clone(), conversation.clone(), change));
            }
        }
        let mut out = std::io::stdout();
        if self.format == Format::Json {
            let rows: Vec<_> = changes
                .iter()
                .map(|(account, conversation, RowChange { table, key, what })| {
                    json!({"account_id": account, "conversation": conversation, "table": table, "key": key, "what": what})
                })
                .collect();
            return Ok(writeln!(out, "{}", json!({"conversations": found, "changed": rows}))?);
        }
        if changes.is_empty() {
            let count = found.len();
            return Ok(writeln!(out, "{count} conversations folded anew: no row differs")?);
        }
        Ok(writeln!(out, "{}", differences::rows(&changes))?)
    }
}

/// What was published and is not so in the new tables is restated.
async fn after_the_switch(installation: &Installation) -> anyhow::Result<()> {
    let restated = look_after(&installation.pool, installation.clock.now(), Cause::Rebuild).await?;
    if restated.figures > 0 {
        let figures = restated.figures;
        writeln!(
            std::io::stderr(),
            "{figures} published figures are others now: see `chatledger report restatements`"
        )?;
    }
    Ok(())
}

/// The right to rebuild. The server may need a moment to see that a process that held it was killed.
async fn claimed(pool: &PgPool) -> anyhow::Result<Claim> {
    for _ in 0..20 {
        if let Some(claim) = generations::claim(pool).await? {
            return Ok(claim);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Err(RebuildError::Busy.into())
}

async fn want(installation: &Installation, wish: Wish) -> anyhow::Result<()> {
    let pool = &installation.pool;
    if let Some(nobody) = generations::claim(pool).await? {
        nobody.release().await?;
        match state::get(pool).await? {
            Some(_) => bail!(
                "no rebuild is running; one was left: `chatledger rebuild` goes on with it, --cancel drops it"
            ),
            None => bail!("no rebuild is running"),
        }
    }
    if !state::want(pool, wish).await? {
        bail!("the rebuild has only begun or is about to end; try again");
    }
    let said = match wish {
        Wish::Pause => "the rebuild waits; `chatledger rebuild --resume` lets it go on",
        Wish::Go => "the rebuild goes on",
        Wish::Cancel => "the rebuild ends",
    };
    Ok(writeln!(std::io::stdout(), "{said}")?)
}

/// Asks the process that rebuilds to end; what was left by one that has gone is dropped here.
async fn cancel(installation: &Installation, rules: &Rules, folder: &Path) -> anyhow::Result<()> {
    let pool = &installation.pool;
    if let Some(claim) = generations::claim(pool).await? {
        let is_there = generations::exists(pool, NEXT).await?;
        let rebuild = Rebuild::new(installation.log.clone(), pool.clone(), rules.clone(), "cancel", folder);
        rebuild.discard().await.context("what the rebuild made")?;
        rebuild.close().await;
        claim.release().await?;
        if !is_there {
            bail!("no rebuild is running");
        }
        return Ok(writeln!(std::io::stdout(), "what an earlier rebuild left is dropped")?);
    }
    want(installation, Wish::Cancel).await
}
