//! The row of a request and the rows of its turns.

use std::ops::Range;

use chrono::{DateTime, Timelike, Utc};
use events::METRIC_VERSION;
use events::fact::RequestKind;
use serde::{Deserialize, Serialize};
use store::tables::{AssignmentRow, RequestRow, TurnRow};

use super::evidence::Evidence;
use super::holding::Holding;
use super::message::Message;
use super::saved::Saved;
use super::segment::Segment;
use super::talk::Talk;
use super::turns::{End, Pair, Turn, Turns, both};
use super::{Scope, assignment};
use crate::AccountRules;

/// The row of one request, and what hangs on it.
pub(super) struct Rows {
    pub(super) row: RequestRow,
    pub(super) turns: Vec<TurnRow>,
    pub(super) assignments: Vec<AssignmentRow>,
}

/// The state of a request before `cut`; without one, of a request of which nothing is known yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RequestState {
    pub(super) talk: Talk,
    pub(super) turns: Turns,
    pub(super) holding: Holding,
}

impl RequestState {
    /// The same with the request's further messages, and the signs within a span of time.
    pub(super) fn extended(
        mut self,
        evidence: &Evidence,
        segment: &Segment,
        messages: &[&Message],
        within: Range<DateTime<Utc>>,
        rules: &AccountRules,
    ) -> Self {
        let close = segment.close.as_ref().map(|close| close.at);
        for message in messages {
            self.talk.extend(message);
            self.turns.extend(message, close, rules);
        }
        self.holding.extend(evidence, segment, messages, self.talk.first_client, &within, rules);
        self.holding.answer(messages, &self.turns.rows());
        self
    }

    /// The same without what is needed for rows only.
    pub(super) fn settled(mut self) -> Self {
        self.turns.settle();
        self.holding.settle();
        self
    }
}

/// The rows of one request: of the one that the saved state is of, those that may have changed since.
pub(super) fn rows(
    scope: &Scope<'_>,
    evidence: &Evidence,
    segment: &Segment,
    previous: Option<&String>,
    saved: Option<&Saved>,
) -> Rows {
    let messages: Vec<&Message> = segment.messages.iter().map(|at| &evidence.messages[*at]).collect();
    let id = segment.request_id.as_deref();
    let opened = id.and_then(|id| evidence.opened.get(id));
    let report = id.and_then(|id| evidence.reports.get(id));
    let closed_at = segment.close.as_ref().map(|close| close.at);
    let before = saved.filter(|saved| saved.key == segment.key);
    let since = before.map_or(DateTime::<Utc>::MIN_UTC, Saved::cut_at);
    let start = before.map(|saved| saved.request.clone()).unwrap_or_default();
    let RequestState { talk, mut turns, holding } =
        start.extended(evidence, segment, &messages, since..DateTime::<Utc>::MAX_UTC, scope.rules);
    turns.finish(closed_at, scope.rules);
    let dialog_id = talk.dialog_id.clone().or_else(|| dialog_of(evidence, segment));
    // Who began: the vendor's word, else who spoke first.
    let by_client = opened.and_then(|o| o.fact.by_client).or(talk.client_first).unwrap_or(true);
    let listed = listed(evidence, segment, dialog_id.as_deref());
    let holder = holding
        .holder(listed)
        .or_else(|| talk.mentioned.clone())
        .or_else(|| report.and_then(|r| r.fact.operator_id.clone()));
    let local = talk.first_client.unwrap_or(segment.opened_at).with_timezone(&scope.rules.zone);
    let measured = segment.kind == RequestKind::Common && by_client;
    let durations = if measured {
        Durations::of(scope.rules, &turns, &holding, talk.first_client, closed_at)
    } else {
        Durations::default()
    };
    let started = opened.map(|o| o.delivery).or(talk.first_delivery);
    let ended =
        id.and_then(|id| evidence.closed.get(id)).map(|closed| closed.delivery).or(talk.last_delivery);
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
        transport: talk
            .transport
            .clone()
            .or_else(|| opened.and_then(|o| o.fact.transport.clone()))
            .or_else(|| report.and_then(|r| r.fact.transport.clone())),
        initiated_by: if by_client { "client" } else { "company" }.to_owned(),
        opened_at: segment.opened_at,
        closed_at,
        close_reason: segment.close.as_ref().map(|close| close.reason.to_owned()),
        close_detail: segment.close.as_ref().and_then(|close| close.detail.clone()),
        first_client_message_at: talk.first_client,
        first_reply_at: talk.first_reply.as_ref().map(|reply| reply.at),
        first_operator_id: talk.first_reply.as_ref().and_then(|reply| reply.operator.clone()),
        last_operator_id: talk.last_reply.as_ref().and_then(|reply| reply.operator.clone()),
        client_messages: talk.client,
        operator_messages: talk.operator,
        bot_messages: talk.bot,
        automation_messages: talk.automation,
        transfers: holding.transfers(),
        turns_answered: turns.answered,
        turns_unanswered: turns.unanswered,
        holder_operator_id: holder.clone(),
        waiting_since: turns.open.as_ref().map(|turn| turn.asked_at),
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
    let assignments = assignment::rows(scope, segment, &holding, measured);
    let turns = turns.rows().map(|turn| turn_row(scope, segment, turn, holder.as_ref(), measured));
    Rows { row, turns: turns.collect(), assignments }
}

