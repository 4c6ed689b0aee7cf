//! Every delivery has one fate, every reject a reason from a closed list (design.md promise 2, 7.6).

use serde::{Deserialize, Serialize};

use crate::delivery::words;

words! {
    /// What became of a delivery in the log.
    Fate {
        /// All of it became facts.
        Decoded = "decoded",
        /// Some parts became facts, some rejects.
        PartlyRejected = "partly_rejected",
        /// Nothing could be read.
        Rejected = "rejected",
        /// The person it was of was forgotten.
        Erased = "erased",
    }
}

words! {
    /// Why a delivery, or a part of it, could not be decoded.
    RejectReason {
        /// Neither JSON nor a form.
        NotJson = "not_json",
        /// JSON, but neither an object nor an array of objects.
        NotAnObject = "not_an_object",
        /// No id at all.
        MissingIdentity = "missing_identity",
        /// An id or a key field that cannot be read.
        WrongType = "wrong_type",
        /// The signature failed under the policy in force at capture.
        BadSignature = "bad_signature",
        /// A log record of a later version of this program.
        UnknownFormat = "unknown_format",
    }
}

/// One part of a delivery that could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which part, from 0; a delivery that is one object has one part.
    pub part: u32,
    /// Why.
    pub reason: RejectReason,
    /// Where and what, without the value itself: it may be personal.
    pub detail: String,
    /// Of a row of a list about one local day: which list, as its pages are counted, and which day.
    pub listed: Option<(String, chrono::NaiveDate)>,
}
