//! Waking readers: at once in this process, by a debounced `NOTIFY` in others.
//!
//! The `NOTIFY` is sent after the commit on a connection of its own: inside the append's transaction it would make all
//! commits of the server wait for one another. It may be lost; readers poll anyway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

const CHANNEL: &str = "chatledger_log";
/// At most one `NOTIFY` in this time.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Pause before a lost listening connection is opened again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Owns the tasks: they end with it.
pub(crate) struct Wake {
    own: PgPool,
    handle: WakeHandle,
    tasks: Mutex<JoinSet<()>>,
}

/// The appending side.
#[derive(Clone)]
pub(crate) struct WakeHandle {
    readers: watch::Sender<()>,
    others: Arc<Notify>,
}

impl WakeHandle {
    /// Something was committed.
    pub(crate) fn appended(&self) {
        self.readers.send_replace(());
        self.others.notify_one();
    }
}

impl Wake {
    pub(crate) fn new(pool: &PgPool) -> Self {
        let options = (*pool.connect_options()).clone();
        // One connection to notify, one to listen; opened when first needed.
        let own = PgPoolOptions::new().max_connections(2).max_lifetime(None).connect_lazy_with(options);
        let handle = WakeHandle { readers: watch::Sender::new(()), others: Arc::new(Notify::new()) };
        let mut tasks = JoinSet::new();
        tasks.spawn(notify(own.clone(), Arc::clone(&handle.others)));
        Self { own, handle, tasks: Mutex::new(tasks) }
    }

    pub(crate) fn handle(&self) -> WakeHandle {
        self.handle.clone()
    }

    /// A reader's end. The first reader starts the listening.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.len() < 2 {
            tasks.spawn(listen(self.own.clone(), self.handle.readers.clone()));
        }
        self.handle.readers.subscribe()
    }
}

async fn notify(pool: PgPool, appended: Arc<Notify>) {
    loop {
        appended.notified().await;
        if let Err(error) = sqlx::query("select pg_notify($1, '')").bind(CHANNEL).execute(&pool).await {
            tracing::debug!(log.error = %super::failure(&error), "readers elsewhere not woken; they poll");
        }
        tokio::time::sleep(DEBOUNCE).await;
    }
}

async fn listen(pool: PgPool, readers: watch::Sender<()>) {
    loop {
        if let Err(error) = listened(&pool, &readers).await {
            tracing::debug!(log.error = %super::failure(&error), "not listening for appends; readers poll");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn listened(pool: &PgPool, readers: &watch::Sender<()>) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        listener.recv().await?;
        readers.send_replace(());
    }
}
