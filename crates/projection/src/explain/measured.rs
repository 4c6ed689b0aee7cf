//! Who held a request, its turns, and its durations with their two ends.

use chrono::{DateTime, TimeDelta, Utc};
use store::tables::RequestRow;
use uuid::Uuid;

use super::{Part, Step, Telling};

/// Who held the request, one step for each holding.
pub(super) fn held<'a>(telling: &Telling<'a>, row: &'a RequestRow) -> Vec<Step> {
    let key = row.request_key.as_str();
    let mut steps = Vec::new();
    let holdings = telling.folded.assignments.iter().filter(|holding| holding.request_key == key);
    let mut last = None;
    for holding in holdings {
        let operator = holding.operator_id.as_str();
        let by_message = || {
            let sent = |author| telling.message_at(key, holding.from_at, author, Some(operator));
            let message = sent("operator").or_else(|| sent("bot"))?;
            Some(("a message of theirs", message.delivery_id))
        };
        let found = telling.evidence.transfer(operator, holding.from_at).or_else(by_message);
        let (why, by) = found.map_or(("evidence", None), |(why, by)| (why, Some(by)));
        let who = who(telling, operator);
        let what = format!("{who} holds it ({}), by {why}", holding.how);
        let step = Step::new(Part::Held, Some(key), Some(holding.from_at), what).by(by);
        steps.push(step.column("frt_agent_seconds", holding.frt_agent_seconds));
        last = Some(operator);
    }
    if let Some(holder) = row.holder_operator_id.as_deref().filter(|holder| last != Some(holder)) {
        let listed = telling.evidence.listed_holder(row.dialog_id.as_deref(), holder);
        let (at, why, by) = match listed {
            Some((at, by)) => (Some(at), "the list of dialogs", Some(by)),
            None => (None, "a client's message or the report that names them", None),
        };
        let what = format!("{} is its holder, by {why}", who(telling, holder));
        steps.push(Step::new(Part::Held, Some(key), at, what).by(by));
    }
    steps
}

fn who(telling: &Telling<'_>, operator: &str) -> String {
    let kind = if telling.rules.bots.contains(operator) { "bot" } else { "operator" };
    format!("{kind} {operator}")
}

/// Each turn: asked, and answered or not.
pub(super) fn turns<'a>(telling: &Telling<'a>, row: &'a RequestRow) -> Vec<Step> {
    let key = row.request_key.as_str();
    let step = |at, what: String| Step::new(Part::Turn, Some(key), at, what);
    let mut steps = Vec::new();
    for turn in telling.folded.turns.iter().filter(|turn| turn.request_key == key) {
        let no = turn.turn_no;
        let asked = telling.message_at(key, turn.asked_at, "client", None);
        let message = asked.map_or_else(String::new, |asked| format!(" by message {}", asked.message_id));
        let delivery = asked.map(|asked| asked.delivery_id);
        steps.push(step(Some(turn.asked_at), format!("turn {no}: asked{message}")).by(delivery));
        let bot = if turn.bot_replied { "; a bot or an automatic answer came between" } else { "" };
        let end = match (turn.state.as_str(), turn.answered_at) {
            ("answered", Some(at)) => {
                let operator = turn.operator_id.as_deref().unwrap_or_default();
                let reply = telling.message_at(key, at, "operator", turn.operator_id.as_deref());
                let message =
                    reply.map_or_else(String::new, |reply| format!(" with message {}", reply.message_id));
                let seconds = said(turn.reply_seconds, turn.reply_business_seconds);
                let what = format!("turn {no}: answered by operator {operator}{message}{seconds}{bot}");
                step(Some(at), what)
                    .by(reply.map(|reply| reply.delivery_id))
                    .column("reply_seconds", turn.reply_seconds)
            }
            ("waiting", _) => step(None, format!("turn {no}: waits for an answer{bot}")),
            _ => {
                let by = turn
                    .ended_at
                    .and_then(|at| telling.evidence.closing(key, row.dialog_id.as_deref(), at))
                    .map(|(_, by)| by);
                step(turn.ended_at, format!("turn {no}: closed unanswered{bot}"))
                    .by(by.or(row.ended_by_delivery))
            }
        };
        steps.push(end);
    }
    steps
}

fn said(seconds: Option<f64>, business: Option<f64>) -> String {
    match (seconds, business) {
        (None, _) => String::new(),
        (Some(seconds), None) => format!(", after {seconds:.3} s"),
        (Some(seconds), Some(business)) => {
            format!(", after {seconds:.3} s ({business:.3} s of business hours)")
        }
    }
}

/// A duration of the row with its two ends.
struct Duration {
    name: &'static str,
    column: &'static str,
    seconds: Option<f64>,
    business: Option<f64>,
    from: Option<(DateTime<Utc>, String, Option<Uuid>)>,
    to: Option<(DateTime<Utc>, String, Option<Uuid>)>,
}

