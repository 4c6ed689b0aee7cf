//! What Chat2Desk can do wrong on purpose. How faults are queued and chosen: [`crate::faults`].
//!
//! Each is one `POST /control/faults`, for instance `{"path": "/v1/messages", "kind": "too_many", "retry_after": 7}`:
//!
//! | what goes wrong | how |
//! |---|---|
//! | the offset is ignored | always on messages and channels; elsewhere `offset_ignored` |
//! | rows are inserted while a list is paged | `insert_rows` |
//! | an id is visible late | `late_id` |
//! | a row is missing | `lose_row` |
//! | 429, with and without `Retry-After` | `too_many`, `too_many_until` |
//! | 5xx, before and after the deed | `server_error`, `fail_with`, `fail_after` |
//! | the connection is cut before the deed, after it, in the answer | `hang_up`, `lose_answer`, `cut_answer` |
//! | truncated JSON, HTML with status 200 | `truncated_json`, `html` |
//! | the quota is spent | `quota_spent`, or really: `POST /control/account` with `quota` |
//! | a refusal of reference 1.6 | `vendor` with `refusal`; any other answer: `refuse` |
//! | a slow answer, a call that waits | `late`, `hold` |
//!
//! What is a habit of an installation rather than a mishap (`start_id` with dates refused, a `limit` above 200, the form of
//! `errors`, unknown event names, messages that stay unsent) is set by `POST /control/account` with
//! [`super::model::Habits`]. Bad luck of webhooks (late, doubled, reordered, lost) is [`super::Mishaps`], by
//! `POST /control/mishaps`; a subscription that somebody took away is `POST /control/unsubscribe`.

use serde::{Deserialize, Serialize};

use super::api::Refusal;

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
    /// Nothing is done; 429 with a date of the world's clock in `Retry-After`, and the world's `Date` beside it.
    TooManyUntil {
        /// So long from now.
        seconds: u32,
    },
    /// Nothing is done; one of the service's own refusals.
    Vendor {
        /// Which.
        refusal: Refusal,
    },
    /// Nothing is done, and the connection is cut without a word.
    HangUp,
    /// It is done; the connection is cut in the middle of the answer.
    CutAnswer,
    /// Nothing is done; this status with an HTML page.
    FailWith {
        /// HTTP status.
        status: u16,
    },
    /// It is done; the answer is this status with an HTML page, as when a proxy loses patience.
    FailAfter {
        /// HTTP status.
        status: u16,
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
