//! What an answer, or the lack of one, means.

use std::time::Duration;

use bytes::Bytes;

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it means.
    pub verdict: Verdict,
    /// The status, when there was an answer.
    pub status: Option<u16>,
    /// The answer's body, at most 64 KiB of it. Somebody else's words: never logged.
    pub body: Bytes,
    /// Whether the body was longer than that.
    pub is_truncated: bool,
}

/// What to do about an answer (reference/crms.md 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx. The body may say more about single items.
    Accepted,
    /// 410: the receiver wants nothing any more. Switch it off until a person mends it.
    Gone,
    /// 429, 425: surely not processed. Wait (`None`: see [`crate::Backoff`]); nobody is to blame.
    Throttled {
        /// What the receiver asks for: 1 s to 15 min.
        wait: Option<Duration>,
    },
    /// Nobody knows whether it was processed: no answer in time, an answer cut short, 408, 5xx. Send the same bytes
    /// under the same id again.
    Unknown {
        /// What the receiver asks for (a 503 may): 1 s to 15 min.
        wait: Option<Duration>,
    },
    /// Surely not processed: it never reached the receiver.
    NotSent(NotSent),
    /// Refused for good: any other 4xx, and 3xx, which are not followed.
    Refused,
}

/// Why a call did not reach its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// The name leads only to addresses that must not be reached. Needs a person.
    AddressRefused,
    /// The name could not be looked up.
    Name,
    /// Nobody takes the connection, or not in time.
    Connection,
    /// Nobody there can prove to be the receiver. Needs a person, unless it mends itself.
    Tls,
}

impl Answer {
    pub(crate) fn without_status(verdict: Verdict) -> Self {
        Self { verdict, status: None, body: Bytes::new(), is_truncated: false }
    }

    /// Why it was not accepted, for people: a word and a number, nothing of the receiver's own text.
    pub fn reason(&self) -> String {
        if let Some(status) = self.status {
            let cut = matches!(self.verdict, Verdict::Unknown { .. }) && (200..300).contains(&status);
            return if cut {
                format!("status {status}, answer cut short")
            } else {
                format!("status {status}")
            };
        }
        let reason = match self.verdict {
            Verdict::NotSent(NotSent::AddressRefused) => "address not allowed",
            Verdict::NotSent(NotSent::Name) => "name not found",
            Verdict::NotSent(NotSent::Connection) => "no connection",
            Verdict::NotSent(NotSent::Tls) => "tls failed",
            _ => "no answer",
        };
        reason.to_owned()
    }
}

/// The meaning of a status.
pub(crate) fn judge(status: u16, wait: Option<Duration>) -> Verdict {
    match status {
        200..=299 => Verdict::Accepted,
        410 => Verdict::Gone,
        425 | 429 => Verdict::Throttled { wait },
        408 | 500..=599 => Verdict::Unknown { wait },
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_one_meaning() {
        let wait = Some(Duration::from_secs(3));
        for status in [200, 201, 204, 299] {
            assert_eq!(judge(status, wait), Verdict::Accepted);
        }
        assert_eq!(judge(410, wait), Verdict::Gone);
        assert_eq!(judge(429, wait), Verdict::Throttled { wait });
        for status in [408, 500, 502, 503, 504, 599] {
            assert_eq!(judge(status, wait), Verdict::Unknown { wait });
        }
        for status in [301, 302, 307, 400, 401, 403, 404, 409, 422, 600, 999] {
            assert_eq!(judge(status, wait), Verdict::Refused);
        }
    }
}
