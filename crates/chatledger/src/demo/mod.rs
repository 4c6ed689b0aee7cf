//! The demo: the real program against the simulators, told line by line.
//!
//! [`cast`] are the simulators, [`script`] is the configuration, [`story`] is what happens in which order, [`curtain`]
//! are the reports at the end. Nothing here does what `up` would not do: it starts the same roles.

mod cast;
mod curtain;
mod script;
mod story;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::installation::Installation;
use crate::roles::{Role, Services, Stage};
use crate::{serving, shutdown};
use cast::Cast;
use story::Story;

/// What is to be shown.
#[derive(Debug)]
pub(crate) struct Play {
    /// Goes on after the reports, until it is stopped.
    pub(crate) stays: bool,
    /// Where its data lies; else in a folder that is removed at the end.
    pub(crate) data_dir: Option<PathBuf>,
    /// Clients, about.
    pub(crate) clients: u32,
    /// Days of past.
    pub(crate) days: u32,
    /// Seconds of live chats.
    pub(crate) live_seconds: u32,
    /// The seed of all chance.
    pub(crate) seed: u64,
}

/// Shows it.
///
/// # Errors
/// When a part of it does not work.
pub(crate) async fn perform(play: Play) -> anyhow::Result<()> {
    let stop = shutdown::token()?;
    // Readable to all: as root, Postgres runs as a user who has to enter it.
    let readable = std::fs::Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().prefix("chatledger-demo-").permissions(readable).tempdir()?;
    let data_dir = play.data_dir.clone().unwrap_or_else(|| folder.path().join("data"));
    say(&format!("a business with {} clients lives through {} days", play.clients, play.days));
    let cast = Cast::assemble(&play).await?;
    let shown = on_stage(&play, &cast, &data_dir, &stop).await;
    stop.cancel();
    cast.leave().await?;
    shown
}

async fn on_stage(
    play: &Play,
    cast: &Cast,
    data_dir: &std::path::Path,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let listener = serving::listen(([127, 0, 0, 1], 0).into()).await?;
    let address = listener.local_addr()?;
    let configuration = script::configuration(data_dir, cast)?;
    let installation = Arc::new(Installation::open(&configuration).await?);
    let stage = Stage { installation: &installation, configuration: &configuration, address, stop };
    let services = Services::start(&stage, &Role::ALL, Router::new())?;
    let server = tokio::spawn(serving::serve(listener, services.router.clone(), stop.clone()));
    let story = Story { play, cast, stage: &stage };
    let shown = story.tell().await;
    stop.cancel();
    server.await??;
    let finished = services.finish().await;
    if let Some(installation) = Arc::into_inner(installation) {
        installation.close().await?;
    }
    shown.and(finished)
}

/// Tells the audience what happens, on stderr.
fn say(text: &str) {
    // Nobody may be listening there.
    let _ = writeln!(std::io::stderr(), "- {text}");
}
