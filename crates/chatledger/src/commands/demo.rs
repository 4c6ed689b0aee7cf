use std::io::IsTerminal as _;
use std::path::PathBuf;

use crate::demo::{Play, perform};

/// Shows the whole thing against built-in simulators.
///
/// A business with 2,000 clients lives through 30 days. Its history is backfilled, its leads reach a CRM, live chats
/// arrive for a minute, a low score escalates within a second, the tables are written as Parquet; then come the
/// reports, and a page that shows it all. Everything lies in a folder that is removed at the end.
///
///   chatledger demo
///
///   chatledger demo --once              ends by itself, the reports on stdout
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// One finite round: prints the reports and ends. So it does too when stdout is no terminal.
    #[arg(long)]
    once: bool,
    /// Keeps its data in this folder instead of one that is removed.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Clients, about.
    #[arg(long, default_value_t = 2000)]
    clients: u32,
    /// Days of past.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Seconds of live chats.
    #[arg(long, default_value_t = 60)]
    live_seconds: u32,
    /// The seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let Self { once, data_dir, clients, days, live_seconds, seed } = self;
        let stays = !once && std::io::stdout().is_terminal();
        perform(Play { stays, data_dir, clients, days, live_seconds, seed }).await
    }
}
