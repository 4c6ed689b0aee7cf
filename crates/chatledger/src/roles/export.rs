//! The role `export`: the Parquet files of `[export] out` kept up to date.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::Stage;
use crate::exporting::Exporting;

/// Exports every minute until the stop; nothing where no `out` is configured.
///
/// # Errors
/// When the address is none, or the key of hashed columns cannot be used.
pub(super) fn start(stage: &Stage<'_>, tasks: &TaskTracker) -> anyhow::Result<()> {
    let Some(out) = &stage.configuration.export.out else { return Ok(()) };
    let exporting = Exporting::open(stage.configuration, out)?;
    let (installation, stop) = (Arc::clone(stage.installation), stage.stop.clone());
    tasks.spawn(async move { exporting.follow(&installation, &stop).await });
    Ok(())
}
