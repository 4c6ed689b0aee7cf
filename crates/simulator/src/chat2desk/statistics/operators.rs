//! The reports about operators: `operator_events`, `operator_stats`, `operator_replies`.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::{channel_name, is_on, local, operator_name};
use crate::chat2desk::model::{Id, MessageKind, Request, World};

/// What operators did on a day, newest first.
pub(super) fn events(world: &World, date: NaiveDate) -> Vec<Value> {
    let events = world.holdings.operator_events.iter().rev().filter(|event| is_on(world, event.at, date));
    events
        .map(|event| {
            json!({
                "operator_name": operator_name(world, Some(event.operator)), "event": event.event,
                "created_at": local(world, Some(event.at)), "state_note": "",
            })
        })
        .collect()
}

/// An operator's part of a request: when he had to answer first, when he did, and how often.
struct Part {
    asked: DateTime<Utc>,
    answered: DateTime<Utc>,
    replies: u32,
}

fn parts(world: &World, request: &Request) -> Vec<(Id, Part)> {
    let mut parts: Vec<(Id, Part)> = Vec::new();
    let mut asked = None;
    for message in request.messages.iter().filter_map(|id| world.messages.get(id)) {
        match (message.kind, message.operator) {
            (MessageKind::FromClient, _) => {
                asked.get_or_insert(message.created);
            }
            (MessageKind::ToClient, Some(operator)) => {
                let waited = asked.take();
                if let Some((_, part)) = parts.iter_mut().find(|(id, _)| *id == operator) {
                    part.replies += u32::from(waited.is_some());
                } else if let Some(asked) = waited {
                    parts.push((operator, Part { asked, answered: message.created, replies: 1 }));
                }
            }
            _ => {}
        }
    }
    parts
}

fn of_day(world: &World, date: NaiveDate) -> impl Iterator<Item = &Request> {
    world.requests.values().rev().filter(move |request| is_on(world, request.opened, date))
}

/// One row for each operator of a request; the wait of a second operator counts from the client's question.
pub(super) fn replies(world: &World, date: NaiveDate) -> Vec<Value> {
    let rows = of_day(world, date).flat_map(|request| {
        parts(world, request).into_iter().map(|(operator, part)| {
            json!({
                "request_id": request.id, "operator_id": operator,
                "operator_name": operator_name(world, Some(operator)),
                "reaction_time": (part.answered - part.asked).num_seconds(), "replies": part.replies,
            })
        })
    });
    rows.collect()
}

/// One row for each operator, channel and transport.
pub(super) fn stats(world: &World, date: NaiveDate) -> Vec<Value> {
    let mut rows: BTreeMap<(Id, Id, &str), (u32, u32)> = BTreeMap::new();
    for request in of_day(world, date) {
        for (index, (operator, _)) in parts(world, request).iter().enumerate() {
            let row = rows.entry((*operator, request.thread.channel, &request.transport)).or_default();
            row.0 += 1;
            row.1 += u32::from(index == 0);
        }
    }
    rows.into_iter()
        .map(|((operator, channel, transport), (took_part, first))| {
            json!({
                "operator_name": operator_name(world, Some(operator)), "date": date.to_string(),
                "channel_name": channel_name(world, channel), "transport": transport,
                "requests_took_part": took_part, "requests_replied_first": first,
            })
        })
        .collect()
}
