//! Bodies of refusals (reference 4, errors): `status`, `message`, `correlationId`, `category`, sometimes `errors[]`.

use serde_json::{Value, json};

use crate::service::Answer;

/// Why a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The property.
    pub property: String,
    /// The vendor's word.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// Why a row cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRow {
    /// Values that are not valid.
    Values(Vec<BadValue>),
    /// Another contact has a value that must be unique.
    Conflict(u64),
    /// Another row of the same batch has it.
    ConflictInBatch,
}

impl BadRow {
    /// The status with which it refuses a call.
    pub fn status(&self) -> u16 {
        match self {
            Self::Values(_) => 400,
            Self::Conflict(_) | Self::ConflictInBatch => 409,
        }
    }

    /// `category`.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Values(_) => "VALIDATION_ERROR",
            Self::Conflict(_) | Self::ConflictInBatch => "CONFLICT",
        }
    }

    /// A sentence.
    pub fn message(&self) -> String {
        match self {
            Self::Values(_) => "Property values were not valid".into(),
            Self::Conflict(id) => format!("Contact already exists. Existing ID: {id}"),
            Self::ConflictInBatch => "A value that must be unique occurs twice in the batch".into(),
        }
    }

    /// `errors[]`.
    pub fn details(&self) -> Vec<Value> {
        let Self::Values(values) = self else { return Vec::new() };
        let detail = |bad: &BadValue| json!({"message": bad.message, "code": bad.code, "in": bad.property});
        values.iter().map(detail).collect()
    }
}

/// A refusal.
pub(super) fn refused(status: u16, category: &str, message: &str, correlation: &str) -> Answer {
    Answer::json(status, &body(category, message, correlation))
}

/// A refusal because of one row. It does not say which.
pub(super) fn bad_row(row: &BadRow, correlation: &str) -> Answer {
    let mut body = body(row.category(), &row.message(), correlation);
    if let BadRow::Values(values) = row {
        let told = |bad: &BadValue| json!({"isValid": false, "message": bad.message, "error": bad.code, "name": bad.property});
        let told: Value = values.iter().map(told).collect();
        body["message"] = format!("{}: {told}", row.message()).into();
        body["errors"] = row.details().into();
    }
    Answer::json(row.status(), &body)
}

/// 429.
pub(super) fn too_many(policy: &str, correlation: &str) -> Answer {
    let message = format!("You have reached your {} limit.", policy.to_lowercase());
    let mut body = body("RATE_LIMITS", &message, correlation);
    body["errorType"] = "RATE_LIMIT".into();
    body["policyName"] = policy.into();
    Answer::json(429, &body)
}

/// 401.
pub(super) fn unauthorised(correlation: &str) -> Answer {
    let message =
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and private apps";
    refused(401, "INVALID_AUTHENTICATION", message, correlation)
}

/// 403.
pub(super) fn missing_scopes(scopes: &[&str], correlation: &str) -> Answer {
    let message = "This app hasn't been granted all required scopes to make this call.";
    let mut body = body("MISSING_SCOPES", message, correlation);
    body["errors"] = json!([{
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": scopes},
    }]);
    Answer::json(403, &body)
}

/// 404 of an object.
pub(super) fn not_found(correlation: &str) -> Answer {
    refused(404, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric.", correlation)
}

/// 400 of a body that is not what the vendor's schema says.
pub(super) fn bad_json(why: &str, correlation: &str) -> Answer {
    refused(400, "VALIDATION_ERROR", &format!("Invalid input JSON: {why}"), correlation)
}

fn body(category: &str, message: &str, correlation: &str) -> Value {
    json!({"status": "error", "message": message, "correlationId": correlation, "category": category, "links": {}})
}
