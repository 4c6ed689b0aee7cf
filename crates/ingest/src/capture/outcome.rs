//! Each request that brings a delivery is counted by what became of it (design.md 7.7).

use events::Road;

/// Name of the counter of requests, by account, road and outcome.
pub const REQUESTS_TOTAL: &str = "chatledger_requests_total";

/// Stands for all accounts that do not exist: what strangers send makes no new time series.
pub const UNKNOWN: &str = "unknown";

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In the log, acknowledged.
    Appended,
    /// A script's sign of life each minute; not kept.
    Heartbeat,
    /// The account exists, the secret is wrong.
    Unauthorized,
    /// More bytes than are taken, on the wire or inflated.
    TooLarge,
    /// Not acknowledged in time, or not read whole; may be in the log.
    Unavailable,
    /// No such account.
    UnknownAccount,
}

impl Outcome {
    /// The word in the metric.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appended => "appended",
            Self::Heartbeat => "heartbeat",
            Self::Unauthorized => "unauthorized",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::UnknownAccount => "unknown_account",
        }
    }

    /// Counts one request of a configured account, or of [`UNKNOWN`].
    pub fn count(self, account: &str, road: Road) {
        let labels = [
            ("account", account.to_owned()),
            ("road", road.as_str().to_owned()),
            ("outcome", self.as_str().to_owned()),
        ];
        metrics::counter!(REQUESTS_TOTAL, &labels).increment(1);
    }
}

/// Says what the counters mean, for the metrics page.
pub fn describe() {
    metrics::describe_counter!(
        REQUESTS_TOTAL,
        "Requests that bring deliveries, by account, road and outcome; appended ones are in the log"
    );
}
