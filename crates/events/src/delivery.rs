//! What reached us, byte for byte, with how and when.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{AccountId, DeliveryId};

/// Declares an enum that is written as one lower-case word everywhere: in the log, in SQL, in metrics, in output.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.write_str(self.as_str()) }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::delivery::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
                    .ok_or_else(|| $crate::delivery::UnknownWord(stringify!($name), text.chars().take(40).collect()))
            }
        }
    };
}
pub(crate) use words;

/// A text that is none of an enum's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{1:?} is no {0}")]
pub struct UnknownWord(pub &'static str, pub String);

words! {
    /// Who speaks: the vendor.
    Platform {
        /// Chat2Desk, the messenger aggregator.
        Chat2desk = "chat2desk",
        /// LiveChat.
        Livechat = "livechat",
    }
}

words! {
    /// How a delivery came.
    Road {
        /// Sent by the platform as it happened.
        Webhook = "webhook",
        /// Fetched by us, page by page.
        Backfill = "backfill",
        /// Forwarded by a script that runs at the vendor.
        Script = "script",
        /// Sent by an operator's macro.
        Macro = "macro",
        /// Sent by a step of a sales tunnel.
        Tunnel = "tunnel",
    }
}

impl Road {
    /// Rank of a road when two observations are of the same instant: the higher wins (design.md 7.2).
    pub const fn rank(self) -> i16 {
        match self {
            Self::Backfill => 2,
            Self::Webhook => 1,
            Self::Script | Self::Macro | Self::Tunnel => 0,
        }
    }
}

words! {
    /// What became of the check of a webhook's signature, decided at capture.
    Signature {
        /// It matched.
        Valid = "valid",
        /// It did not match.
        Invalid = "invalid",
        /// There was none.
        Missing = "missing",
    }
}

words! {
    /// What an account asks of signatures, as in force at capture.
    Policy {
        /// Missing and invalid ones become the reject `bad_signature`.
        Require = "require",
        /// Invalid ones become the reject `bad_signature`; missing ones pass.
        IfPresent = "if_present",
        /// Everything passes.
        Ignore = "ignore",
    }
}

/// The verdict on a signature and the policy in force: both written at capture, because keys rotate and history stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticity {
    /// The verdict.
    pub signature: Signature,
    /// The policy.
    pub policy: Policy,
}

impl Authenticity {
    /// Whether the projection may decode it; otherwise it becomes the reject `bad_signature`.
    pub const fn passes(self) -> bool {
        match (self.policy, self.signature) {
            (Policy::Ignore, _) | (_, Signature::Valid) | (Policy::IfPresent, Signature::Missing) => true,
            (Policy::Require, _) | (Policy::IfPresent, Signature::Invalid) => false,
        }
    }
}

/// What a backfilled delivery is of its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PagePart {
    /// The page without its rows: `meta` and how many rows there were.
    Envelope,
    /// One row, with its place in the page from 0.
    Row(u32),
}

/// The circumstances of a delivery: the record's headers. Absent ones are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capture {
    /// `Content-Type` of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Content-Encoding` when the body is kept as it came because it did not inflate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// Signature and policy, for webhooks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticity: Option<Authenticity>,
    /// What was asked for, for backfilled pages: the list's name and its query without secrets,
    /// for instance `messages?start_id=900001&limit=200`. The name alone is [`Capture::list`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Which part of the page this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<PagePart>,
    /// When the page was fetched: the observation time of its rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<DateTime<Utc>>,
    /// The script event or the query of a GET, for the roads script, macro and tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

impl Capture {
    /// The list that a page is of: what stands before `?` in [`Capture::page`].
    pub fn list(&self) -> Option<&str> {
        self.page.as_deref().map(|page| page.split_once('?').map_or(page, |(list, _)| list))
    }

    /// A value of the page's query, as it was asked for (not decoded: ours are plain words, numbers and days).
    pub fn asked(&self, name: &str) -> Option<&str> {
        let (_, query) = self.page.as_deref()?.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// What reached us: the unit of the log. Never changed, never refused for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its address for ever.
    pub id: DeliveryId,
    /// Whose it is.
    pub account: AccountId,
    /// Who sent it.
    pub platform: Platform,
    /// How it came.
    pub road: Road,
    /// When it came, by our clock, UTC microseconds.
    pub received_at: DateTime<Utc>,
    /// The circumstances.
    pub capture: Capture,
    /// The bytes (inflated; secrets overwritten).
    pub body: Bytes,
}

/// Whether a time can be one of a chat: of the years 2000 to 2099. Others come from broken recordings, and neither
/// Postgres nor local days are defined for all of them.
pub fn is_plausible(at: DateTime<Utc>) -> bool {
    (946_684_800..4_102_444_800).contains(&at.timestamp())
}

/// The hash that picks a delivery's partition: of the account and the best identity in the envelope. It keeps like
/// with like; nothing depends on it (design.md 6).
pub fn partition_hash(account: &AccountId, identity: Option<&str>) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    hash.update(account.as_str().as_bytes());
    hash.update(&[0]);
    hash.update(identity.unwrap_or_default().as_bytes());
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_require_refuses_a_missing_signature() {
        let passes = |policy, signature| Authenticity { signature, policy }.passes();
        assert!(passes(Policy::IfPresent, Signature::Missing));
        assert!(!passes(Policy::Require, Signature::Missing));
        assert!(!passes(Policy::IfPresent, Signature::Invalid));
        assert!(passes(Policy::Ignore, Signature::Invalid));
    }

    #[test]
    fn a_page_tells_its_list_and_what_was_asked() {
        let page = Some("statistics?report=rating&date=2026-01-15".to_owned());
        let capture = Capture { page, ..Capture::default() };
        assert_eq!((capture.list(), capture.asked("report")), (Some("statistics"), Some("rating")));
        assert_eq!(capture.asked("limit"), None);
    }

    #[test]
    fn words_round_trip() {
        for road in Road::ALL {
            assert_eq!(road.as_str().parse(), Ok(*road));
        }
        assert!("Webhook".parse::<Road>().is_err());
    }
}
