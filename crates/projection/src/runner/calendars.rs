//! Writes the business hours that durations are computed with, for the reports to subtract.

use store::report::calendar;
use store::{PgPool, StoreError};

use crate::Rules;

/// Writes the intervals of every configured account, and removes those of accounts without a calendar.
pub(super) async fn publish(pool: &PgPool, rules: &Rules) -> Result<(), StoreError> {
    for (account, rules) in rules.accounts() {
        let mut transaction = store::begin(pool).await?;
        store::folding::join_generation(&mut transaction).await?;
        match &rules.hours {
            Some(hours) => {
                calendar::replace(&mut transaction, account, hours.in_force(), hours.intervals()).await?;
            }
            None => calendar::remove(&mut transaction, account).await?,
        }
        store::commit(transaction).await?;
    }
    Ok(())
}
