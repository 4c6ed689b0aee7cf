//! Signed links: whoever has one may acknowledge this one escalation, without a login.
//!
//! The signature is an HMAC of the key of the escalation, so the same link comes out each time and nothing is stored.
//! A link is made when a message is sent, never kept: the ledger holds no capability.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use url::Url;

/// What a signature is for: one for something else must not open this.
const PURPOSE: &[u8] = b"chatledger acknowledge 1\n";

/// Makes and checks links.
#[derive(Clone)]
pub struct Links {
    key: Vec<u8>,
    public_url: Url,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("public_url", &self.public_url.as_str()).finish_non_exhaustive()
    }
}

impl Links {
    /// `key` are at least 32 random bytes that every process of the installation shares; `public_url` is where people
    /// reach the program.
    pub fn new(key: &[u8], public_url: Url) -> Self {
        Self { key: key.to_owned(), public_url }
    }

    /// The link to the page of an escalation.
    pub fn of(&self, escalation_key: &str) -> String {
        let mut url = self.public_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .push("ack")
                .push(&self.signature(escalation_key))
                .extend(escalation_key.split('/'));
        }
        url.set_query(None);
        url.set_fragment(None);
        url.into()
    }

    /// Whether a signature is that of the escalation; compared in constant time.
    pub fn is_signed(&self, escalation_key: &str, signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        self.mac(escalation_key).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
    }

    fn signature(&self, escalation_key: &str) -> String {
        let mac = self.mac(escalation_key).map(|mac| mac.finalize().into_bytes());
        mac.map_or_else(String::new, |bytes| URL_SAFE_NO_PAD.encode(bytes))
    }

    fn mac(&self, escalation_key: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(PURPOSE);
        mac.update(escalation_key.as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(key: u8) -> Links {
        Links::new(&[key; 32], "https://ledger.example.org/sub/".parse().unwrap())
    }

    fn signature_in(link: &str) -> String {
        link.split("/ack/").nth(1).unwrap().split('/').next().unwrap().to_owned()
    }

    #[test]
    fn a_link_opens_its_own_escalation_only() {
        let link = links(1).of("acme/low-score/880/1");
        assert!(link.starts_with("https://ledger.example.org/sub/ack/"), "{link}");
        assert!(link.ends_with("/acme/low-score/880/1"), "{link}");
        let signature = signature_in(&link);
        assert!(links(1).is_signed("acme/low-score/880/1", &signature));
        assert!(!links(1).is_signed("acme/low-score/880/2", &signature));
        assert!(!links(2).is_signed("acme/low-score/880/1", &signature), "another key");
        for bad in ["", "x", "AAAA", &signature[..20]] {
            assert!(!links(1).is_signed("acme/low-score/880/1", bad), "{bad}");
        }
    }

    #[test]
    fn the_same_link_comes_out_each_time_and_odd_ids_survive_it() {
        assert_eq!(links(1).of("a/b/c/1"), links(1).of("a/b/c/1"));
        let odd = links(1).of("acme/low/ü ?#/1");
        let path = Url::parse(&odd).unwrap();
        let last: Vec<&str> = path.path_segments().unwrap().collect();
        assert_eq!(last[last.len() - 2..], ["%C3%BC%20%3F%23", "1"]);
    }

    #[test]
    fn the_key_is_never_shown() {
        assert!(!format!("{:?}", Links::new(b"canary", "https://x.org".parse().unwrap())).contains("canary"));
    }
}
