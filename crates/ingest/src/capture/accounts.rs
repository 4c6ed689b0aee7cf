//! Whose hook it is: the secret in the path, compared in constant time.

use std::collections::HashMap;

use events::{AccountId, Platform, Policy};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::chat2desk::signature::SigningKey;

/// One account as its hooks need it.
#[derive(Debug)]
pub struct HookAccount {
    /// Which account.
    pub id: AccountId,
    /// Who sends.
    pub platform: Platform,
    /// What is asked of signatures.
    pub policy: Policy,
    /// What may have signed: the key in force, and the next one while a token rotates.
    pub signing_keys: Vec<SigningKey>,
    secrets: Vec<[u8; 32]>,
}

impl HookAccount {
    /// An account whose hooks lie under one of `secrets` (two while rotating; empty ones open nothing) and whose
    /// signatures are ignored.
    pub fn new<'a>(id: AccountId, platform: Platform, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).map(digest).collect();
        Self { id, platform, policy: Policy::Ignore, signing_keys: Vec::new(), secrets }
    }

    /// The same account, its signatures checked with the keys that the vendor derives from `tokens`.
    #[must_use]
    pub fn signed<'a>(mut self, policy: Policy, tokens: impl IntoIterator<Item = &'a str>) -> Self {
        self.policy = policy;
        self.signing_keys = tokens.into_iter().filter_map(SigningKey::of_token).collect();
        self
    }

    fn opens(&self, presented: &[u8; 32]) -> bool {
        let no = Choice::from(0);
        self.secrets.iter().fold(no, |found, secret| found | secret.ct_eq(presented)).into()
    }
}

/// The accounts by id.
#[derive(Debug, Default)]
pub struct HookAccounts(HashMap<AccountId, HookAccount>);

/// Who stands at the door. The two who are turned away get the same answer; only our counters tell them apart.
pub(super) enum Caller<'a> {
    /// The account, with a secret of its own.
    Account(&'a HookAccount),
    /// An account that exists, with a secret that is not its own.
    WrongSecret(&'a HookAccount),
    /// No account of that name.
    Stranger,
}

impl HookAccounts {
    /// All of them. Of two with one id the later stays.
    pub fn new(accounts: impl IntoIterator<Item = HookAccount>) -> Self {
        Self(accounts.into_iter().map(|account| (account.id.clone(), account)).collect())
    }

    /// Who calls with this account and secret. Secrets are compared by digest: neither their length nor how much of
    /// one was right can be timed, and an unknown account costs the digest too.
    pub(super) fn caller(&self, account: &str, secret: &str) -> Caller<'_> {
        let presented = digest(secret);
        match account.parse::<AccountId>().ok().and_then(|id| self.0.get(&id)) {
            Some(account) if account.opens(&presented) => Caller::Account(account),
            Some(account) => Caller::WrongSecret(account),
            None => Caller::Stranger,
        }
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
