//! What Chat2Desk can do wrong on purpose. How faults are queued and chosen: [`crate::faults`].

use serde::{Deserialize, Serialize};

/// What happens instead of, or around, the honest answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Misdeed {
    /// Nothing is done; this status and text are answered.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Body, as it is.
        #[serde(default)]
        body: String,
    },
    /// It is done, and the connection is cut before the answer.
    LoseAnswer,
    /// Nothing happens until the name is released; then it is done and answered.
    Hold {
        /// Name to release.
        name: String,
    },
    /// It is done; the answer comes so much later, in real time.
    Late {
        /// Milliseconds.
        milliseconds: u64,
    },
    /// 429.
    TooMany {
        /// Seconds for `Retry-After`; without it the header is missing.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// 500 with an HTML page.
    ServerError,
    /// 200 with an HTML page.
    Html,
    /// 200 with the first half of the honest answer.
    TruncatedJson,
    /// The text of a spent quota.
    QuotaSpent,
    /// New clients write just before the answer, so that rows shift while a list is paged.
    InsertRows {
        /// How many.
        count: u32,
    },
    /// The offset is ignored on this list too: each page is the first.
    OffsetIgnored,
    /// The row in the middle of the page is missing, although the total counts it.
    LoseRow,
    /// The newest message but `back` is not shown for so many seconds: it becomes visible after higher ids.
    LateId {
        /// 0 is the newest.
        #[serde(default)]
        back: usize,
        /// Seconds of the world's time.
        seconds: u32,
    },
}

/// A fault of Chat2Desk and where it strikes.
pub type Fault = crate::faults::Fault<Misdeed>;

/// The faults that wait in an account.
pub type Faults = crate::faults::Faults<Misdeed>;
