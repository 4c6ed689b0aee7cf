//! A real Kafka for the test process (`scripts/kafka`): brokers that end with it.

use std::path::{Path, PathBuf};

use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::leftovers::Folder;

/// The brokers watch their owner themselves; this is for their folder, and for a test that drops them earlier.
const CLEANING: &str = r#""$2" stop --dir "$1/kafka" --kill"#;

static SHARED: OnceCell<Kafka> = OnceCell::const_new();

/// The bootstrap servers of one broker that all tests of the process share: make a topic of your own.
pub async fn kafka() -> String {
    SHARED.get_or_init(own_kafka).await.address().to_owned()
}

/// One broker of the test's own, to stop and to kill. It is node 1.
pub async fn own_kafka() -> Kafka {
    Kafka::start_new("start").await
}

/// Three brokers of the test's own. Node 1 is the only controller: kill 2 or 3 for a fail-over, 1 for an outage.
pub async fn kafka_cluster() -> Kafka {
    Kafka::start_new("cluster").await
}

/// Brokers that a test may stop and kill.
pub struct Kafka {
    address: String,
    folder: Folder,
}

impl Kafka {
    async fn start_new(command: &str) -> Self {
        let folder = Folder::new(CLEANING, &script());
        let address = run(command, folder.path(), &owner()).await;
        Self { address, folder }
    }

    /// The bootstrap servers, `host:port`, with commas between. Good over restarts.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Kills a node with SIGKILL.
    pub async fn kill(&self, node: u32) {
        run("stop", self.folder.path(), &["--kill".to_owned(), "--node".to_owned(), node.to_string()]).await;
    }

    /// Stops a node cleanly.
    pub async fn stop(&self, node: u32) {
        run("stop", self.folder.path(), &["--node".to_owned(), node.to_string()]).await;
    }

    /// Starts a stopped or killed node again on its old port, and waits until it answers.
    pub async fn start(&self, node: u32) {
        let mut arguments = vec!["--node".to_owned(), node.to_string()];
        arguments.extend(owner());
        run("start", self.folder.path(), &arguments).await;
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka").canonicalize().expect("scripts/kafka")
}

fn owner() -> Vec<String> {
    vec!["--owner".to_owned(), std::process::id().to_string()]
}

/// Runs `scripts/kafka` and gives what it prints.
async fn run(command: &str, folder: &Path, arguments: &[String]) -> String {
    let mut script = Command::new(script());
    script.arg(command).arg("--dir").arg(folder.join("kafka")).args(arguments);
    let output = script.output().await.expect("scripts/kafka");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/kafka {command} failed: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