/// The operator in the list of dialogs, fetched while the request was open.
fn listed(
    evidence: &Evidence,
    segment: &Segment,
    dialog_id: Option<&str>,
) -> Option<(DateTime<Utc>, String)> {
    let row = evidence.dialogs.get(dialog_id?)?;
    let open = row.observed_at >= segment.opened_at
        && segment.close.as_ref().is_none_or(|close| row.observed_at <= close.at);
    Some((row.observed_at, row.fact.operator_id.clone()?)).filter(|_| open)
}

/// The dialog of a request none of whose messages names one: of its events, else of the list. A dialog whose row stands
/// in another conversation is not ours to name, but it is still the request's.
fn dialog_of(evidence: &Evidence, segment: &Segment) -> Option<String> {
    let id = segment.request_id.as_deref()?;
    let opened = evidence.opened.get(id).and_then(|opened| opened.fact.dialog_id.clone());
    let closed = || evidence.closed.get(id).and_then(|closed| closed.fact.dialog_id.clone());
    opened.or_else(closed).or_else(|| {
        let named = |request: &Option<String>| request.as_deref() == Some(id);
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
        rules: &AccountRules,
        turns: &Turns,
        holding: &Holding,
        first_client: Option<DateTime<Utc>>,
        closed_at: Option<DateTime<Utc>>,
    ) -> Self {
        let pair = |(from, to)| both(rules, from, to);
        let first = turns.first().and_then(|turn| match &turn.end {
            End::Answered { at, .. } => Some((turn.asked_at, *at)),
            _ => None,
        });
        let human = first.map(|(asked, reply)| {
            let handed = holding.handed_to_people(reply);
            (handed.map_or(asked, |handed| handed.max(asked)), reply)
        });
        Self {
            customer: first.map(pair).unwrap_or_default(),
            human: human.map(pair).unwrap_or_default(),
            average: (turns.reply.value(), turns.reply_business.value()),
            queue_wait: first_client.and_then(|asked| holding.queue_wait(asked)),
            resolution: first_client.zip(closed_at).map(pair).unwrap_or_default(),
        }
    }
}

fn turn_row(
    scope: &Scope<'_>,
    segment: &Segment,
    turn: &Turn,
    holder: Option<&String>,
    measured: bool,
) -> TurnRow {
    let (state, answered_at, ended_at, operator_id) = match &turn.end {
        End::Answered { at, operator } => ("answered", Some(*at), Some(*at), Some(operator.clone())),
        End::Closed { at } => ("closed_unanswered", None, Some(*at), holder.cloned()),
        End::Waiting => ("waiting", None, None, holder.cloned()),
    };
    let reply = if measured { turn.reply(scope.rules) } else { (None, None) };
    TurnRow {
        account_id: scope.account.to_owned(),
        request_key: segment.key.clone(),
        turn_no: turn.number,
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
