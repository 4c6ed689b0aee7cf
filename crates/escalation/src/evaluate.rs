//! One look at what changed: read, decide, write, clear, in one transaction.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use store::changes::{self, ChangeKind};
use store::escalations::{self, Escalation, Scored, Status};
use store::{PgConnection, PgPool, effects};

use crate::decide::{Decision, Episode, decide};
use crate::event::{Event, Telling};
use crate::notifier::Address;
use crate::rule::{Rule, Rules};
use crate::{EscalationError, tell};

/// Changes looked at in one transaction.
const LIMIT: i64 = 500;

/// What one look found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Valuations that had changed.
    pub changed: usize,
    /// Escalations opened.
    pub opened: usize,
    /// Escalations that were too old to tell anybody.
    pub historic: usize,
    /// Escalations whose cause has gone.
    pub withdrawn: usize,
    /// Effects intended.
    pub intended: usize,
}

/// Rules and who is told by them.
pub(crate) struct Evaluator {
    pub(crate) pool: PgPool,
    pub(crate) rules: Rules,
    pub(crate) addresses: Vec<Address>,
}

impl Evaluator {
    /// Looks once. Nothing changed, or another process is at it: an empty evaluation.
    pub(crate) async fn evaluate(&self, now: DateTime<Utc>) -> Result<Evaluation, EscalationError> {
        let mut transaction = store::begin(&self.pool).await?;
        let mut done = Evaluation::default();
        if !escalations::lock_evaluation(&mut transaction).await? {
            return Ok(done);
        }
        let changed = changes::read(&mut transaction, ChangeKind::Score, LIMIT).await?;
        if changed.subjects.is_empty() {
            return Ok(done);
        }
        done.changed = changed.subjects.len();
        let valuations: Vec<(String, String)> =
            changed.subjects.iter().map(|change| (change.account.clone(), change.subject.clone())).collect();
        let mut scores: BTreeMap<(String, String), Vec<Scored>> = BTreeMap::new();
        for scored in escalations::scores(&mut transaction, &valuations).await? {
            scores.entry((scored.account.clone(), scored.valuation.clone())).or_default().push(scored);
        }
        let mut latest: BTreeMap<(String, String), Vec<Escalation>> = BTreeMap::new();
        for escalation in escalations::latest(&mut transaction, &valuations).await? {
            latest
                .entry((escalation.account.clone(), escalation.cause.clone()))
                .or_default()
                .push(escalation);
        }
        for (change, valuation) in changed.subjects.iter().zip(&valuations) {
            let scores = scores.get(valuation).map_or(&[][..], Vec::as_slice);
            let latest = latest.get(valuation).map_or(&[][..], Vec::as_slice);
            for rule in self.rules.rules.iter().filter(|rule| rule.is_for(&change.account)) {
                let under_rule = latest.iter().find(|escalation| escalation.rule == rule.name);
                if let Some(decision) = decide(rule, scores, under_rule, change.changed_at) {
                    self.carry_out(&mut transaction, rule, &decision, scores, now, &mut done).await?;
                }
            }
        }
        changes::clear(&mut transaction, &changed).await?;
        fail::fail_point!("escalation.decided", |_| std::process::abort());
        store::commit(transaction).await?;
        fail::fail_point!("escalation.intended", |_| std::process::abort());
        Ok(done)
    }

    async fn carry_out(
        &self,
        connection: &mut PgConnection,
        rule: &Rule,
        decision: &Decision<'_>,
        scores: &[Scored],
        now: DateTime<Utc>,
        done: &mut Evaluation,
    ) -> Result<(), EscalationError> {
        match decision {
            Decision::Open(episode) => {
                let escalation = written(rule, episode, Status::Open, now);
                if escalations::insert(connection, &escalation).await? {
                    done.opened += 1;
                    count(&escalation, "opened");
                    let scored = Some(episode.scored);
                    let telling = Telling {
                        event: Event::Opened,
                        escalation: &escalation,
                        scored,
                        by: None,
                        reason: None,
                        at: now,
                    };
                    let told =
                        self.addresses.iter().filter(|address| rule.notify.contains(&address.notifier));
                    done.intended +=
                        tell::all(connection, told, &telling, self.rules.zone(&escalation.account)).await?;
                }
            }
            Decision::List(episode) => {
                let escalation = written(rule, episode, Status::Historic, now);
                if escalations::insert(connection, &escalation).await? {
                    done.historic += 1;
                    count(&escalation, "historic");
                }
            }
            Decision::Withdraw { escalation, why } => {
                done.withdrawn += 1;
                count(escalation, "withdrawn");
                escalations::withdraw(connection, &escalation.account, &escalation.key, why, now).await?;
                // Whoever closed it knows what to think of it.
                if escalation.status != Status::Closed {
                    let opened = Event::Opened.version();
                    let reason = format!("the score was {why} before this was sent");
                    effects::drop_unsent(connection, &escalation.key, None, opened, &reason, now).await?;
                    let (event, scored) = (Event::Withdrawn, scores.first());
                    let telling = Telling { event, escalation, scored, by: None, reason: Some(why), at: now };
                    let zone = self.rules.zone(&escalation.account);
                    done.intended += tell::who_heard(connection, &self.addresses, &telling, zone).await?;
                }
            }
            Decision::Keep { escalation, scored } => {
                escalations::refresh(connection, &escalation.key, scored, now).await?;
            }
        }
        Ok(())
    }
}

fn written(rule: &Rule, episode: &Episode<'_>, status: Status, now: DateTime<Utc>) -> Escalation {
    let scored = episode.scored;
    let due = rule.due.filter(|_| status == Status::Open).and_then(|due| TimeDelta::from_std(due).ok());
    Escalation {
        account: scored.account.clone(),
        key: episode.key(rule),
        rule: rule.name.clone(),
        episode: episode.number,
        cause: scored.valuation.clone(),
        request_key: scored.request_key.clone(),
        client_id: Some(scored.client_id.clone()),
        operator_id: scored.operator_id.clone(),
        score: Some(scored.score),
        scale: Some(scored.scale),
        label: scored.label.clone(),
        given_at: scored.given_at,
        delivery_id: Some(scored.delivery_id),
        status,
        owner: None,
        close_reason: None,
        due_at: due.and_then(|due| now.checked_add_signed(due)),
        opened_at: now,
        updated_at: now,
        timeline: [escalations::entry(now, status.word(), None, None)].into_iter().collect(),
    }
}

fn count(escalation: &Escalation, what: &'static str) {
    metrics::counter!("chatledger_escalations_total", "account" => escalation.account.clone(),
        "rule" => escalation.rule.clone(), "what" => what)
    .increment(1);
    tracing::info!(escalation.key = %escalation.key, "escalation {what}");
}