/// The durations of the row, two steps each.
pub(super) fn durations<'a>(telling: &Telling<'a>, row: &'a RequestRow) -> Vec<Step> {
    let key = row.request_key.as_str();
    if row.kind != "common" || row.initiated_by == "company" {
        let what =
            "no durations: surveys, continuous and offline chats, and what the company began, have none";
        return vec![Step::new(Part::Duration, Some(key), None, what.to_owned())];
    }
    let first = telling.folded.turns.iter().find(|turn| turn.request_key == key && turn.turn_no == 1);
    let question = first.map(|turn| client_end(telling, key, turn.asked_at));
    let reply = first.and_then(|turn| {
        let at = turn.answered_at?;
        let message = telling.message_at(key, at, "operator", turn.operator_id.as_deref());
        Some(end(at, "the first reply by a person", message))
    });
    let contact = row.first_client_message_at.map(|at| client_end(telling, key, at));
    let closing = row.closed_at.map(|at| {
        let found = telling.evidence.closing(key, row.dialog_id.as_deref(), at);
        (at, "its closing".to_owned(), found.map(|(_, by)| by).or(row.ended_by_delivery))
    });
    // The row keeps how long it took; where it began is that long before its end.
    let back = |to: Option<&(DateTime<Utc>, String, Option<Uuid>)>, seconds: Option<f64>| {
        to.zip(seconds).map(|(to, seconds)| to.0 - micros(seconds))
    };
    let human = match back(reply.as_ref(), row.frt_human_seconds) {
        Some(at) if first.is_some_and(|turn| turn.asked_at != at) => Some(handed_over(telling, key, at)),
        _ => question.clone(),
    };
    let taken = contact.as_ref().zip(row.queue_wait_seconds).map(|(asked, seconds)| {
        let at = asked.0 + micros(seconds);
        let holding = telling.folded.assignments.iter().find(|holding| {
            holding.request_key == key
                && holding.from_at >= asked.0
                && !telling.rules.bots.contains(&holding.operator_id)
        });
        match holding {
            Some(holding) => {
                let by = telling.evidence.transfer(&holding.operator_id, holding.from_at).map(|(_, by)| by);
                let message =
                    || telling.message_at(key, holding.from_at, "operator", Some(&holding.operator_id));
                let by = by.or_else(|| message().map(|message| message.delivery_id));
                (holding.from_at, format!("operator {}, who takes it", holding.operator_id), by)
            }
            None => (at, "a person, who takes it".to_owned(), None),
        }
    });
    let all = [
        Duration {
            name: "first response",
            column: "frt_customer_seconds",
            seconds: row.frt_customer_seconds,
            business: row.frt_customer_business_seconds,
            from: question.clone(),
            to: reply.clone(),
        },
        Duration {
            name: "first response by people",
            column: "frt_human_seconds",
            seconds: row.frt_human_seconds,
            business: row.frt_human_business_seconds,
            from: human,
            to: reply,
        },
        Duration {
            name: "queue wait",
            column: "queue_wait_seconds",
            seconds: row.queue_wait_seconds,
            business: None,
            // A direct hand-over is a release: nobody waited.
            from: match (row.queue_wait_seconds, &taken) {
                (Some(0.0), Some((at, _, by))) => Some((*at, "a direct hand-over by a bot".to_owned(), *by)),
                _ => contact.clone(),
            },
            to: taken,
        },
        Duration {
            name: "resolution",
            column: "resolution_seconds",
            seconds: row.resolution_seconds,
            business: row.resolution_business_seconds,
            from: contact,
            to: closing,
        },
    ];
    let mut steps: Vec<Step> = all.into_iter().flat_map(|duration| duration.steps(key)).collect();
    if let Some(seconds) = row.average_reply_seconds {
        let business = row
            .average_reply_business_seconds
            .map_or_else(String::new, |s| format!(" ({s:.3} s of business hours)"));
        let what = format!(
            "average reply {seconds:.3} s{business}: the mean of {} answered turns",
            row.turns_answered
        );
        let step = Step::new(Part::Duration, Some(key), None, what);
        steps.push(step.column("average_reply_seconds", Some(seconds)));
    }
    steps
}

impl Duration {
    fn steps(self, key: &str) -> Vec<Step> {
        let Self { name, column, seconds, business, from, to } = self;
        let step = |at, what: String| Step::new(Part::Duration, Some(key), at, what);
        let (Some(seconds), Some(from)) = (seconds, from) else {
            return vec![step(None, format!("{name}: none")).column(column, None)];
        };
        let business = business.map_or_else(String::new, |s| format!(" ({s:.3} s of business hours)"));
        let mut steps = vec![
            step(Some(from.0), format!("{name} {seconds:.3} s{business}: from {}", from.1))
                .by(from.2)
                .column(column, Some(seconds)),
        ];
        if let Some((at, what, by)) = to {
            steps.push(step(Some(at), format!("{name}: to {what}")).by(by));
        }
        steps
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a duration of the row: microseconds of centuries fit")]
fn micros(seconds: f64) -> TimeDelta {
    TimeDelta::microseconds((seconds * 1e6).round() as i64)
}

fn end(
    at: DateTime<Utc>,
    what: &str,
    message: Option<&store::tables::MessageRow>,
) -> (DateTime<Utc>, String, Option<Uuid>) {
    let named =
        message.map_or_else(|| what.to_owned(), |message| format!("{what}, message {}", message.message_id));
    (at, named, message.map(|message| message.delivery_id))
}

fn client_end<'a>(
    telling: &Telling<'a>,
    key: &'a str,
    at: DateTime<Utc>,
) -> (DateTime<Utc>, String, Option<Uuid>) {
    end(at, "the client's question", telling.message_at(key, at, "client", None))
}

/// The hand-over to people, where a bot was first.
fn handed_over(telling: &Telling<'_>, key: &str, at: DateTime<Utc>) -> (DateTime<Utc>, String, Option<Uuid>) {
    let holding =
        telling.folded.assignments.iter().find(|holding| holding.request_key == key && holding.from_at == at);
    let by =
        holding.and_then(|holding| telling.evidence.transfer(&holding.operator_id, at)).map(|(_, by)| by);
    let to = holding.map_or_else(String::new, |holding| format!(" to operator {}", holding.operator_id));
    (at, format!("the bot's hand-over{to}"), by)
}
