//! Standard Webhooks: `webhook-signature` has one or more `v1,<base64>` apart by spaces, each an HMAC-SHA256 over
//! `id.timestamp.body`; a secret is `whsec_` and the base64 of the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

use crate::service::Call;

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The receiver has no secret.
    Unchecked,
    /// One of the signatures is by one of the secrets.
    Valid,
    /// None is.
    Wrong,
    /// A header is missing or cannot be read.
    Missing,
    /// Its time is too far away.
    TooOld,
}

impl Verdict {
    /// The request may be taken.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Unchecked | Self::Valid)
    }
}

/// The `v1,…` of a body by a secret; `None` when the secret is no `whsec_…`.
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    Some(format!("v1,{}", STANDARD.encode(mac(secret, id, timestamp, body)?.finalize().into_bytes())))
}

fn mac(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// Judges a request. `now` and the tolerance are given where age matters.
pub(super) fn verify(secrets: &[String], call: &Call, fresh: Option<(DateTime<Utc>, TimeDelta)>) -> Verdict {
    if secrets.is_empty() {
        return Verdict::Unchecked;
    }
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| call.header(name));
    let [Some(id), Some(timestamp), Some(signatures)] = headers else { return Verdict::Missing };
    let Some(sent) = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)) else {
        return Verdict::Missing;
    };
    let given = || signatures.split(' ').filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
    let by = |secret: &String| {
        let mac = mac(secret, id, timestamp, &call.body);
        mac.is_some_and(|mac| given().any(|given| mac.clone().verify_slice(&given).is_ok()))
    };
    match secrets.iter().any(by) {
        false => Verdict::Wrong,
        true if fresh.is_some_and(|(now, tolerance)| (now - sent).abs() > tolerance) => Verdict::TooOld,
        true => Verdict::Valid,
    }
}
