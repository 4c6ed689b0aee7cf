//! One message: claim, send, settle.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use store::crm_links::{self, Reply, Settled};
use store::effects::{self, Claimed, Lease, Outcome};
use store::{PgConnection, StoreError};

use crate::adapter::{Message, Row};
use crate::error::CrmError;
use crate::judge::{ALARM, Fate, Moment, TargetFate, judge};
use crate::mapping::Wanted;
use crate::worker::{Hand, Worker};

/// Beyond the longest call: the time to settle.
const MARGIN: Duration = Duration::from_secs(3);
/// Between two attempts to settle.
const AGAIN: Duration = Duration::from_millis(200);
/// A record that is gone is made anew once in this time.
const RECREATED: chrono::Duration = chrono::Duration::days(1);

/// A claimed effect that can be read.
struct Held {
    claimed: Claimed,
    row: Row,
    was_accepted: bool,
}

/// What a message came to.
struct Came {
    keys: Vec<(String, Outcome)>,
    settled: Vec<Settled>,
    target: TargetFate,
    calls: i64,
}

impl Worker {
    /// Sends one message; `false` when there is none to send.
    pub(crate) async fn push(&self, hand: &mut Hand) -> Result<bool, CrmError> {
        let rest = self.adapter.rest();
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        let now = self.clock.now();
        let limit = hand.mood.isolation.limit(self.adapter.batch());
        let until = now + chrono::Duration::from_std(self.adapter.longest() + MARGIN).unwrap_or_default();
        let lease = Lease { owner: &self.owner, until };
        let message_id = self.ids.next(now);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let claimed = effects::claim(&self.pool, &self.target, limit, &lease, &message_id, now).await?;
        let Some(first) = claimed.first() else { return Ok(false) };
        fail::fail_point!("crm.claimed", |_| std::process::abort());

        let message_id = first.message_id.clone();
        let (held, unreadable) = self.read(claimed).await?;
        let before = self.adapter.calls();
        let mut came = Came { keys: Vec::new(), settled: Vec::new(), target: TargetFate::Well, calls: 0 };
        came.keys.extend(unreadable);
        if !held.is_empty() {
            let rows: Vec<Row> = held.iter().map(|held| held.row.clone()).collect();
            let answer = self.adapter.send(&Message { id: message_id.clone(), rows }).await;
            fail::fail_point!("crm.answered", |_| std::process::abort());
            let now = self.clock.now();
            let moment = Moment { now, chance: self.ids.chance(now) };
            let attempts: Vec<i32> = held.iter().map(|held| held.claimed.attempts).collect();
            let writes = self.adapter.writes();
            let (fates, target) = judge(&message_id, &attempts, answer, &mut hand.mood, writes, moment);
            self.tell_stuck(&message_id, hand);
            self.count(&held, &fates, hand);
            came.target = target;
            for (held, fate) in held.into_iter().zip(fates) {
                let is_recreated = fate.is_new == Some(true) && held.row.external_id.is_some();
                let Wanted { key: lead_key, hash, live_hash, seen, .. } = held.row.wanted;
                came.keys.push((held.claimed.key, fate.outcome));
                came.settled.push(Settled {
                    lead_key,
                    hash,
                    live_hash,
                    seen,
                    is_recreated,
                    reply: fate.reply,
                });
            }
        }
        came.calls = i64::try_from(self.adapter.calls() - before).unwrap_or(0);
        metrics::counter!("chatledger_crm_calls_total", "crm" => self.crm.name.clone())
            .increment(self.adapter.calls() - before);
        self.settle(&came, until).await?;
        fail::fail_point!("crm.settled", |_| std::process::abort());
        self.tell(&came.target, hand);
        Ok(true)
    }

    /// What is sent, with what is known of its record; what cannot be read goes to the dead letters.
    async fn read(&self, claimed: Vec<Claimed>) -> Result<(Vec<Held>, Vec<(String, Outcome)>), CrmError> {
        let subjects: Vec<&str> = claimed.iter().map(|claimed| claimed.subject.as_str()).collect();
        let records = crm_links::records(&self.pool, &self.crm.name, &subjects).await?;
        let mut records: HashMap<String, crm_links::Record> =
            records.into_iter().map(|record| (record.lead_key.clone(), record)).collect();
        let now = self.clock.now();
        let (mut held, mut unreadable) = (Vec::new(), Vec::new());
        for claimed in claimed {
            let Ok(wanted) = serde_json::from_slice::<Wanted>(&claimed.body) else {
                let error = "its content was written by another version and cannot be read".to_owned();
                unreadable.push((claimed.key, Outcome::Dead { error }));
                continue;
            };
            let record = records.remove(&claimed.subject).unwrap_or_default();
            let row = Row {
                wanted,
                version: claimed.version,
                external_id: record.external_id,
                intended_at: claimed.intended_at,
                may_recreate: record.recreated_at.is_none_or(|at| now - at >= RECREATED),
            };
            held.push(Held { claimed, row, was_accepted: record.was_accepted });
        }
        Ok((held, unreadable))
    }

