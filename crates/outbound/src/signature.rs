//! Signatures as in the Standard Webhooks specification 1.0.0, section "Webhook security".

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::OutboundError;

/// A symmetric secret, written `whsec_` and base64 of 24 to 64 bytes. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Reads a secret as it is written.
    ///
    /// # Errors
    /// [`OutboundError::Secret`], which does not repeat it.
    pub fn parse(text: &str) -> Result<Self, OutboundError> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(OutboundError::Secret)?;
        let key = STANDARD.decode(encoded).map_err(|_| OutboundError::Secret)?;
        if !(24..=64).contains(&key.len()) {
            return Err(OutboundError::Secret);
        }
        Ok(Self(key))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(***)")
    }
}

/// The header `webhook-signature`: one signature for each secret, for a receiver that is changing over.
pub(crate) fn header(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures: Vec<String> =
        secrets.iter().filter_map(|secret| secret.sign(id, timestamp, body)).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the specification's own libraries (tests of the reference implementation).
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    #[test]
    fn the_published_example_comes_out() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        let signed = header(&[secret], ID, 1_614_265_330, BODY);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_rotating_there_is_one_signature_for_each_secret() {
        let old = SigningSecret::parse(SECRET).unwrap();
        let new = SigningSecret::parse(&format!("whsec_{}", STANDARD.encode([7; 32]))).unwrap();
        let signed = header(&[new, old], ID, 1_614_265_330, BODY);
        let signatures: Vec<&str> = signed.split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert_ne!(signatures[0], signatures[1]);
        assert_eq!(signatures[1], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_enough_and_never_shown() {
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_not base64!"] {
            assert_eq!(SigningSecret::parse(bad), Err(OutboundError::Secret), "{bad}");
        }
        let shown = format!("{:?}", SigningSecret::parse(SECRET).unwrap());
        assert!(!shown.contains("MfKQ"), "{shown}");
    }
}
