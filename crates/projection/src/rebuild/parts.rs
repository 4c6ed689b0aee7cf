//! Folds part by part in memory: all conversations of some clients, and the clients.

use chrono::{DateTime, Utc};
use events::{DeliveryId, Fact};
use store::StoreError;
use store::folding::{Subject, Told};
use store::generations::Staged;
use store::generations::bucket::{self, Odd, Packed, Tellings, Written};
use store::generations::spill::Spill;
use store::generations::state::State;
use store::tables::{TableRow, sealed};

use super::clients::Clients;
use super::{Control, Rebuild, RebuildError};
use crate::fold::{Folded, fold};
use crate::{AccountRules, Rules, entities};

/// Folds every part that is not done.
pub(super) async fn run(
    rebuild: &Rebuild,
    state: &State,
    spill: &Spill,
    control: &Control,
) -> Result<(), RebuildError> {
    let folded = bucket::folded(&rebuild.next).await?;
    let odd = std::sync::Arc::new(bucket::odd(&rebuild.next).await?);
    let is_bytewise = store::generations::is_bytewise(&rebuild.next).await?;
    let segments = Spill::segments(&rebuild.next).await?;
    let reader = std::sync::Arc::new(spill.reader(&segments, state.buckets)?);
    let left: Vec<u32> = (0..state.buckets).filter(|bucket| !folded.contains(bucket)).collect();
    control.total(left.len() as u64);
    let queue = tokio::sync::Mutex::new(left.into_iter());
    let work = async || {
        loop {
            control.pass().await?;
            let Some(bucket) = queue.lock().await.next() else { return Ok::<_, RebuildError>(()) };
            let (reader, rules, odd) = (reader.clone(), rebuild.rules.clone(), odd.clone());
            let computed = tokio::task::spawn_blocking(move || {
                let packed = Packed::read(&reader, bucket)?;
                let tellings = packed.tellings()?;
                let written = fold_part(&tellings, &rules, &odd, is_bytewise)?;
                Ok::<_, StoreError>(bucket::Ready::new(&tellings, written))
            });
            let ready =
                computed.await.map_err(|error| RebuildError::Failed(format!("folding: {error}")))??;
            let mut transaction = store::begin(&rebuild.next).await?;
            bucket::write(&mut transaction, state.build, bucket, ready).await?;
            store::commit(transaction).await?;
            fail::fail_point!("rebuild.part_folded", |_| std::process::abort());
            control.add(1);
        }
    };
    let workers = (0..rebuild.workers).map(|_| work());
    futures::future::try_join_all(workers).await.map(|_| ())
}

/// The rows of a part. Pure.
fn fold_part(
    tellings: &Tellings<'_>,
    rules: &Rules,
    odd: &Odd,
    is_bytewise: bool,
) -> Result<Written, StoreError> {
    let mut written = Written::default();
    for of_account in tellings.told.chunk_by(|a, b| a.account == b.account) {
        let account = of_account[0].account;
        let rules = rules.of(account);
        let mut clients = Clients::new(account, is_bytewise);
        for group in of_account.chunk_by(|a, b| {
            a.conversation == b.conversation
                && (a.conversation.is_some() || (a.kind, a.key) == (b.kind, b.key))
        }) {
            let first = &group[0];
            let Some(conversation) = first.conversation else {
                card(group, rules, &mut clients, &mut written)?;
                continue;
            };
            if odd.contains(account, conversation) {
                written.leave_conversation(account, conversation);
                clients.leave(conversation);
                continue;
            }
            let subject = subject(account, conversation, group)?;
            let folded = fold(&subject, rules);
            clients.add(conversation, &folded);
            rows(&mut written, folded)?;
        }
        clients.finish(rules, &mut written)?;
    }
    Ok(written)
}

fn subject(account: &str, subject: &str, group: &[Staged<'_>]) -> Result<Subject, StoreError> {
    let told = group.iter().filter_map(|staged| told(staged).transpose()).collect::<Result<_, _>>()?;
    Ok(Subject { account: account.to_owned(), subject: subject.to_owned(), told, ..Subject::default() })
}

/// As it is read from `facts`; `None` for a kind of a later version.
fn told(staged: &Staged<'_>) -> Result<Option<Told>, StoreError> {
    let fact = Fact::from_json(staged.kind, staged.registers)
        // Its own words could quote a person's.
        .map_err(|error| {
            StoreError::Refused(format!("staged fact of kind {}: column {}", staged.kind, error.column()))
        })?;
    let time = |micros: i64| DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    Ok(fact.map(|fact| Told {
        key: staged.key.to_owned(),
        fact,
        observed_at: time(staged.observed_at),
        rank: staged.rank,
        hash: staged.hash,
        content_hash: staged.content_hash,
        received_at: time(staged.received_at),
        delivery: DeliveryId(staged.delivery),
    }))
}

/// An entity of its own; what nothing reads yet, or nobody knows where it belongs, makes no row.
fn card(
    group: &[Staged<'_>],
    rules: &AccountRules,
    clients: &mut Clients<'_>,
    written: &mut Written,
) -> Result<(), StoreError> {
    let first = &group[0];
    let read = || subject(first.account, first.key, group);
    match first.kind {
        "client" => clients.card(read()?),
        "operator" => one(written, entities::operator(&read()?, rules))?,
        "operator_group" => one(written, entities::operator_group(&read()?, rules))?,
        "channel" => one(written, entities::channel(&read()?, rules))?,
        "tag" => one(written, entities::tag(&read()?, rules))?,
        _ => {}
    }
    Ok(())
}

fn one<R: TableRow>(written: &mut Written, row: Option<R>) -> Result<(), StoreError> {
    rows_of(written, row.into_iter().collect())
}

fn rows(written: &mut Written, folded: Folded) -> Result<(), StoreError> {
    rows_of(written, folded.messages)?;
    rows_of(written, folded.dialogs)?;
    rows_of(written, folded.requests)?;
    rows_of(written, folded.turns)?;
    rows_of(written, folded.assignments)?;
    rows_of(written, folded.tags)?;
    rows_of(written, folded.scores)
}

fn rows_of<R: TableRow>(written: &mut Written, rows: Vec<R>) -> Result<(), StoreError> {
    for row in rows {
        written.row(&sealed(row)?);
    }
    Ok(())
}
