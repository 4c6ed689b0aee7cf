//! Writes the business hours that durations are computed with, for the reports to subtract.

use store::report::calendar::{self, OfOperators};
use store::{PgPool, StoreError};

use crate::{OperatorHours, Rules};

/// Writes the intervals of every configured account and of its operators, and removes those of accounts without any.
pub(super) async fn publish(pool: &PgPool, all: &Rules) -> Result<(), StoreError> {
    for (account, rules) in all.accounts() {
        let mut transaction = store::begin(pool).await?;
        store::folding::join_generation(&mut transaction).await?;
        match &rules.hours {
            Some(hours) => {
                calendar::replace(&mut transaction, account, hours.in_force(), hours.intervals()).await?;
            }
            None => calendar::remove(&mut transaction, account).await?,
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
