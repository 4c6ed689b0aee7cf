//! What must be true of the rows of any conversation, whatever was told: one function for each sentence.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use store::tables::{MessageRow, RequestRow, TurnRow};

use super::super::Folded;

/// Says what is wrong, or nothing.
type Invariant = fn(&Folded) -> Vec<String>;

/// All of them, by name.
pub(super) const ALL: [(&str, Invariant); 14] = [
    ("no duration is below zero", no_duration_is_below_zero),
    ("only common requests that the client began are measured", only_contacts_are_measured),
    ("business time is a part of real time", business_time_is_a_part_of_real_time),
    ("turns are in order and only the last one waits", turns_are_in_order),
    ("a closed request has no waiting turn", a_closed_request_has_no_waiting_turn),
    ("a request's figures are those of its turns", figures_are_those_of_the_turns),
    ("each message of the talk is in one request", each_message_of_the_talk_is_in_one_request),
    ("counts are those of the messages", counts_are_those_of_the_messages),
    ("derived requests overlap no other contact", derived_requests_overlap_no_contact),
    ("a close has a reason", a_close_has_a_reason),
    ("the previous request is the contact before", the_previous_request_is_the_contact_before),
    ("assignments are without a gap", assignments_are_without_a_gap),
    ("tags are put on and taken off in turn", tags_alternate),
    ("a dialog is as its contacts are", a_dialog_is_as_its_contacts_are),
];

fn counts(message: &MessageRow) -> bool {
    !message.is_deleted && message.time_quality != "unconfirmed"
}

fn talks(message: &MessageRow) -> bool {
    matches!(&*message.author_kind, "client" | "operator" | "bot" | "automation")
}

fn turns_of<'a>(rows: &'a Folded, request: &RequestRow) -> Vec<&'a TurnRow> {
    rows.turns.iter().filter(|turn| turn.request_key == request.request_key).collect()
}

fn measured(request: &RequestRow) -> bool {
    request.kind == "common" && request.initiated_by == "client"
}

