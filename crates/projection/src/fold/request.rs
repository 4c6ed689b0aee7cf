//! The row of a request and the rows of its turns.

use chrono::{DateTime, Timelike, Utc};
use events::METRIC_VERSION;
use events::fact::RequestKind;
use store::tables::{AssignmentRow, RequestRow, TurnRow};

use super::evidence::Evidence;
use super::holding::Holding;
use super::message::{Author, Message};
use super::segment::Segment;
use super::turns::{self, End, Turn, seconds};
use super::{Scope, assignment};

/// The row of one request, and what hangs on it.
pub(super) struct Rows {
    pub(super) row: RequestRow,
    pub(super) turns: Vec<TurnRow>,
    pub(super) assignments: Vec<AssignmentRow>,
}

/// The rows of one request.
pub(super) fn rows(
    scope: &Scope<'_>,
    evidence: &Evidence,
    segment: &Segment,
    previous: Option<&String>,
) -> Rows {
    let messages: Vec<&Message> = segment.messages.iter().map(|at| &evidence.messages[*at]).collect();
    let counted = || messages.iter().copied().filter(|message: &&Message| message.counts());
    let count = |author| i32::try_from(counted().filter(|m| m.author == author).count()).unwrap_or(i32::MAX);
    let id = segment.request_id.as_deref();
    let opened = id.and_then(|id| evidence.opened.get(id));
    let report = id.and_then(|id| evidence.reports.get(id));
    let dialog_id = dialog_of(evidence, segment, &messages);
    let initiated_by = initiated_by(opened.and_then(|o| o.fact.by_client), counted());
    let holding = Holding::of(evidence, segment, dialog_id.as_deref());
    let holder = holding.holder().or_else(|| report.and_then(|r| r.fact.operator_id.clone()));
    let turns = turns::of(evidence, segment);
    let closed_at = segment.close.as_ref().map(|close| close.at);
    let first_client = counted().find(|m| m.author == Author::Client).map(|m| m.sent_at);
    let replies = || counted().filter(|m| m.qualifies());
    let local = first_client.unwrap_or(segment.opened_at).with_timezone(&scope.rules.zone);
    let measured = segment.kind == RequestKind::Common && initiated_by == "client";
    let durations = if measured {
        Durations::of(scope, &turns, &holding, first_client, closed_at)
    } else {
        Durations::default()
    };
    let started = opened.map(|o| o.delivery).or_else(|| messages.first().map(|m| m.delivery));
    let ended = id
        .and_then(|id| evidence.closed.get(id))
        .map(|closed| closed.delivery)
        .or_else(|| messages.last().map(|m| m.delivery));
    let row = RequestRow {
        account_id: scope.account.to_owned(),
        request_key: segment.key.clone(),
        conversation: scope.conversation.to_owned(),
        request_id: segment.request_id.clone(),
        segmentation: if segment.request_id.is_some() { "given" } else { "derived" }.to_owned(),
        kind: segment.kind.as_str().to_owned(),
        client_id: scope.place.client_id.clone(),
        dialog_id,
        channel_id: scope.channel(),
        transport: transport(&messages)
            .or_else(|| opened.and_then(|o| o.fact.transport.clone()))
            .or_else(|| report.and_then(|r| r.fact.transport.clone())),
        initiated_by: initiated_by.to_owned(),
        opened_at: segment.opened_at,
        closed_at,
        close_reason: segment.close.as_ref().map(|close| close.reason.to_owned()),
        close_detail: segment.close.as_ref().and_then(|close| close.detail.clone()),
        first_client_message_at: first_client,
        first_reply_at: replies().next().map(|m| m.sent_at),
        first_operator_id: replies().next().and_then(|m| m.registers.operator_id.clone()),
        last_operator_id: replies().next_back().and_then(|m| m.registers.operator_id.clone()),
        client_messages: count(Author::Client),
        operator_messages: count(Author::Operator),
        bot_messages: count(Author::Bot),
        automation_messages: count(Author::Automation),
        transfers: i32::try_from(holding.transfers()).unwrap_or(i32::MAX),
        turns_answered: ends(&turns, |end| matches!(end, End::Answered { .. })),
        turns_unanswered: ends(&turns, |end| matches!(end, End::Closed { .. })),
        holder_operator_id: holder.clone(),
        waiting_since: turns.last().filter(|turn| turn.end == End::Waiting).map(|turn| turn.asked_at),
        frt_customer_seconds: durations.customer.0,
        frt_customer_business_seconds: durations.customer.1,
        frt_human_seconds: durations.human.0,
        frt_human_business_seconds: durations.human.1,
        average_reply_seconds: durations.average.0,
        average_reply_business_seconds: durations.average.1,
        queue_wait_seconds: durations.queue_wait,
        resolution_seconds: durations.resolution.0,
        resolution_business_seconds: durations.resolution.1,
        previous_request_key: previous.cloned(),
        local_day: local.date_naive(),
        local_hour: i16::try_from(local.hour()).unwrap_or_default(),
        metric_version: METRIC_VERSION,
        started_by_delivery: started.map(|id| id.0),
        ended_by_delivery: ended.map(|id| id.0),
        row_hash: 0,
    };
    let assignments = assignment::rows(scope, evidence, segment, &holding, &turns, measured);
    let turns =
        (1..).zip(&turns).map(|(no, turn)| turn_row(scope, segment, no, turn, holder.as_ref(), measured));
    Rows { row, turns: turns.collect(), assignments }
}

