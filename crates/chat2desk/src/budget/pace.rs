//! A rate of calls, kept by even spacing.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Calls a second where nothing else is configured.
pub const DEFAULT_CALLS_PER_SECOND: f64 = 4.0;

/// A monotonic clock and a way to wait, passed in so that tests do not wait.
pub trait Timer: Send + Sync + 'static {
    /// Time since some fixed instant; never goes back.
    fn now(&self) -> Duration;
    /// Resolves after `wait`.
    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Tokio's timer.
#[derive(Clone, Copy, Debug)]
pub struct TokioTimer(tokio::time::Instant);

impl Default for TokioTimer {
    fn default() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A token bucket of one token: calls are spaced evenly, so no window of a second holds more than its rate plus one.
/// Shared by everything that calls for one account.
pub struct Pace {
    timer: Arc<dyn Timer>,
    every: Duration,
    free_at: Mutex<Duration>,
}

impl Pace {
    /// At most `calls_per_second`; a rate that is not a positive number falls back to the default.
    pub fn new(calls_per_second: f64, timer: Arc<dyn Timer>) -> Self {
        let rate = if calls_per_second.is_finite() && calls_per_second > 0.0 {
            calls_per_second
        } else {
            DEFAULT_CALLS_PER_SECOND
        };
        let every = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::from_secs(3600));
        Self { timer, every, free_at: Mutex::new(Duration::ZERO) }
    }

    /// Waits for the next slot. Waiters are served in the order in which they came. A slot that was taken by a
    /// caller who gave up is lost, which only makes the pace slower.
    pub async fn take(&self) {
        let wait = self.reserve();
        if !wait.is_zero() {
            self.timer.sleep(wait).await;
        }
    }

    /// The timer, for waits that are not slots.
    pub fn timer(&self) -> &Arc<dyn Timer> {
        &self.timer
    }

    fn reserve(&self) -> Duration {
        let now = self.timer.now();
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = now.max(*free_at);
        *free_at = slot + self.every;
        slot - now
    }
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("every", &self.every).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_spaced_evenly_and_idle_time_earns_no_burst() {
        let timer = Arc::new(Waits::default());
        let pace = Pace::new(4.0, timer.clone());
        for _ in 0..5 {
            pace.take().await;
        }
        assert_eq!(timer.now(), Duration::from_secs(1));
        timer.sleep(Duration::from_secs(60)).await;
        for _ in 0..3 {
            pace.take().await;
        }
        assert_eq!(timer.now(), Duration::from_millis(61_500));
    }

    #[test]
    fn a_rate_that_is_no_rate_falls_back_to_the_default() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let pace = Pace::new(rate, Arc::new(Waits::default()));
            assert_eq!(pace.every, Duration::from_millis(250));
        }
        assert_eq!(Pace::new(1e-30, Arc::new(Waits::default())).every, Duration::from_secs(3600));
    }

    /// Does not wait but counts: its time is the sum of the waits.
    #[derive(Default)]
    struct Waits(Mutex<Duration>);

    impl Timer for Waits {
        fn now(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            *self.0.lock().unwrap() += wait;
            Box::pin(std::future::ready(()))
        }
    }
}