    /// Writes all that came of a message in one transaction; tries again while the effects are still ours.
    async fn settle(&self, came: &Came, until: DateTime<Utc>) -> Result<(), CrmError> {
        loop {
            match self.settle_once(came).await {
                Err(StoreError::Unavailable(error)) if self.clock.now() < until => {
                    tracing::debug!(crm.name = self.crm.name, error, "settling again");
                    tokio::time::sleep(AGAIN).await;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    async fn settle_once(&self, came: &Came) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut transaction = store::begin(&self.pool).await?;
        let ours = effects::settle(&mut transaction, &self.owner, &came.keys, now).await?;
        // Those of a worker that was thought dead are somebody else's by now, and so are their links.
        let settled: Vec<Settled> = came
            .settled
            .iter()
            .zip(&came.keys[came.keys.len() - came.settled.len()..])
            .filter(|(_, (key, _))| ours.contains(key))
            .map(|(settled, _)| settled.clone())
            .collect();
        crm_links::settle(&mut transaction, &self.crm.name, &settled, now).await?;
        if came.calls > 0 {
            effects::count_calls(&mut *transaction, &self.target, came.calls, now).await?;
        }
        self.set_target(&mut transaction, &came.target, now).await?;
        store::commit(transaction).await
    }

    /// Writes how the CRM is doing.
    pub(crate) async fn set_target(
        &self,
        connection: &mut PgConnection,
        target: &TargetFate,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        match target {
            TargetFate::Well => effects::resume_target(connection, &self.target, now).await,
            TargetFate::Pause { until, reason, .. } => {
                effects::pause_target(connection, &self.target, *until, false, reason, now).await
            }
            TargetFate::Broken { until, reason } => {
                effects::pause_target(connection, &self.target, *until, true, reason, now).await
            }
        }
    }

    fn count(&self, held: &[Held], fates: &[Fate], hand: &mut Hand) {
        for (held, fate) in held.iter().zip(fates) {
            let word = match &fate.reply {
                Reply::Accepted { .. } => {
                    let is_new = fate.is_new.unwrap_or(!held.was_accepted);
                    if is_new && held.row.external_id.is_some() {
                        self.alarm(held, &fate.reply);
                    }
                    if is_new {
                        hand.tally.created += 1;
                        "created"
                    } else {
                        hand.tally.updated += 1;
                        "updated"
                    }
                }
                Reply::Dead { error } => {
                    tracing::warn!(
                        crm.name = self.crm.name,
                        lead.key = held.row.wanted.key,
                        error = error.as_str(),
                        "crm refused a lead: it is a dead letter until it changes"
                    );
                    "dead"
                }
                Reply::Failed { .. } => "retried",
                Reply::Open { .. } => "open",
            };
            hand.tally.finished += u64::from(["created", "updated", "dead"].contains(&word));
            if word != "open" {
                let labels = [("crm", self.crm.name.clone()), ("outcome", word.to_owned())];
                metrics::counter!("chatledger_crm_rows_total", &labels).increment(1);
            }
        }
    }

    /// Others go between, so nobody else would see it.
    fn tell_stuck(&self, message_id: &str, hand: &Hand) {
        if hand.mood.tries(message_id) == ALARM {
            tracing::error!(
                crm.name = self.crm.name,
                message.id = message_id,
                "crm never answers one message; it is tried again now and then, and others go between"
            );
            metrics::counter!("chatledger_crm_stuck_total", "crm" => self.crm.name.clone()).increment(1);
        }
    }

    /// A key whose record we know has made another one: the record was merged away or deleted (reference/crms.md 4).
    fn alarm(&self, held: &Held, reply: &Reply) {
        let now = if let Reply::Accepted { external_id, .. } = reply { external_id.as_deref() } else { None };
        tracing::warn!(
            crm.name = self.crm.name,
            lead.key = held.row.wanted.key,
            crm.record_before = held.row.external_id.as_deref(),
            crm.record = now,
            "crm made a new record for a lead that had one: the old one was merged or deleted there"
        );
        metrics::counter!("chatledger_crm_created_again_total", "crm" => self.crm.name.clone()).increment(1);
    }
}
