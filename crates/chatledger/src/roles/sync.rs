//! The role `sync`: leads into CRMs.

use std::sync::Arc;

use ingest::capture::Probe;
use tokio_util::task::TaskTracker;

use super::Stage;
use super::ended::Ended;
use crate::commands::sync::build;

const ROLE: &str = "crm sync";

/// Sends what differs until the stop. Where no CRM is configured it only clears what is noted for one.
///
/// # Errors
/// When the client of one cannot be made.
pub(super) fn start(stage: &Stage<'_>, tasks: &TaskTracker, ended: &Ended) -> anyhow::Result<Arc<dyn Probe>> {
    let sync = build(stage.installation, stage.configuration.crms.clone())?;
    let stop = stage.stop.clone();
    tasks.spawn(ended.clone().watch(ROLE, async move { sync.run(stop).await }));
    Ok(ended.probe(ROLE))
}
