//! One conversation folded anew, because somebody asks for it.

use store::changes::{self, ChangeKind};
use store::folding::StateChange;
use store::{PgPool, StoreError, folding};

use crate::Rules;
use crate::fold::fold;
use crate::runner::changed_rows::ChangedRows;
use crate::runner::fold_marks::check_rules;

/// A row that a fold changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// Its table.
    pub table: &'static str,
    /// Its key within account and table.
    pub key: String,
    /// `new`, `changed` or `gone`.
    pub what: &'static str,
}

/// Folds a conversation from the facts of the generation that `pool` sees, writes what differs, and tells it. The rows of
/// its client follow by the ordinary way.
///
/// # Errors
/// As of the store: unavailable or refused; then nothing was written.
pub async fn fold_one(
    pool: &PgPool,
    rules: &Rules,
    account: &str,
    conversation: &str,
) -> Result<Vec<RowChange>, StoreError> {
    let mut transaction = store::begin(pool).await?;
    let claimed = folding::claim_conversation(&mut transaction, account, conversation).await?;
    check_rules(&mut transaction, rules, claimed.conversations.iter().map(|(account, _)| account)).await?;
    let mut changed = ChangedRows::default();
    let mut told = Vec::new();
    for subject in folding::read_whole(&mut transaction, &claimed.conversations).await? {
        changed.add(&subject, fold(&subject, rules.of(&subject.account)), false)?;
        told.extend(changed.written(&subject));
    }
    changed.one_of_each();
    folding::contest(&mut transaction, &changed.fresh_messages).await?;
    changed.write(&mut transaction).await?;
    // Whoever asks has a doubt: the next fold makes a state of its own.
    let dropped = [(account.to_owned(), conversation.to_owned(), StateChange::Dropped)];
    folding::write_states(&mut transaction, &dropped).await?;
    if rules.readers().scores {
        changes::note(&mut transaction, ChangeKind::Score, &changed.valuations()).await?;
    }
    claimed.finish(&mut transaction, &changed.clients, &changed.told).await?;
    store::commit(transaction).await?;
    Ok(told)
}
