//! `/v1/dialogs` (reference 2.1: 13, 17, 18, 19).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Answer, Params, show};
use crate::Error;
use crate::chat2desk::happenings::Closing;
use crate::chat2desk::model::{Dialog, Id, Message, MessageKind, World};

/// A page: filters by operator and state, ignores `client_id`.
pub(super) fn list(world: &World, params: &Params) -> Answer {
    let (operator, state) = (params.id("operator_id"), params.text("state"));
    let wanted = |dialog: &&Dialog| {
        operator.is_none_or(|id| id == dialog.operator)
            && state.as_deref().is_none_or(|state| (state == "open") == dialog.open)
    };
    let mut rows: Vec<&Dialog> = world.dialogs.values().filter(wanted).collect();
    if params.text("order").as_deref() == Some("desc") {
        rows.reverse();
    }
    Answer::cut(params, &rows, |dialog| row(world, dialog))
}

/// One dialog.
pub(super) fn one(world: &World, id: Id) -> Result<Answer, Error> {
    let dialog = world.dialogs.get(&id).ok_or(Error::NotFound { what: "dialog" })?;
    Ok(Answer::data(row(world, dialog)))
}

/// All dialogs of a client.
pub(super) fn of_client(world: &World, client: Id) -> Result<Answer, Error> {
    world.client(client)?;
    let dialogs = world.dialogs.values().filter(|dialog| dialog.thread.client == client);
    Ok(Answer::data(dialogs.map(|dialog| row(world, dialog)).collect::<Vec<_>>()))
}

fn row(world: &World, dialog: &Dialog) -> Value {
    let last = dialog.last_message.and_then(|id| world.messages.get(&id));
    show::dialog(dialog, last)
}

/// Dialogs whose client has waited longer than `limit` seconds.
pub(super) fn unanswered(world: &World, params: &Params, now: DateTime<Utc>) -> Answer {
    let seconds = params.id("limit").unwrap_or(0).clamp(0, i64::from(i32::MAX));
    let waits = |message: &Message| {
        message.kind == MessageKind::FromClient && now - message.created > TimeDelta::seconds(seconds)
    };
    let waiting = |dialog: &&Dialog| {
        let request = world.requests.get(&dialog.last_request).filter(|_| dialog.open);
        let talk = request.into_iter().flat_map(|request| request.messages.iter().rev());
        let public =
            |message: &&Message| matches!(message.kind, MessageKind::FromClient | MessageKind::ToClient);
        talk.filter_map(|id| world.messages.get(id)).find(public).is_some_and(waits)
    };
    let rows: Vec<Value> = world.dialogs.values().filter(waiting).map(|dialog| row(world, dialog)).collect();
    Answer::data(rows)
}

/// Another operator, another state.
pub(super) fn edit(world: &mut World, id: Id, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let dialog = world.dialogs.get(&id).ok_or(Error::NotFound { what: "dialog" })?;
    let (thread, holder, is_open) = (dialog.thread, dialog.operator, dialog.open);
    let operator = params.id("operator_id");
    let state = params.text("state");
    match state.as_deref() {
        None => {
            if let Some(next) = operator.filter(|next| *next != holder || !is_open) {
                world.transfer(now, thread, next)?;
            }
        }
        Some("closed") => {
            if let Some(next) = operator.filter(|next| *next != holder && is_open) {
                world.transfer(now, thread, next)?;
            }
            world.close(now, thread, Closing::Operator)?;
        }
        Some("open") => match operator.filter(|next| *next != holder) {
            Some(next) if is_open => world.transfer(now, thread, next)?,
            next => world.reopen(now, id, next)?,
        },
        Some(_) => return Ok(Answer::invalid("state", "is not included in the list")),
    }
    one(world, id)
}
