//! The role `project`: the log into the tables.

use std::sync::Arc;

use ingest::capture::Probe;
use projection::{Runner, Settings};
use tokio_util::task::TaskTracker;

use super::Stage;
use super::ended::Ended;
use crate::{lag, rules};

const ROLE: &str = "projection";
const PUBLISHING: &str = "publishing of figures";

/// Projects until the stop. Capture goes on without a projection: what comes is kept.
pub(super) fn start(stage: &Stage<'_>, tasks: &TaskTracker, ended: &Ended) -> [Arc<dyn Probe>; 2] {
    let Stage { installation, configuration, stop, .. } = stage;
    let runner = Runner::new(
        installation.log.clone(),
        installation.pool.clone(),
        rules::projection(configuration),
        Settings::default(),
        store::LIVE,
        &installation.owner(),
    )
    .timed(installation.clock.clone());
    let until = (*stop).clone();
    tasks.spawn(ended.clone().watch(ROLE, async move { runner.run(until).await }));
    tasks.spawn(lag::watch((*installation).clone(), (*stop).clone()));
    let publisher = rules::publisher(installation, configuration);
    let until = (*stop).clone();
    tasks.spawn(ended.clone().watch(PUBLISHING, async move { publisher.run(until).await }));
    [ROLE, PUBLISHING].map(|part| ended.probe(part))
}