fn ends(turns: &[Turn], of: fn(&End) -> bool) -> i32 {
    i32::try_from(turns.iter().filter(|turn| of(&turn.end)).count()).unwrap_or(i32::MAX)
}

/// The dialog of a request: its last message that names one, else its events. A dialog whose row stands in another
/// conversation is not ours to name, but it is still the request's.
fn dialog_of(evidence: &Evidence, segment: &Segment, messages: &[&Message]) -> Option<String> {
    let id = segment.request_id.as_deref();
    messages
        .iter()
        .rev()
        .find_map(|message| message.registers.dialog_id.clone())
        .or_else(|| id.and_then(|id| evidence.opened.get(id)?.fact.dialog_id.clone()))
        .or_else(|| id.and_then(|id| evidence.closed.get(id)?.fact.dialog_id.clone()))
        .or_else(|| {
            let named = |request: &Option<String>| request.is_some() && request.as_deref() == id;
            let transfers = evidence.transfers.iter().filter(|t| named(&t.fact.request_id));
            let closes = evidence.dialog_closes.iter().filter(|c| named(&c.fact.request_id));
            let rows = evidence.dialogs.values().filter(|d| named(&d.fact.request_id));
            transfers
                .map(|t| t.fact.dialog_id.clone())
                .chain(closes.map(|c| c.fact.dialog_id.clone()))
                .chain(rows.map(|d| d.fact.dialog_id.clone()))
                .flatten()
                .next()
        })
}

fn transport(messages: &[&Message]) -> Option<String> {
    messages.iter().find_map(|message| message.registers.transport.clone())
}

/// Who began: the vendor's word, else who spoke first.
fn initiated_by<'a>(by_client: Option<bool>, mut counted: impl Iterator<Item = &'a Message>) -> &'static str {
    let by_client = by_client
        .unwrap_or_else(|| counted.find(|m| m.author.talks()).is_none_or(|m| m.author == Author::Client));
    if by_client { "client" } else { "company" }
}

/// A duration and its business variant.
type Pair = (Option<f64>, Option<f64>);

#[derive(Default)]
struct Durations {
    customer: Pair,
    human: Pair,
    average: Pair,
    queue_wait: Option<f64>,
    resolution: Pair,
}

impl Durations {
    fn of(
        scope: &Scope<'_>,
        turns: &[Turn],
        holding: &Holding,
        first_client: Option<DateTime<Utc>>,
        closed_at: Option<DateTime<Utc>>,
    ) -> Self {
        let pair = |from, to| both(scope, from, to);
        let first = turns.first().and_then(|turn| match &turn.end {
            End::Answered { at, .. } => Some((turn.asked_at, *at)),
            _ => None,
        });
        let human = first.map(|(asked, reply)| {
            let handed = holding.handed_to_people(scope.rules, reply);
            (handed.map_or(asked, |handed| handed.max(asked)), reply)
        });
        let replies: Vec<Pair> = turns
            .iter()
            .filter_map(|turn| match &turn.end {
                End::Answered { at, .. } => Some(pair(turn.asked_at, *at)),
                _ => None,
            })
            .collect();
        Self {
            customer: first.map_or((None, None), |(from, to)| pair(from, to)),
            human: human.map_or((None, None), |(from, to)| pair(from, to)),
            average: (mean(replies.iter().map(|reply| reply.0)), mean(replies.iter().map(|reply| reply.1))),
            queue_wait: first_client.and_then(|asked| holding.queue_wait(scope.rules, asked)),
            resolution: first_client.zip(closed_at).map_or((None, None), |(from, to)| pair(from, to)),
        }
    }
}

/// Seconds between two instants, and those within business hours.
fn both(scope: &Scope<'_>, from: DateTime<Utc>, to: DateTime<Utc>) -> Pair {
    let business = scope.rules.hours.as_ref().and_then(|hours| hours.seconds_between(from, to));
    (Some(seconds(from, to)), business)
}

/// The mean of what is known; `None` of nothing.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0.0);
    for value in values.flatten() {
        sum += value;
        n += 1.0;
    }
    (n > 0.0).then(|| sum / n)
}

fn turn_row(
    scope: &Scope<'_>,
    segment: &Segment,
    turn_no: i32,
    turn: &Turn,
    holder: Option<&String>,
    measured: bool,
) -> TurnRow {
    let (state, answered_at, ended_at, operator_id) = match &turn.end {
        End::Answered { at, operator } => ("answered", Some(*at), Some(*at), Some(operator.clone())),
        End::Closed { at } => ("closed_unanswered", None, Some(*at), holder.cloned()),
        End::Waiting => ("waiting", None, None, holder.cloned()),
    };
    let reply = answered_at.filter(|_| measured).map_or((None, None), |at| both(scope, turn.asked_at, at));
    TurnRow {
        account_id: scope.account.to_owned(),
        request_key: segment.key.clone(),
        turn_no,
        conversation: scope.conversation.to_owned(),
        asked_at: turn.asked_at,
        answered_at,
        ended_at,
        operator_id,
        state: state.to_owned(),
        bot_replied: turn.bot_replied,
        reply_seconds: reply.0,
        reply_business_seconds: reply.1,
        row_hash: 0,
    }
}
