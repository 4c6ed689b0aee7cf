//! The platforms, one line each: what capture asks of them.

use axum::http::HeaderMap;
use events::{Platform, Signature};

use crate::chat2desk;
use crate::chat2desk::signature::SigningKey;

/// What capture asks of a platform.
#[derive(Clone, Copy)]
pub(crate) struct Vendor {
    /// The best identity in a body, for the partition.
    pub(crate) identity: fn(&[u8]) -> Option<String>,
    /// The verdict on a body as it came over the wire.
    pub(crate) verdict: fn(&[SigningKey], &HeaderMap, &[u8]) -> Signature,
}

/// The platform's part of capture.
pub(crate) fn of(platform: Platform) -> Vendor {
    match platform {
        Platform::Chat2desk => Vendor { identity: chat2desk::envelope::identity, verdict: chat2desk_verdict },
        // Its decoder and its secret come with the crate `livechat`; until then what it sends is kept as it comes.
        Platform::Livechat => Vendor { identity: |_| None, verdict: |_, _, _| Signature::Missing },
    }
}

fn chat2desk_verdict(keys: &[SigningKey], headers: &HeaderMap, wire: &[u8]) -> Signature {
    let header = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.as_bytes());
    let (signature, timestamp) =
        (header(chat2desk::signature::SIGNATURE_HEADER), header(chat2desk::signature::TIMESTAMP_HEADER));
    chat2desk::signature::verdict(keys, wire, signature, timestamp)
}
