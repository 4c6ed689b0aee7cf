//! `X-Signature` (reference 3.3): HMAC-SHA256 over body and timestamp; the key is the MD5 of the token, as hex text.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

/// The key: 32 hex characters.
pub fn key(token: &str) -> String {
    hex::encode(Md5::digest(token.as_bytes()))
}

/// Lower-case hex of the signature of `body` at the Unix second `timestamp`.
pub fn sign(key: &str, body: &[u8], timestamp: i64) -> String {
    // A key of any length fits an HMAC; without one nothing could be signed, so nothing is.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(body);
    mac.update(timestamp.to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
