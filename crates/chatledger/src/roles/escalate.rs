//! The role `escalate`: low scores to people.

use std::sync::Arc;

use ingest::capture::Probe;
use tokio_util::task::TaskTracker;

use super::Stage;
use super::ended::Ended;
use crate::escalating;

const ROLE: &str = "escalation";

/// Decides and tells until the stop.
///
/// # Errors
/// When a notifier or the key of the links cannot be used.
pub(super) fn start(stage: &Stage<'_>, tasks: &TaskTracker, ended: &Ended) -> anyhow::Result<Arc<dyn Probe>> {
    let escalator = escalating::escalator(stage.configuration, stage.installation, stage.address)?;
    let stop = stage.stop.clone();
    tasks.spawn(ended.clone().watch(ROLE, async move { escalator.run(stop).await }));
    Ok(ended.probe(ROLE))
}
