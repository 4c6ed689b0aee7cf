//! One page from the platform, however often it has to be asked for.

use std::time::Duration;

use ::chat2desk::{ApiInfo, Error, Page, Request};
use chrono::{DateTime, TimeDelta, Utc};
use events::delivery::partition_hash;
use tokio_util::sync::CancellationToken;

use super::Backfill;
use crate::error::IngestError;

/// How transient failures are tried again: waits double from `first` to `most`, less up to a quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first wait.
    pub first: Duration,
    /// The longest wait of our own; one that the platform asks for may be longer.
    pub most: Duration,
    /// Calls in all before giving up.
    pub attempts: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(60), attempts: 8 }
    }
}

/// A longer wait that the platform asks for ends the run instead, like a spent quota.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// What asking ended with.
pub(super) enum Fetched<T> {
    /// An answer, and when it came.
    Answer(T, DateTime<Utc>),
    /// No quota: until when.
    QuotaSpent(DateTime<Utc>),
    /// It was told to stop.
    Stopped,
}

/// What to do after a failed call.
#[derive(Debug, PartialEq)]
enum Next {
    Wait(Duration),
    QuotaUntil(Duration),
    QuotaMonth,
    GiveUp,
}

impl Retry {
    /// Decides by the class of the error and the number of the attempt (from 1); `salt` spreads the waits of many.
    fn next(&self, error: &Error, attempt: u32, salt: u64) -> Next {
        match error {
            Error::QuotaSpent => Next::QuotaMonth,
            _ if !error.is_transient() => Next::GiveUp,
            _ if error.asked_to_wait().is_some_and(|wait| wait > LONGEST_WAIT) => {
                Next::QuotaUntil(error.asked_to_wait().unwrap_or(LONGEST_WAIT))
            }
            _ if attempt >= self.attempts => Next::GiveUp,
            _ => Next::Wait(error.asked_to_wait().unwrap_or_else(|| self.own_wait(attempt, salt))),
        }
    }

    fn own_wait(&self, attempt: u32, salt: u64) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(self.most);
        let spread = u32::try_from(salt.wrapping_add(u64::from(attempt) * 7919) % 256).unwrap_or(0);
        doubled - doubled / 1024 * spread
    }
}

impl Backfill {
    pub(super) async fn page(
        &self,
        request: &Request,
        stop: &CancellationToken,
        waiting: &(dyn Fn(&str) + Sync),
    ) -> Result<Fetched<Page>, IngestError> {
        let asked = request.to_string();
        self.ask(&asked, self.account.retry, stop, waiting, || self.client.page(request)).await
    }

    /// `api_info`, with fewer attempts: it is the first call, and a wrong address should be told soon.
    pub(super) async fn api_info(
        &self,
        stop: &CancellationToken,
        waiting: &(dyn Fn(&str) + Sync),
    ) -> Result<Fetched<ApiInfo>, IngestError> {
        let retry = Retry { attempts: self.account.retry.attempts.min(3), ..self.account.retry };
        self.ask("api_info", retry, stop, waiting, || self.client.api_info()).await
    }

    async fn ask<T, F>(
        &self,
        asked: &str,
        retry: Retry,
        stop: &CancellationToken,
        waiting: &(dyn Fn(&str) + Sync),
        call: impl Fn() -> F,
    ) -> Result<Fetched<T>, IngestError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let salt = partition_hash(&self.account.id, Some(asked));
        let mut attempt = 0;
        loop {
            attempt += 1;
            let answer = async {
                self.pace.take().await;
                call().await
            };
            let answer = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Fetched::Stopped),
                answer = answer => answer,
            };
            let error = match answer {
                Ok(answer) => return Ok(Fetched::Answer(answer, self.clock.now())),
                Err(error) => error,
            };
            let wait = match retry.next(&error, attempt, salt) {
                Next::QuotaMonth => return Ok(Fetched::QuotaSpent(self.next_month())),
                Next::QuotaUntil(wait) => {
                    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(31));
                    return Ok(Fetched::QuotaSpent(self.clock.now() + wait));
                }
                Next::GiveUp => return Err(self.failed(asked, &error)),
                Next::Wait(wait) => wait,
            };
            tracing::warn!(account.id = %self.account.id, backfill.page = asked, backfill.attempt = attempt,
                backfill.wait_ms = wait.as_millis() as u64, error = %error, "page not read, waiting");
            waiting(&format!("{error}; next attempt in {} s", wait.as_secs_f64().ceil()));
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Fetched::Stopped),
                () = self.pace.timer().sleep(wait) => {}
            }
        }
    }

    /// The first instant of the next month in the account's zone.
    pub(super) fn next_month(&self) -> DateTime<Utc> {
        super::day_start(super::month(self.today()).1, self.account.zone)
    }

    fn failed(&self, asked: &str, error: &Error) -> IngestError {
        let (account, what) = (self.account.id.to_string(), error.to_string());
        match error {
            Error::Unauthorized { .. } => IngestError::Unauthorized { account, what },
            error if error.is_transient() => IngestError::Unreachable { account, what },
            _ => IngestError::Refused { account, request: asked.to_owned(), what },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry { first: Duration::from_secs(1), most: Duration::from_secs(10), attempts: 6 };

    fn limited(seconds: Option<u64>) -> Error {
        Error::RateLimited { retry_after: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_the_platforms_word_comes_first() {
        let wait = |attempt| match RETRY.next(&limited(None), attempt, 0) {
            Next::Wait(wait) => wait.as_secs_f64(),
            other => panic!("{other:?}"),
        };
        for (attempt, most) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 10.0)] {
            assert!(wait(attempt) <= most && wait(attempt) >= most * 0.74, "{attempt}: {}", wait(attempt));
        }
        assert_eq!(RETRY.next(&limited(Some(7)), 1, 9), Next::Wait(Duration::from_secs(7)));
    }

    #[test]
    fn each_class_of_failure_ends_in_its_own_way() {
        let down = Error::Retry { what: "http 502".into(), after: None, may_have_happened: false };
        assert_eq!(RETRY.next(&down, 6, 0), Next::GiveUp);
        assert!(matches!(RETRY.next(&Error::Unreadable("html".into()), 1, 0), Next::Wait(_)));
        assert_eq!(RETRY.next(&Error::QuotaSpent, 1, 0), Next::QuotaMonth);
        assert_eq!(RETRY.next(&limited(Some(3600)), 1, 0), Next::QuotaUntil(Duration::from_secs(3600)));
        assert_eq!(RETRY.next(&Error::Unauthorized { status: 403 }, 1, 0), Next::GiveUp);
        assert_eq!(RETRY.next(&Error::NotFound, 1, 0), Next::GiveUp);
    }
}
