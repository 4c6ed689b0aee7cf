//! Adopts the rules that this process was started with: the tables are a function of them too (design.md promise 3).
//!
//! Where they differ from those under which the rows were folded, everything of the account is folded again, quietly: no
//! escalation opens and nothing is sent live. The business hours that reports subtract change in the same transaction; those of
//! operators are no input of the fold.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use store::report::calendar::{self, OfOperators};
use store::rules::{self, Adopted, Offer};
use store::{PgPool, StoreError};

use crate::{OperatorHours, Rules, publishing};

/// The platform's reports write local times.
const DECODING: [&str; 1] = ["time_zone"];

/// Looks at the published figures of accounts that get other rules, while their rows are folded under those before: what
/// had changed keeps its own cause. Where that fails it is restated with the configuration; folding goes on either way.
pub(super) async fn look_before(pool: &PgPool, all: &Rules, now: DateTime<Utc>) {
    let looking = async {
        let ours: Vec<(&str, i64)> =
            all.accounts().map(|(account, _)| (account, all.fingerprint(account))).collect();
        let mut transaction = store::begin(pool).await?;
        let replaced = rules::replaced(&mut transaction, &ours).await?;
        store::commit(transaction).await?;
        for account in &replaced {
            publishing::look_before(pool, now, Some(account)).await?;
        }
        Ok::<(), StoreError>(())
    };
    if let Err(error) = looking.await {
        tracing::warn!(error = %error, "what changed before the configuration is restated with it");
    }
}

/// The accounts that are configured or known from before.
async fn accounts(pool: &PgPool, all: &Rules) -> Result<BTreeSet<String>, StoreError> {
    let mut accounts: BTreeSet<String> = rules::accounts(pool).await?.into_iter().collect();
    accounts.extend(all.accounts().map(|(account, _)| account.to_owned()));
    Ok(accounts)
}

/// An account of which another process has replaced these rules a moment before it was asked for the first time, `waited` ago,
/// and still runs.
pub(super) async fn contested(
    pool: &PgPool,
    all: &Rules,
    waited: Duration,
) -> Result<Option<String>, StoreError> {
    let accounts = accounts(pool, all).await?;
    let offered: Vec<(&str, i64)> =
        accounts.iter().map(|account| (account.as_str(), all.fingerprint(account))).collect();
    rules::contested(pool, &offered, waited).await
}

/// Adopts the rules of every account, configured or known from before. `owner` is the name under which this process holds
/// leases.
pub(crate) async fn adopt(pool: &PgPool, all: &Rules, owner: &str) -> Result<(), StoreError> {
    let accounts = accounts(pool, all).await?;
    for account in &accounts {
        let rules = all.of(account);
        let mut transaction = store::begin(pool).await?;
        let parts = rules.parts();
        let offer =
            Offer { account, rules: all.fingerprint(account), parts: &parts, decoding: &DECODING, owner };
        let adopted = rules::adopt(&mut transaction, offer).await?;
        if let Adopted::Changed(parts) = adopted {
            match &rules.hours {
                Some(hours) => {
                    calendar::replace(&mut transaction, account, hours.in_force(), hours.intervals()).await?;
                }
                None => calendar::remove(&mut transaction, account).await?,
            }
            if !parts.is_empty() {
                tracing::info!(account.id = %account, changed = parts.join(", "), "folding again under a changed configuration");
            }
            if parts.iter().any(|part| DECODING.contains(&part.as_str())) {
                tracing::warn!(
                    account.id = %account,
                    "times that the platform wrote in local time were read in the old zone: run `chatledger rebuild`"
                );
            }
        }
        let of_operators = all.operator_hours(account).iter().map(of_operators).collect();
        calendar::replace_of_operators(&mut transaction, account, of_operators).await?;
        store::commit(transaction).await?;
    }
    Ok(())
}

fn of_operators(of: &OperatorHours) -> OfOperators {
    OfOperators {
        operators: of.operators.clone(),
        groups: of.groups.clone(),
        in_force: of.hours.in_force(),
        intervals: of.hours.intervals().collect(),
    }
}
