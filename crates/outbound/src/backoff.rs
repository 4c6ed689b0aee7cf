//! How long to wait before the next attempt when the receiver does not say.

use std::time::Duration;

/// Exponential waits with full jitter: any time up to a ceiling that doubles with each failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling after the first failure. Default 1 s.
    pub first: Duration,
    /// The highest ceiling. Default 5 min.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(5 * 60) }
    }
}

impl Backoff {
    /// The wait after `failures` failures in a row (1 is the first), never below a tenth of [`Self::first`].
    /// `chance` is a random number of [0, 1).
    pub fn wait(&self, failures: u32, chance: f64) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let ceiling = doubled.min(self.most);
        let chance = if chance.is_nan() { 1.0 } else { chance.clamp(0.0, 1.0) };
        ceiling.mul_f64(chance).max(self.first / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_most() {
        let backoff = Backoff::default();
        let ceilings: Vec<u64> = (1..=10).map(|failures| backoff.wait(failures, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(backoff.wait(u32::MAX, 1.0).as_secs(), 300);
    }

    #[test]
    fn chance_spreads_the_waits_and_there_always_is_one() {
        let backoff = Backoff::default();
        assert_eq!(backoff.wait(4, 0.5), Duration::from_secs(4));
        assert_eq!(backoff.wait(4, 0.0), Duration::from_millis(100));
        assert_eq!(backoff.wait(0, 1.0), Duration::from_secs(1));
        for odd in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(backoff.wait(3, odd) <= Duration::from_secs(4), "{odd}");
        }
    }
}
