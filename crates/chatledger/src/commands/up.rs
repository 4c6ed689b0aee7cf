use crate::commands::run::work;
use crate::configuration::Configuration;
use crate::roles::Role;

/// Runs everything in one process: capture, history, projection, escalation, CRM sync, export, the page.
///
/// Without a section database, a private Postgres is started under data_dir. Stops in order on SIGINT or SIGTERM.
///
///   chatledger up
///
///   chatledger --config /etc/chatledger.toml --log-format json up
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Up {}

impl Up {
    pub(crate) async fn run(self, configuration: &Configuration) -> anyhow::Result<()> {
        work(configuration, &Role::ALL).await
    }
}
