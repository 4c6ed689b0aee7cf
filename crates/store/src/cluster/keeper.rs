//! One user of the cluster: comes in, watches that the server lives, goes.
//!
//! All of it happens in one thread that lives until the user has left: the server is its child and is waited for there.
//! There is no parent-death signal, because a second process may use the server after its starter was killed.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::time::Instant;

use super::error::{Error, at};
use super::folder::{self, Folder};
use super::sharing::{Sharing, Turn};
use super::{Options, postmaster, server};

/// How often the watch looks.
const LOOK: Duration = Duration::from_millis(100);
/// How long a server may work on its recovery before it answers.
const RECOVERY: Duration = Duration::from_secs(300);
/// How long a server that ends at once is started again: orphans of a crashed one need a moment to go.
const STUBBORN: Duration = Duration::from_secs(15);
/// The longest pause between two tries of the watch.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the owner of the thread asks for; the thread ends with both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Go; stop the server when nobody else uses it.
    Leave,
    /// Kill the server and go.
    Kill,
}

pub(super) struct Keeper {
    sharing: Sharing,
    folder: Folder,
    bin: PathBuf,
    password: String,
    port: u16,
    /// The server, when this thread started it.
    child: Option<Child>,
}

/// How a server that was just started went on.
enum Outcome {
    Ready,
    Ended,
    Silent,
}

impl Keeper {
    /// Comes in: makes, starts or adopts what is there.
    pub(super) async fn enter(data_dir: &Path, options: &Options) -> Result<Self, Error> {
        let control = folder::control(data_dir)?;
        let sharing = Sharing::open(&control)?;
        let turn = sharing.turn()?;
        let alone = sharing.is_alone(&turn)?;
        let folder = Folder::locate(control, &options.elsewhere)?;
        let password = folder.password()?;
        let bin = server::programs(&folder, &options.programs).await?;
        let mut keeper = Self { sharing, folder, bin, password, port: 0, child: None };
        if !keeper.folder.has_cluster() {
            tracing::info!(postgres.folder = %keeper.folder.home.display(), "making a private postgres cluster");
            postmaster::make(&keeper.folder, &keeper.bin, &keeper.password)?;
        }
        if let Err(error) = keeper.open(alone).await {
            if alone {
                postmaster::stop(&keeper.folder, &mut keeper.child).await;
            }
            return Err(error);
        }
        keeper.sharing.stay(&turn)?;
        Ok(keeper)
    }

    pub(super) fn address(&self) -> (u16, String) {
        (self.port, self.password.clone())
    }

    pub(super) fn folder(&self) -> Folder {
        self.folder.clone()
    }

    async fn open(&mut self, alone: bool) -> Result<(), Error> {
        if !self.adopt().await {
            self.start(alone).await?;
        }
        self.create_database().await
    }

    /// Takes a server that somebody else started, if there is one and it answers.
    async fn adopt(&mut self) -> bool {
        let started = Instant::now();
        while let Some(pid) = postmaster::running(&self.folder) {
            if let Some(port) = postmaster::running_port(&self.folder) {
                self.port = port;
                if self.answers().await {
                    tracing::debug!(
                        postgres.pid = pid.as_raw_nonzero(),
                        postgres.port = port,
                        "found it running"
                    );
                    return true;
                }
            }
            if started.elapsed() > RECOVERY {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }

    /// Starts the server on its last port; on another when that is taken and nobody else relies on it.
    async fn start(&mut self, alone: bool) -> Result<(), Error> {
        let started = Instant::now();
        let mut last = if self.port == 0 { self.folder.port() } else { Some(self.port) };
        loop {
            let port = match last {
                Some(port) if !alone || is_free(port) => port,
                _ => free_port().map_err(at(&self.folder.control))?,
            };
            self.folder.keep_port(port)?;
            self.port = port;
            last = Some(port);
            self.child = Some(postmaster::spawn(&self.folder, &self.bin, port)?);
            match self.outcome().await {
                Outcome::Ready => {
                    tracing::info!(
                        postgres.port = port,
                        postgres.alone = alone,
                        "started the private postgres"
                    );
                    return Ok(());
                }
                Outcome::Ended if started.elapsed() < STUBBORN => tokio::time::sleep(LOOK * 3).await,
                Outcome::Ended => return Err(postmaster::does_not_start(&self.folder)),
                Outcome::Silent => {
                    postmaster::stop(&self.folder, &mut self.child).await;
                    return Err(postmaster::does_not_start(&self.folder));
                }
            }
        }
    }

    async fn outcome(&mut self) -> Outcome {
        let started = Instant::now();
        loop {
            if self.child_ended() {
                return Outcome::Ended;
            }
            if self.answers().await {
                return Outcome::Ready;
            }
            if started.elapsed() > RECOVERY {
                return Outcome::Silent;
            }
            tokio::time::sleep(LOOK / 4).await;
        }
    }

    /// Looks after our child, which also clears its pid away when it is dead.
    fn child_ended(&mut self) -> bool {
        let ended = self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)));
        if ended {
            self.child = None;
        }
        ended
    }

    /// Only the cluster's own server knows its password, so a stranger on the port does not pass.
    async fn answers(&self) -> bool {
        let Ok(options) = PgConnectOptions::from_str(&super::url(self.port, &self.password, "postgres"))
        else {
            return false;
        };
        match tokio::time::timeout(Duration::from_secs(5), options.connect()).await {
            Ok(Ok(connection)) => connection.close().await.is_ok(),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    async fn create_database(&self) -> Result<(), Error> {
        let options = PgConnectOptions::from_str(&super::url(self.port, &self.password, "postgres"))?;
        let mut connection = options.connect().await?;
        let query = sqlx::query_scalar("select exists (select from pg_database where datname = $1)");
        let there: bool = query.bind(super::DATABASE).fetch_one(&mut connection).await?;
        if !there {
            sqlx::query("create database chatledger").execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Watches until an order comes: a dead server is started again on the same port, by whoever sees it first.
    pub(super) async fn watch(&mut self, orders: &mut tokio::sync::mpsc::UnboundedReceiver<Order>) -> Order {
        let mut pause = LOOK;
        loop {
            match tokio::time::timeout(pause, orders.recv()).await {
                Ok(order) => return order.unwrap_or(Order::Leave),
                Err(_) if self.is_up() => pause = LOOK,
                Err(_) => match self.revive().await {
                    Ok(()) => pause = LOOK,
                    Err(error) => {
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        tracing::error!(error = %error, "the private postgres is away, trying again");
                    }
                },
            }
        }
    }

    fn is_up(&mut self) -> bool {
        !self.child_ended() && (self.child.is_some() || postmaster::running(&self.folder).is_some())
    }

    async fn revive(&mut self) -> Result<(), Error> {
        let turn = self.sharing.turn()?;
        let revived = if postmaster::running(&self.folder).is_some() {
            Ok(())
        } else {
            tracing::warn!(
                postgres.port = self.port,
                "the private postgres ended by itself, starting it again"
            );
            self.start(false).await
        };
        drop(turn);
        revived
    }

    /// Goes. The server stays for those who still use it; then our child stays a child, and is waited for.
    pub(super) async fn leave(mut self, order: Order) -> Result<Option<Child>, Error> {
        let turn: Turn = self.sharing.turn()?;
        if order == Order::Kill {
            postmaster::kill(&self.folder, &mut self.child).await;
        } else if self.sharing.is_alone(&turn)? {
            postmaster::stop(&self.folder, &mut self.child).await;
            tracing::info!("stopped the private postgres");
        }
        self.sharing.leave(&turn)?;
        Ok(self.child.take())
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
