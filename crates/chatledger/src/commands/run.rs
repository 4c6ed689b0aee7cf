use std::sync::Arc;

use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::roles::{Role, Services, Stage};
use crate::{serving, shutdown, telemetry};

/// Runs the named roles only, for several machines.
///
///   chatledger run ingest               capture and history
///
///   chatledger run project escalate     the projection, and what follows a low score
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Run {
    /// What this process does.
    #[arg(required = true, value_enum)]
    roles: Vec<Role>,
}

impl Run {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        work(configuration, &self.roles).await
    }
}

/// Does what the roles do until a signal comes.
pub(crate) async fn work(configuration: &Configuration, roles: &[Role]) -> anyhow::Result<()> {
    let stop = shutdown::token()?;
    // The address first: a second `up` on one machine ends here, before it touches anything.
    let listener = serving::listen(configuration.server.listen).await?;
    let metrics = telemetry::metrics()?;
    let installation = Arc::new(Installation::open(configuration).await?);
    let address = listener.local_addr()?;
    tracing::info!(server.address = %address, accounts = configuration.accounts.len(), "up");
    let stage = Stage { installation: &installation, configuration, address, stop: &stop };
    let services = Services::start(&stage, roles, serving::metrics(metrics))?;
    let served = serving::serve(listener, services.router.clone(), stop.clone()).await;
    stop.cancel();
    let finished = services.finish().await;
    if let Some(installation) = Arc::into_inner(installation) {
        installation.close().await?;
    }
    served.and(finished)
}
