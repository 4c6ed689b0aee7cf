//! The HTTP face: several accounts in one server, told apart by their tokens.
//!
//! A ticking task moves each world on with the clock and sends what its outbox says is due; the routes answer from the
//! model. All I/O of this crate is here. [`serve`] is for accounts of Chat2Desk; [`host()`] serves one
//! [`crate::service::Service`] (HubSpot, the receiver of webhooks) on a port of its own.

mod clock;
mod commands;
mod connection;
mod faults;
mod gates;
mod host;
mod routes;
mod sender;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::business::{Business, Live};
use crate::chat2desk::{Fault, Faults, Rated, Told, World};
pub use clock::WorldClock;
use connection::{Cut, CuttingListener};
use gates::Gates;
pub use host::{Hosted, host};

/// Larger bodies are refused.
const LARGEST_BODY: usize = 16 << 20;

/// What a bad day looks like.
const SORRY: &str =
    "<html><head><title>Sorry</title></head><body><h1>We are being improved</h1></body></html>";

/// The first half of a text.
fn half(text: &str) -> &str {
    text.get(..text.floor_char_boundary(text.len() / 2)).unwrap_or("")
}

/// One account with the people who act in it and the faults that wait.
#[derive(Debug)]
pub struct Tenant {
    /// The account.
    pub world: World,
    /// Who acts in it; nobody in a test that does everything itself.
    pub business: Option<Business>,
    /// Bad things to come.
    pub faults: Faults,
    held: Gates,
}

impl Tenant {
    /// An account, perhaps with its business.
    pub fn new(world: World, business: Option<Business>) -> Self {
        Self { world, business, faults: Faults::default(), held: Gates::default() }
    }

    /// Lives up to the instant.
    fn advance_to(&mut self, now: chrono::DateTime<chrono::Utc>) {
        match &mut self.business {
            Some(business) => business.advance_to(&mut self.world, now),
            None => {
                self.world.reach(now);
            }
        }
    }
}

/// What the tasks of a server share.
#[derive(Debug)]
struct Shared {
    tenants: Vec<Mutex<Tenant>>,
    clock: WorldClock,
    wake: Notify,
    stop: CancellationToken,
}

impl Shared {
    fn lock(&self, index: usize) -> Option<MutexGuard<'_, Tenant>> {
        self.tenants.get(index).map(|tenant| tenant.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, wanted: impl Fn(&Tenant) -> bool) -> Option<usize> {
        (0..self.tenants.len()).find(|index| self.lock(*index).is_some_and(|tenant| wanted(&tenant)))
    }

    /// Lets every world live up to the clock, and wakes the sender.
    fn catch_up(&self) {
        let now = self.clock.now();
        for index in 0..self.tenants.len() {
            if let Some(mut tenant) = self.lock(index) {
                tenant.advance_to(now);
            }
        }
        self.wake.notify_one();
    }
}

/// A running server. Dropping it stops it without waiting; [`Handle::stop`] waits.
#[derive(Debug)]
pub struct Handle {
    addr: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<Result<(), Error>>>,
}

/// Serves the accounts on `listener` until the handle is stopped. Call it inside a tokio runtime.
///
/// # Errors
/// [`Error::Serve`] when the listener is unusable, [`Error::Client`] when no webhook can be sent.
pub fn serve(tenants: Vec<Tenant>, listener: TcpListener, clock: WorldClock) -> Result<Handle, Error> {
    let addr = listener.local_addr().map_err(Error::Serve)?;
    let shared = Arc::new(Shared {
        tenants: tenants.into_iter().map(Mutex::new).collect(),
        clock,
        wake: Notify::new(),
        stop: CancellationToken::new(),
    });
    let sending = tokio::spawn(sender::run(shared.clone(), sender::client()?));
    let service = routes::router(shared.clone()).into_make_service_with_connect_info::<Cut>();
    let stop = shared.stop.clone();
    let serving = tokio::spawn(async move {
        let server = axum::serve(CuttingListener(listener), service);
        server.with_graceful_shutdown(stop.cancelled_owned()).await.map_err(Error::Serve)
    });
    Ok(Handle { addr, shared, tasks: vec![serving, sending] })
}

impl Handle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://host:port`, the API base of every account in it.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The worlds' clock.
    pub fn clock(&self) -> &WorldClock {
        &self.shared.clock
    }

    /// Looks at, or changes, the account called `slug`; `None` when there is none. Do not block inside.
    pub fn with<T>(&self, slug: &str, look: impl FnOnce(&mut Tenant) -> T) -> Option<T> {
        let index = self.shared.find(|tenant| tenant.world.account.slug == slug)?;
        let found = self.shared.lock(index).map(|mut tenant| look(&mut tenant));
        self.shared.wake.notify_one();
        found
    }

    /// Moves the clock on; the businesses live through the span before this returns.
    pub fn advance(&self, by: TimeDelta) {
        self.shared.clock.advance(by);
        self.shared.catch_up();
    }

    /// Queues a fault; false when there is no such account.
    pub fn fault(&self, slug: &str, fault: Fault) -> bool {
        self.with(slug, |tenant| tenant.faults.push(fault)).is_some()
    }

    /// Lets calls that wait under `name` go on; false when there is no such account.
    pub fn release(&self, slug: &str, name: &str) -> bool {
        self.with(slug, |tenant| tenant.held.release(name)).is_some()
    }

    /// Begins a live phase; false when there is no such account or nobody acts in it.
    pub fn go_live(&self, slug: &str, live: Live) -> bool {
        let now = self.shared.clock.now();
        let live = |tenant: &mut Tenant| tenant.business.as_mut().map(|business| business.go_live(live, now));
        self.with(slug, live).flatten().is_some()
    }

    /// The client of the chat of `slug` that was closed last is asked for a score and gives it now: survey, messages,
    /// tag, row of the report, and their webhooks.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account or no chat to rate, [`Error::WrongState`] when the score is
    /// not 1 to 5.
    pub fn rate_latest(&self, slug: &str, score: u8) -> Result<Rated, Error> {
        let now = self.shared.clock.now();
        let rate = |tenant: &mut Tenant| {
            tenant.advance_to(now);
            tenant.world.rate_latest(now, None, score, Told::Both)
        };
        self.with(slug, rate).unwrap_or(Err(Error::NotFound { what: "account" }))
    }

    /// Ends when the server has stopped: by [`Handle::stop`] from elsewhere, or by an error.
    ///
    /// # Errors
    /// [`Error::Serve`].
    pub async fn wait(mut self) -> Result<(), Error> {
        for task in std::mem::take(&mut self.tasks) {
            task.await.map_err(|error| Error::Serve(std::io::Error::other(error)))??;
        }
        Ok(())
    }

    /// Stops gracefully: takes no more calls, finishes those that run, abandons webhooks that wait.
    ///
    /// # Errors
    /// [`Error::Serve`] when the server had failed before.
    pub async fn stop(self) -> Result<(), Error> {
        self.shared.stop.cancel();
        self.wait().await
    }

    /// Stops the server when cancelled; for a caller that is inside [`Handle::wait`].
    pub fn stopper(&self) -> CancellationToken {
        self.shared.stop.clone()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // `wait` has taken the tasks; only an abandoned handle still has some.
        if !self.tasks.is_empty() {
            self.shared.stop.cancel();
        }
    }
}

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod host_tests;
#[cfg(test)]
mod tests;
