//! Export, wired: from the configuration's words to the crate's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use export::plan::Days;
use export::{Account, ExportError, Job, PersonalKey, Progress, Summary, Target};
use tokio_util::sync::CancellationToken;

use crate::configuration::Configuration;
use crate::configuration::export::Personal;
use crate::installation::Installation;
use crate::report::text::grouped;

/// Between two rounds that follow the tables.
pub(crate) const ROUND: Duration = Duration::from_secs(60);

/// Where exports go, and what of.
pub(crate) struct Exporting {
    target: Arc<Target>,
    accounts: Vec<Account>,
    personal: export::Personal,
}

impl Exporting {
    /// To a folder or `s3://bucket/prefix`; nothing is touched yet but the key of hashed columns.
    ///
    /// # Errors
    /// When the address is none, or the key cannot be used.
    pub(crate) fn open(configuration: &Configuration, out: &str) -> anyhow::Result<Self> {
        let target = Arc::new(Target::open(out, tokio::runtime::Handle::current())?);
        let account = |account: &crate::configuration::Account| Account {
            id: account.id.as_str().to_owned(),
            zone: account.time_zone.name().to_owned(),
        };
        let accounts = configuration.accounts.iter().map(account).collect();
        Ok(Self { target, accounts, personal: personal(configuration)? })
    }

    /// Writes what changed.
    ///
    /// # Errors
    /// As of the crate.
    pub(crate) async fn round(
        &self,
        installation: &Installation,
        days: Days,
        show: &(dyn Fn(&Progress) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<Summary, ExportError> {
        let job = Job {
            pool: &installation.pool,
            target: self.target.clone(),
            accounts: &self.accounts,
            personal: self.personal.clone(),
            days,
        };
        export::run(&job, installation.clock.now(), show, stop).await
    }

    /// Writes what changed, every minute until the stop: the role `export`.
    pub(crate) async fn follow(&self, installation: &Installation, stop: &CancellationToken) {
        loop {
            match self.round(installation, Days::default(), &|_| {}, stop).await {
                Ok(summary) if summary.is_unchanged() => {}
                Ok(summary) => tracing::info!(export.target = %summary.target, "{}", sentence(&summary)),
                Err(ExportError::Stopped) => return,
                Err(error) => tracing::warn!(error = %error, "the export is tried again"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }
}

/// What was written, in a few words.
pub(crate) fn sentence(summary: &Summary) -> String {
    let sum = |of: fn(&export::DatasetSummary) -> u64| -> String {
        grouped(i64::try_from(summary.datasets.iter().map(of).sum::<u64>()).unwrap_or(i64::MAX))
    };
    let datasets = summary.datasets.iter().filter(|dataset| dataset.written > 0).count();
    format!(
        "{} rows of {datasets} datasets written as {} Parquet files ({} kB)",
        sum(|dataset| dataset.rows),
        sum(|dataset| dataset.written),
        sum(|dataset| dataset.bytes / 1000),
    )
}

fn personal(configuration: &Configuration) -> anyhow::Result<export::Personal> {
    Ok(match configuration.export.personal {
        Personal::Keep => export::Personal::Keep,
        Personal::Drop => export::Personal::Drop,
        Personal::Hash => {
            let mut random = std::fs::File::open("/dev/urandom").context("/dev/urandom")?;
            let file = configuration.data_dir.join("export.key");
            export::Personal::Hash(PersonalKey::load_or_make(&file, &mut random)?)
        }
    })
}