fn durations(request: &RequestRow) -> [(&'static str, Option<f64>, Option<f64>); 4] {
    [
        ("frt_customer", request.frt_customer_seconds, request.frt_customer_business_seconds),
        ("frt_human", request.frt_human_seconds, request.frt_human_business_seconds),
        ("average_reply", request.average_reply_seconds, request.average_reply_business_seconds),
        ("resolution", request.resolution_seconds, request.resolution_business_seconds),
    ]
}

fn wrong<T: std::fmt::Debug>(of: impl IntoIterator<Item = T>) -> Vec<String> {
    of.into_iter().map(|wrong| format!("{wrong:?}")).collect()
}

fn no_duration_is_below_zero(rows: &Folded) -> Vec<String> {
    let of_requests = rows.requests.iter().flat_map(|r| {
        let all = durations(r).into_iter().flat_map(|(_, wall, business)| [wall, business]);
        all.chain([r.queue_wait_seconds]).map(|seconds| (r.request_key.clone(), seconds))
    });
    let of_turns = rows.turns.iter().flat_map(|t| {
        [t.reply_seconds, t.reply_business_seconds].map(|seconds| (t.request_key.clone(), seconds))
    });
    let of_assignments = rows.assignments.iter().map(|a| (a.request_key.clone(), a.frt_agent_seconds));
    let all = of_requests.chain(of_turns).chain(of_assignments);
    wrong(all.filter(|(_, seconds)| seconds.is_some_and(|seconds| !(seconds >= 0.0 && seconds.is_finite()))))
}

fn only_contacts_are_measured(rows: &Folded) -> Vec<String> {
    let unmeasured: BTreeSet<&str> =
        rows.requests.iter().filter(|r| !measured(r)).map(|r| &*r.request_key).collect();
    let requests = rows.requests.iter().filter(|r| !measured(r)).filter(|r| {
        r.queue_wait_seconds.is_some() || durations(r).iter().any(|(_, a, b)| a.is_some() || b.is_some())
    });
    let turns =
        rows.turns.iter().filter(|t| unmeasured.contains(&*t.request_key) && t.reply_seconds.is_some());
    let held = rows
        .assignments
        .iter()
        .filter(|a| unmeasured.contains(&*a.request_key) && a.frt_agent_seconds.is_some());
    [wrong(requests), wrong(turns), wrong(held)].concat()
}

fn business_time_is_a_part_of_real_time(rows: &Folded) -> Vec<String> {
    // The calendar of these accounts is in force at all times.
    let bad = |wall: Option<f64>, business: Option<f64>| match (wall, business) {
        (None, None) => false,
        (Some(wall), Some(business)) => business > wall + 1e-6,
        _ => true,
    };
    let requests = rows.requests.iter().filter(|r| durations(r).iter().any(|(_, a, b)| bad(*a, *b)));
    let turns = rows.turns.iter().filter(|t| bad(t.reply_seconds, t.reply_business_seconds));
    [wrong(requests), wrong(turns)].concat()
}

fn turns_are_in_order(rows: &Folded) -> Vec<String> {
    // Messages are ordered by the list's second and timed by the webhook, which may be five seconds finer.
    let slack = Duration::seconds(12);
    let mut found = Vec::new();
    for request in &rows.requests {
        let turns = turns_of(rows, request);
        for (no, turn) in (1..).zip(&turns) {
            let last = no as usize == turns.len();
            let ended = turn.ended_at.is_none_or(|ended| ended >= turn.asked_at - slack);
            let state = match &*turn.state {
                "answered" => turn.answered_at.is_some() && turn.answered_at == turn.ended_at,
                "closed_unanswered" => turn.answered_at.is_none() && turn.ended_at.is_some(),
                "waiting" => last && turn.ended_at.is_none() && turn.answered_at.is_none(),
                _ => false,
            };
            if turn.turn_no != no || !ended || !state {
                found.push(format!("{turn:?}"));
            }
        }
        let overlaps = |pair: &&[&TurnRow]| {
            pair[0].state == "answered" && pair[0].ended_at.is_some_and(|end| end > pair[1].asked_at + slack)
        };
        found.extend(wrong(turns.windows(2).filter(overlaps)));
    }
    found
}

fn a_closed_request_has_no_waiting_turn(rows: &Folded) -> Vec<String> {
    let waiting = |request: &&RequestRow| {
        let waits = turns_of(rows, request).last().filter(|turn| turn.state == "waiting").map(|t| t.asked_at);
        request.waiting_since != waits || (waits.is_some() && request.closed_at.is_some())
    };
    wrong(rows.requests.iter().filter(waiting))
}

fn figures_are_those_of_the_turns(rows: &Folded) -> Vec<String> {
    let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-6,
        (a, b) => a == b,
    };
    let bad = |request: &&RequestRow| {
        let turns = turns_of(rows, request);
        let in_state = |state: &str| turns.iter().filter(|turn| turn.state == state).count();
        let replies: Vec<f64> = turns.iter().filter_map(|turn| turn.reply_seconds).collect();
        let mean = (!replies.is_empty()).then(|| replies.iter().sum::<f64>() / replies.len() as f64);
        let resolution = request
            .first_client_message_at
            .zip(request.closed_at)
            .map(|(from, to)| (to - from).num_microseconds().unwrap_or_default().max(0) as f64 / 1e6);
        request.turns_answered as usize != in_state("answered")
            || request.turns_unanswered as usize != in_state("closed_unanswered")
            || !near(request.average_reply_seconds, mean)
            || !near(request.frt_customer_seconds, turns.first().and_then(|turn| turn.reply_seconds))
            || (measured(request) && !near(request.resolution_seconds, resolution))
            || request.frt_human_seconds > request.frt_customer_seconds
            || request.frt_human_seconds.is_some() != request.frt_customer_seconds.is_some()
    };
    wrong(rows.requests.iter().filter(bad))
}

fn each_message_of_the_talk_is_in_one_request(rows: &Folded) -> Vec<String> {
    let keys: BTreeSet<&str> = rows.requests.iter().map(|request| &*request.request_key).collect();
    let ids: BTreeSet<&str> = rows.messages.iter().map(|message| &*message.message_id).collect();
    let bad = |message: &&MessageRow| match &message.request_key {
        Some(key) => !keys.contains(&**key),
        None => counts(message) && talks(message),
    };
    let mut found = wrong(rows.messages.iter().filter(bad));
    if ids.len() != rows.messages.len() || keys.len() != rows.requests.len() {
        found.push("a row is there twice".to_owned());
    }
    found
}

fn counts_are_those_of_the_messages(rows: &Folded) -> Vec<String> {
    let mut of: BTreeMap<(&str, &str), i32> = BTreeMap::new();
    for message in rows.messages.iter().filter(|message| counts(message)) {
        if let Some(key) = &message.request_key {
            *of.entry((key, &message.author_kind)).or_default() += 1;
        }
    }
    let bad = |r: &&RequestRow| {
        let count = |kind| of.get(&(&*r.request_key, kind)).copied().unwrap_or_default();
        [r.client_messages, r.operator_messages, r.bot_messages, r.automation_messages]
            != ["client", "operator", "bot", "automation"].map(count)
            || (r.first_reply_at.is_some() != (r.operator_messages > 0))
            || (r.first_client_message_at.is_some() != (r.client_messages > 0))
    };
    wrong(rows.requests.iter().filter(bad))
}

