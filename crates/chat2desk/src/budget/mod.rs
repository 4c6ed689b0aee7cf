//! How often the API may be called: a rate, and the calls of a calendar month (chat2desk.md 1.3, 1.4).
//!
//! The vendor counts both for the whole company. So one [`Budget`] belongs to one account, and everything in the process
//! that calls for this account holds the same one: give it to each client with [`Settings::within`](crate::Settings::within).
//!
//! - **Rate.** Calls are spaced evenly, 4 a second by default. After HTTP 429 all its users wait: for as long as
//!   `Retry-After` says, else 1 s, doubling to 60 s until a call succeeds again, plus up to a quarter. Who would have
//!   to wait for more than [`BudgetSettings::longest_wait`] is told so at once, without a call.
//! - **Quota.** [`Client::api_info`](crate::Client::api_info) tells the budget what is left of the month; each call takes
//!   one. At [`BudgetSettings::reserve`], or when the service says that the quota is spent, every call ends in
//!   [`Error::QuotaSpent`] without reaching the service, until the month ends. Only `api_info` itself still goes out: it is
//!   how a quota that was raised becomes known.
//! - **Which month?** The vendor does not say where its month turns. Ours turns in [`BudgetSettings::zone`], UTC by default.
//!   A quota that is spent in the first 26 hours of a month may be the old month's, so then the stop lasts one hour only.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use chat2desk::{Budget, Client, Settings, Token};
//!
//! let budget = Arc::new(Budget::default());
//! let address: url::Url = "https://api.chat2desk.com".parse()?;
//! let reader = Client::new(Settings::new(address.clone(), Token::new("…")).within(budget.clone()))?;
//! let sender = Client::new(Settings::new(address, Token::new("…")).read_write().within(budget.clone()))?;
//! reader.api_info().await?;
//! println!("{:?} calls left this month", budget.left());
//! # drop(sender); Ok(()) }
//! ```

mod clock;
mod pace;
mod quota;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, FixedOffset, Offset, Utc};

use crate::ApiInfo;
use crate::error::Error;
use quota::Quota;

pub use clock::{SystemClock, WallClock};
pub use pace::{DEFAULT_CALLS_PER_SECOND, Pace, Timer, TokioTimer};

/// What a budget allows.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetSettings {
    /// Most calls a second. Default [`DEFAULT_CALLS_PER_SECOND`].
    pub calls_per_second: f64,
    /// Calls of the month that are left to other integrations of the company. Default 0.
    pub reserve: u64,
    /// Where the month turns. Default UTC.
    pub zone: FixedOffset,
    /// Longest wait within a call after HTTP 429. Default 5 min.
    pub longest_wait: Duration,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            calls_per_second: DEFAULT_CALLS_PER_SECOND,
            reserve: 0,
            zone: Utc.fix(),
            longest_wait: Duration::from_secs(300),
        }
    }
}

/// The first wait after a 429 that names none.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest one.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// The calls of one account, shared by all who make them.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
    pace: Pace,
    clock: Arc<dyn WallClock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Nobody calls before.
    slow_until: Duration,
    /// 429s since the last success.
    refusals: u32,
    quota: Quota,
}

impl Default for Budget {
    /// 4 calls a second, no reserve, months in UTC, the clocks of the system.
    fn default() -> Self {
        Self::new(BudgetSettings::default(), Arc::new(TokioTimer::default()), Arc::new(SystemClock))
    }
}

impl Budget {
    /// A budget; the timer paces, the clock tells the month.
    pub fn new(settings: BudgetSettings, timer: Arc<dyn Timer>, clock: Arc<dyn WallClock>) -> Self {
        let pace = Pace::new(settings.calls_per_second, timer);
        let quota = Quota::new(settings.zone, settings.reserve);
        let state = Mutex::new(State { slow_until: Duration::ZERO, refusals: 0, quota });
        Self { settings, pace, clock, state }
    }

    /// Calls that may still be made this month; `None` when that is not known, or without a limit.
    pub fn left(&self) -> Option<u64> {
        self.locked(|state| state.quota.left(self.clock.now()))
    }

    /// Until when no call goes out because the month's quota is spent.
    pub fn spent_until(&self) -> Option<DateTime<Utc>> {
        self.locked(|state| state.quota.spent_until(self.clock.now()))
    }

    /// Learns what `api_info` said; [`Client::api_info`](crate::Client::api_info) does so by itself.
    pub fn learn(&self, info: &ApiInfo) {
        self.locked(|state| state.quota.learn(info, self.clock.now()));
    }

    /// Waits until a call may go out, and takes it from the month.
    ///
    /// # Errors
    /// [`Error::QuotaSpent`]; [`Error::RateLimited`] where the wait would be longer than the settings allow.
    pub(crate) async fn take(&self, path: &str) -> Result<(), Error> {
        let is_free = path == crate::company::API_INFO;
        loop {
            if !is_free && self.spent_until().is_some() {
                return Err(Error::QuotaSpent);
            }
            let wait = self.slow_for();
            if wait > self.settings.longest_wait {
                return Err(Error::RateLimited { retry_after: Some(wait) });
            }
            if !wait.is_zero() {
                self.pace.timer().sleep(wait).await;
            }
            self.pace.take().await;
            // While it waited for its slot, another call may have been told to slow down, or have used the last one.
            if self.slow_for().is_zero()
                && (is_free || self.locked(|state| state.quota.take(self.clock.now())))
            {
                return Ok(());
            }
        }
    }

    /// Learns how a call ended.
    pub(crate) fn note(&self, error: Option<&Error>) {
        let now = self.pace.timer().now();
        self.locked(|state| match error {
            Some(Error::QuotaSpent) => state.quota.spent(self.clock.now()),
            Some(Error::RateLimited { retry_after }) => {
                let wait = retry_after.unwrap_or_else(|| own_wait(state.refusals, now));
                state.refusals = state.refusals.saturating_add(1);
                state.slow_until = state.slow_until.max(now.saturating_add(wait));
            }
            None => state.refusals = 0,
            Some(_) => {}
        });
    }

    fn slow_for(&self) -> Duration {
        let now = self.pace.timer().now();
        self.locked(|state| state.slow_until.saturating_sub(now))
    }

    fn locked<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Doubles; the odd part of the timer's time spreads what several processes do.
fn own_wait(refusals: u32, now: Duration) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << refusals.min(10)).min(MOST_WAIT);
    doubled + doubled / 1024 * (now.subsec_micros() % 256)
}

#[cfg(test)]
mod tests;
