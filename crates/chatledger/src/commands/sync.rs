use std::io::Write as _;

use anyhow::bail;
use crm_sync::{Crm, CrmError, Options, Preview, Summary, Surroundings, Sync, Verification};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{StoppedByLimit, WrongUsage};
use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::progress::SyncProgress;
use crate::shutdown;

mod written;

/// Records that `--verify` reads back.
const SAMPLE: u32 = 100;

/// Brings leads into the CRMs.
///
/// `up` does it by itself: what changes within seconds, and everything that differs at night. Without a flag this
/// command says how each CRM is doing.
///
///   chatledger sync --dry-run           what would be created and changed, and what it would cost
///
///   chatledger sync --once              sends everything that differs now
///
///   chatledger sync --verify            reads some records back and compares
///
/// A lead has these fields: key, name, phone, email, transports, tags, operator, score, score_scale, score_at,
/// first_message_at, last_message_at, dialog_url. In HubSpot name, phone and email go to firstname, phone and email and
/// are only filled where they are empty; the others go to properties chat_…, which are created. Others: `fields` and
/// `ownership` in section crm.
///
/// Exit codes: 1 when a lead is refused or differs, 75 when a limit ended it early.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SyncCommand {
    /// This CRM only; otherwise all that are configured.
    #[arg(long, value_name = "NAME")]
    crm: Option<String>,
    /// Says what would be sent, and why. Changes nothing, here or there.
    #[arg(long, conflicts_with_all = ["once", "verify"])]
    dry_run: bool,
    /// Sends everything that differs, now, to its end.
    #[arg(long)]
    once: bool,
    /// Sends dead letters once more, as they are today.
    #[arg(long, requires = "once")]
    retry_dead: bool,
    /// Reads back a hundred records and lists what is not as it was accepted.
    #[arg(long)]
    verify: bool,
    /// How it is written.
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

/// Brings leads into `crms`.
///
/// # Errors
/// What is wrong with one of them.
pub(crate) fn build(installation: &Installation, crms: Vec<Crm>) -> anyhow::Result<Sync> {
    let Installation { pool, clock, ids, .. } = installation;
    let surroundings = Surroundings { pool: pool.clone(), clock: clock.clone(), ids: ids.clone() };
    Ok(Sync::new(&surroundings, crms)?)
}

/// What was done with one CRM.
#[derive(Default)]
struct Done {
    preview: Option<Preview>,
    summary: Option<Summary>,
    verification: Option<Verification>,
    state: Option<crm_sync::State>,
}

impl SyncCommand {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        let crms = select(&configuration.crms, self.crm.as_deref())?;
        let names: Vec<String> = crms.iter().map(|crm| crm.name.clone()).collect();
        let stop = shutdown::token()?;
        let installation = Installation::open(configuration).await?;
        let sync = build(&installation, crms);
        let outcome = match &sync {
            Ok(sync) => self.all(sync, &names, &stop).await,
            Err(error) => Err(anyhow::anyhow!("{error:#}")),
        };
        drop(sync);
        installation.close().await?;
        outcome
    }

    /// One after the other; a CRM that fails keeps no other from its turn.
    async fn all(&self, sync: &Sync, names: &[String], stop: &CancellationToken) -> anyhow::Result<()> {
        let (mut done, mut outcome) = (Vec::new(), Ok(()));
        for name in names {
            let mut one = Done::default();
            let ended = self.one(sync, name, stop, &mut one).await.map_err(graded);
            let ended = ended.and_then(|()| one.graded());
            done.push(one);
            outcome = outcome.and(ended);
            if stop.is_cancelled() {
                break;
            }
        }
        std::io::stdout().write_all(self.written(&done)?.as_bytes())?;
        outcome
    }

    async fn one(
        &self,
        sync: &Sync,
        name: &str,
        stop: &CancellationToken,
        done: &mut Done,
    ) -> Result<(), CrmError> {
        if self.dry_run {
            done.preview = Some(sync.preview(name).await?);
            return Ok(());
        }
        if self.once {
            let bar = SyncProgress::new(name);
            let options = Options { retry_dead: self.retry_dead };
            let summary = sync.once(name, options, &|progress| bar.show(&progress), stop).await;
            bar.finish();
            done.summary = Some(summary?);
        }
        if self.verify {
            done.verification = Some(sync.verify(name, SAMPLE).await?);
        }
        if !self.once && !self.verify {
            done.state = Some(sync.state(name).await?);
        }
        Ok(())
    }

    fn written(&self, done: &[Done]) -> anyhow::Result<String> {
        if self.format == Format::Table {
            return Ok(written::table_of(done));
        }
        let all: Vec<Value> = done.iter().filter_map(Done::json).collect();
        Ok(format!("{}\n", serde_json::to_string_pretty(&json!({ "crms": all }))?))
    }
}

impl Done {
    /// Nothing, where it failed before anything was done.
    fn json(&self) -> Option<Value> {
        let mut all = serde_json::Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                all.entry("crm").or_insert_with(|| value["crm"].clone());
                all.insert(key.to_owned(), value);
            }
        };
        put("dry_run", self.preview.as_ref().map(|preview| json!(preview)));
        put("summary", self.summary.as_ref().map(|summary| json!(summary)));
        put("verification", self.verification.as_ref().map(|verification| json!(verification)));
        put("state", self.state.as_ref().map(written::state_json));
        (!all.is_empty()).then_some(Value::Object(all))
    }

    /// Whether what was done is good.
    fn graded(&self) -> anyhow::Result<()> {
        if let Some(Summary { crm, dead, waiting, .. }) = &self.summary {
            match (*dead, *waiting) {
                (0, 0) => {}
                (0, waiting) => {
                    let what = format!("crm {crm}: {waiting} leads still wait; run the same command later");
                    return Err(StoppedByLimit(what).into());
                }
                (1, _) => bail!("crm {crm}: 1 lead is refused"),
                (dead, _) => bail!("crm {crm}: {dead} leads are refused"),
            }
        }
        if let Some(found) = &self.verification
            && !found.mismatches.is_empty()
        {
            bail!("crm {}: {} of {} records differ", found.crm, found.mismatches.len(), found.read);
        }
        Ok(())
    }
}

/// The exit code that fits.
fn graded(error: CrmError) -> anyhow::Error {
    match error {
        CrmError::Limited { .. } => StoppedByLimit(error.to_string()).into(),
        CrmError::Settings(_) => WrongUsage(error.to_string()).into(),
        CrmError::Broken { .. } | CrmError::Stopped | CrmError::Store(_) => error.into(),
    }
}

/// The CRM called so, or all.
fn select(crms: &[Crm], name: Option<&str>) -> Result<Vec<Crm>, WrongUsage> {
    let chosen: Vec<Crm> =
        crms.iter().filter(|crm| name.is_none_or(|name| crm.name == name)).cloned().collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let names = crms.iter().map(|crm| crm.name.as_str()).collect::<Vec<_>>().join(", ");
    Err(WrongUsage(match name {
        Some(name) if !crms.is_empty() => format!("no crm {name:?} is configured; there are: {names}"),
        _ => "no crm is configured; add one as [[crm]] to chatledger.toml".to_owned(),
    }))
}
