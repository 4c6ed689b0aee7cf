//! The signature of a Chat2Desk webhook (chat2desk.md 3.3).
//!
//! `X-Signature` is the hex of HMAC-SHA256 over the raw body directly followed by the text of `X-Timestamp`. The key
//! is the MD5 of the account's API token. The vendor does not say whether its hex text or its 16 bytes are the key, so
//! a match with either is a match, and [`KEY_FORMS`] counts which one it was. There is no freshness window: retries carry the first timestamp for hours, and
//! repeats are merged by fact keys.

use std::fmt;

use events::Signature;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;

/// Header with the signature.
pub const SIGNATURE_HEADER: &str = "x-signature";
/// Header with the Unix seconds that are part of what is signed.
pub const TIMESTAMP_HEADER: &str = "x-timestamp";

/// Metric: valid signatures, by the form of the key that made them (`hex_text`, `raw_bytes`).
pub const KEY_FORMS: &str = "chatledger_signature_key_forms_total";

/// What signs the webhooks of the holder of one API token.
#[derive(Clone)]
pub struct SigningKey {
    hex_text: Hmac<Sha256>,
    raw_bytes: Hmac<Sha256>,
}

impl SigningKey {
    /// The key that the vendor derives from a token. `None` for an empty token: it would sign for everybody.
    pub fn of_token(token: &str) -> Option<Self> {
        if token.is_empty() {
            return None;
        }
        let digest = Md5::digest(token.as_bytes());
        let hex_text = Hmac::new_from_slice(hex::encode(digest).as_bytes()).ok()?;
        let raw_bytes = Hmac::new_from_slice(&digest).ok()?;
        Some(Self { hex_text, raw_bytes })
    }

    /// The form of the key that made the signature; `None`: this token's did not.
    fn signed(&self, body: &[u8], timestamp: &[u8], signature: &[u8]) -> Option<&'static str> {
        let forms = [("hex_text", &self.hex_text), ("raw_bytes", &self.raw_bytes)];
        let made = |key: &Hmac<Sha256>| {
            key.clone().chain_update(body).chain_update(timestamp).verify_slice(signature).is_ok()
        };
        forms.into_iter().find(|(_, key)| made(key)).map(|(form, _)| form)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(•••)")
    }
}

/// The verdict on a body as it came over the wire. Constant in time over the signature. One of `keys` suffices.
pub fn verdict(
    keys: &[SigningKey],
    body: &[u8],
    signature: Option<&[u8]>,
    timestamp: Option<&[u8]>,
) -> Signature {
    let Some(signature) = signature else { return Signature::Missing };
    let Ok(signature) = hex::decode(signature.trim_ascii()) else { return Signature::Invalid };
    let timestamp = timestamp.unwrap_or_default().trim_ascii();
    match keys.iter().find_map(|key| key.signed(body, timestamp, &signature)) {
        Some(form) => {
            metrics::counter!(KEY_FORMS, "form" => form).increment(1);
            Signature::Valid
        }
        None => Signature::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] =
        br#"{"hook_type":"inbox","message_id":900001,"event_time":"2026-01-15T09:30:00.125000Z"}"#;
    const OVER_HEX_TEXT: &str = "0c89ce8dce82dd0787e0bf258e19f45f1e66d2c55a382261c1977b660e5accb6";
    const OVER_RAW_BYTES: &str = "3509f0d7a75af400e1ad74602c340dbd989e9b0f777acc9228d7a02d8996c445";

    fn keys() -> Vec<SigningKey> {
        SigningKey::of_token("example-api-token").into_iter().collect()
    }

    fn judge(body: &[u8], signature: Option<&str>, timestamp: Option<&str>) -> Signature {
        verdict(&keys(), body, signature.map(str::as_bytes), timestamp.map(str::as_bytes))
    }

    #[test]
    fn either_form_of_the_key_is_accepted() {
        for signature in [OVER_HEX_TEXT, OVER_RAW_BYTES, &OVER_HEX_TEXT.to_uppercase()] {
            assert_eq!(judge(BODY, Some(signature), Some("1768469400")), Signature::Valid);
        }
    }

    #[test]
    fn a_changed_body_time_or_signature_is_invalid() {
        let mut body = BODY.to_vec();
        body.push(b' ');
        assert_eq!(judge(&body, Some(OVER_HEX_TEXT), Some("1768469400")), Signature::Invalid);
        assert_eq!(judge(BODY, Some(OVER_HEX_TEXT), Some("1768469401")), Signature::Invalid);
        assert_eq!(judge(BODY, Some(OVER_HEX_TEXT), None), Signature::Invalid);
        for signature in ["", "zz", "00", &OVER_HEX_TEXT[2..], "\u{1F600}"] {
            assert_eq!(judge(BODY, Some(signature), Some("1768469400")), Signature::Invalid, "{signature}");
        }
    }

    #[test]
    fn no_signature_is_missing_and_no_key_signs_nothing() {
        assert_eq!(judge(BODY, None, Some("1768469400")), Signature::Missing);
        let verdict = verdict(&[], BODY, Some(OVER_HEX_TEXT.as_bytes()), Some(b"1768469400"));
        assert_eq!(verdict, Signature::Invalid);
        assert!(SigningKey::of_token("").is_none());
    }

    #[test]
    fn while_a_token_rotates_either_signs() {
        let mut both: Vec<_> = SigningKey::of_token("next-token").into_iter().collect();
        both.extend(keys());
        let verdict = verdict(&both, BODY, Some(OVER_RAW_BYTES.as_bytes()), Some(b"1768469400"));
        assert_eq!(verdict, Signature::Valid);
    }
}
