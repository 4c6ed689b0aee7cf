//! `[export]`: what leaves as files.

use serde::{Deserialize, Serialize};

/// `[export]`. How to reach an S3-compatible store comes from the usual variables: `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Export {
    /// A folder or `s3://bucket/prefix` that `up` keeps up to date, looking every minute. Without it files are written
    /// by `chatledger export` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<String>,
    /// What becomes of personal columns. Default `keep`.
    pub personal: Personal,
}

/// What becomes of personal columns: names, phones, e-mails, texts, comments, attachments, custom fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Personal {
    /// They leave as they are.
    #[default]
    Keep,
    /// As HMAC-SHA256, with the key in `export.key` under `data_dir`, which is made once.
    Hash,
    /// Empty.
    Drop,
}