fn derived_requests_overlap_no_contact(rows: &Folded) -> Vec<String> {
    // One whose events say that it closed before it opened takes no time.
    let takes_time = |r: &&RequestRow| r.closed_at.is_none_or(|closed| closed >= r.opened_at);
    let contacts: Vec<&RequestRow> =
        rows.requests.iter().filter(|r| r.kind != "rating").filter(takes_time).collect();
    // Messages are ordered by the list's second and timed by the webhook: openings so near may change places.
    let apart = |pair: &&[&RequestRow]| pair[1].opened_at - pair[0].opened_at > Duration::seconds(12);
    let bad = |pair: &&[&RequestRow]| {
        let late = pair[0].closed_at.is_none_or(|closed| closed > pair[1].opened_at);
        pair[0].segmentation == "derived" && late && apart(pair)
    };
    wrong(contacts.windows(2).filter(bad))
}

fn a_close_has_a_reason(rows: &Folded) -> Vec<String> {
    let bad = |r: &&RequestRow| {
        r.closed_at.is_some() != r.close_reason.is_some()
            || (r.close_detail.is_some() && r.close_reason.as_deref() == Some("superseded"))
    };
    wrong(rows.requests.iter().filter(bad))
}

fn the_previous_request_is_the_contact_before(rows: &Folded) -> Vec<String> {
    let mut previous = None;
    let mut found = Vec::new();
    for request in &rows.requests {
        if request.previous_request_key.as_deref() != previous {
            found.push(format!("{request:?}"));
        }
        if request.kind != "rating" {
            previous = Some(&*request.request_key);
        }
    }
    if !rows.requests.is_sorted_by_key(|request| request.opened_at) {
        found.push("not in order".to_owned());
    }
    found
}

fn assignments_are_without_a_gap(rows: &Folded) -> Vec<String> {
    let mut found = Vec::new();
    for request in &rows.requests {
        let held: Vec<_> = rows.assignments.iter().filter(|a| a.request_key == request.request_key).collect();
        for (no, one) in (1..).zip(&held) {
            let next = held.get(no as usize);
            let to = next.map(|next| next.from_at).or_else(|| request.closed_at.map(|c| c.max(one.from_at)));
            let how = if no == 1 { one.how == "assigned" } else { one.how != "assigned" };
            let other = next.is_none_or(|next| next.operator_id != one.operator_id);
            if one.assignment_no != no
                || one.to_at != to
                || !how
                || !other
                || one.to_at.is_some_and(|to| to < one.from_at)
            {
                found.push(format!("{one:?} of {request:?}"));
            }
        }
        if request.transfers as usize != held.len().saturating_sub(1) {
            found.push(format!("{} transfers of {held:?}", request.transfers));
        }
    }
    found
}

fn tags_alternate(rows: &Folded) -> Vec<String> {
    let mut found = Vec::new();
    for episodes in rows.tags.chunk_by(|a, b| (&a.request_key, &a.tag_id) == (&b.request_key, &b.tag_id)) {
        for (no, one) in (1..).zip(episodes) {
            let ordered = one.removed_at.is_none_or(|removed| removed >= one.added_at);
            let next = episodes.get(no as usize);
            let apart = next.is_none_or(|next| one.removed_at.is_some_and(|off| off <= next.added_at));
            if one.episode != no || !ordered || !apart {
                found.push(format!("{one:?}"));
            }
        }
    }
    found
}

fn a_dialog_is_as_its_contacts_are(rows: &Folded) -> Vec<String> {
    let bad = |dialog: &&store::tables::DialogRow| {
        let contacts: Vec<_> = rows
            .requests
            .iter()
            .filter(|r| r.dialog_id.as_deref() == Some(&*dialog.dialog_id) && r.kind != "rating")
            .collect();
        let opening = contacts.first().map(|first| first.opened_at);
        dialog.requests as usize != contacts.len()
            || (dialog.state == "open") != dialog.closed_at.is_none()
            || (opening.is_some() && dialog.opened_at != opening)
            || contacts.last().is_some_and(|last| dialog.closed_at != last.closed_at)
    };
    wrong(rows.dialogs.iter().filter(bad))
}
