//! The service's refusals, in its words (reference 1.6). The models and the scripted faults say the same.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Answer;

/// What the service says when it does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The token is wrong.
    TokenIncorrect,
    /// An older text: there is no token.
    TokenMissing,
    /// An older text: sign in first.
    Unauthorised,
    /// Access level `disabled`.
    ApiOff,
    /// The month's calls are used up.
    QuotaSpent,
    /// The same in the older words and with the status of a success.
    QuotaSpentSoftly,
    /// There is no such path.
    PageNotFound,
    /// There is no such object: the text for requests.
    NotFound,
    /// A parameter is not taken; `errors` maps it to texts.
    Invalid,
    /// The same; `errors` is one text.
    InvalidInText,
    /// The same without `errors`.
    InvalidAlone,
    /// The URL of a webhook is in use: it is so already.
    AlreadyUsed,
    /// The client exists: its card is JSON in a text.
    AlreadyExists,
    /// The dialog is so already.
    AlreadyHasState,
    /// The tag belongs to another company.
    DoesNotBelong,
    /// Slow down.
    TooMany,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::TokenIncorrect,
        Self::TokenMissing,
        Self::Unauthorised,
        Self::ApiOff,
        Self::QuotaSpent,
        Self::QuotaSpentSoftly,
        Self::PageNotFound,
        Self::NotFound,
        Self::Invalid,
        Self::InvalidInText,
        Self::InvalidAlone,
        Self::AlreadyUsed,
        Self::AlreadyExists,
        Self::AlreadyHasState,
        Self::DoesNotBelong,
        Self::TooMany,
    ];

    /// Status and body.
    pub fn answer(self) -> Answer {
        let say = |status, message| Answer::refused(status, message);
        let invalid = |errors: Value| Answer {
            status: 400,
            body: json!({"status": "error", "message": "Validation failed", "errors": errors}),
        };
        match self {
            Self::TokenIncorrect => say(403, "token is not correct"),
            Self::TokenMissing => say(403, "Please specify the token"),
            Self::Unauthorised => say(401, "You need to authorize"),
            Self::ApiOff => say(403, "API is disabled for this company"),
            Self::QuotaSpent => say(403, "The number of API requests has exceeded the monthly limit"),
            Self::QuotaSpentSoftly => say(200, "The number of API requests is exceeded"),
            Self::PageNotFound => say(404, "Page not found"),
            Self::NotFound => say(404, "not_found"),
            Self::Invalid => invalid(json!({"text": ["can't be blank"]})),
            Self::InvalidInText => invalid(json!("text can't be blank")),
            Self::InvalidAlone => say(400, "Validation failed"),
            Self::AlreadyUsed => invalid(json!({"url": ["This url is already used"]})),
            Self::AlreadyExists => {
                invalid(json!({"client": ["Client already exists", json!({"id": 330_001}).to_string()]}))
            }
            Self::AlreadyHasState => say(400, "dialog already has state closed"),
            Self::DoesNotBelong => say(400, "tag does not belong to the company"),
            Self::TooMany => say(429, "too many requests"),
        }
    }
}
