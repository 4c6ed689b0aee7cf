//! Names of things: accounts, deliveries, and the platforms' own ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An id of a platform (client, message, request …) as text, because platforms send numbers and strings.
///
/// Never empty and never `0`: both mean "none" (chat2desk.md 8.2 rule 5) and become `None` in a decoder.
pub type Id = String;

/// One company account at one platform: the tenant. Lower-case letters, digits and hyphens, 1 to 63 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// Why a text is no account id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("account id {0:?} must be 1 to 63 characters of a-z, 0-9 and hyphen")]
pub struct InvalidAccountId(String);

impl AccountId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = InvalidAccountId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 63 || !text.chars().all(fits) {
            return Err(InvalidAccountId(text.chars().take(80).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for AccountId {
    type Error = InvalidAccountId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address of a delivery for ever: a UUIDv7, so that its first 48 bits are the milliseconds of capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub Uuid);

impl DeliveryId {
    /// Milliseconds since 1970 that the id carries; the time under which either log finds it by id alone.
    pub fn unix_millis(self) -> i64 {
        let bytes = self.0.as_bytes();
        bytes[..6].iter().fold(0_i64, |millis, byte| (millis << 8) | i64::from(*byte))
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeliveryId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_is_small_plain_text() {
        assert!("acme-kz-2".parse::<AccountId>().is_ok());
        for bad in ["", "Acme", "a b", "a/b", "ü", &"a".repeat(64)] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_delivery_id_carries_its_milliseconds() {
        let id: DeliveryId = "019a0000-0001-7000-8000-000000000000".parse().unwrap();
        assert_eq!(id.unix_millis(), 0x019a_0000_0001);
    }
}
