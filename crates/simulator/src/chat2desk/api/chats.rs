//! What is done with a chat by one of its messages, and with requests (reference 2.1: 7, 21, 33; 2.2).

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Answer, Params, show};
use crate::Error;
use crate::chat2desk::happenings::Closing;
use crate::chat2desk::model::{Id, Thread, World};

/// `assign`: gives a message of no open dialog to an operator; a closed dialog is opened again.
pub(super) fn assign(
    world: &mut World,
    id: Id,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    let thread = thread_of(world, id)?;
    give(world, thread, operator(params)?, now)?;
    Ok(Answer::done())
}

/// `transfer`: the same for any message; an open dialog moves.
pub(super) fn transfer(
    world: &mut World,
    id: Id,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    let thread = thread_of(world, id)?;
    give_or_move(world, thread, operator(params)?, now)?;
    Ok(Answer::done())
}

/// `transfer_to_group`: to a member who is there, else to the first. Tells whom it chose.
pub(super) fn transfer_to_group(
    world: &mut World,
    id: Id,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    let thread = thread_of(world, id)?;
    let wanted = params.id("group_id").ok_or(Error::Invalid { field: "group_id", text: "can't be blank" })?;
    let group =
        world.groups.iter().find(|group| group.id == wanted).ok_or(Error::NotFound { what: "group" })?;
    let online = |id: &&Id| world.operators.get(id).is_some_and(|operator| operator.online);
    let chosen = group.operators.iter().find(online).or_else(|| group.operators.first()).copied();
    let chosen = chosen.ok_or(Error::NotFound { what: "operator" })?;
    give_or_move(world, thread, chosen, now)?;
    // The manual does not name the fields.
    let operator = world.operators.get(&chosen).map(|operator| show::operator(world, operator));
    Ok(Answer::data(json!({"operator_id": chosen, "operator": operator})))
}

/// `read` and `unread`: by the operator.
pub(super) fn mark(world: &mut World, id: Id, read: bool) -> Result<Answer, Error> {
    world.messages.get_mut(&id).ok_or(Error::NotFound { what: "message" })?.read = read;
    Ok(Answer::done())
}

/// `/v1/requests/<id>`.
pub(super) fn request(world: &World, id: Id) -> Result<Answer, Error> {
    let request = world.request(id)?;
    Ok(Answer::data(json!({
        "id": id, "dialog_id": request.dialog, "client_id": request.thread.client,
        "channel_id": request.thread.channel, "type": request.kind.as_str(),
    })))
}

/// `/v1/requests/close`, by request or by client.
pub(super) fn close(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let thread = match (params.id("request_id"), params.id("client_id")) {
        (Some(request), _) => {
            let request = world.request(request)?;
            if request.closed.is_some() {
                return Err(Error::WrongState("request already has state closed"));
            }
            request.thread
        }
        (None, Some(client)) => last_thread(world, client)?,
        (None, None) => return Ok(Answer::invalid("request_id", "can't be blank")),
    };
    world.close(now, thread, Closing::Operator)?;
    Ok(Answer::done())
}

/// The thread of the client's newest message.
pub(super) fn last_thread(world: &World, client: Id) -> Result<Thread, Error> {
    let card = world.client(client)?;
    let threads = card.reached_by.iter().map(|(channel, _)| Thread { client, channel: *channel });
    let newest = |thread: &Thread| world.going.get(thread).and_then(|going| going.last_common);
    threads.max_by_key(newest).ok_or(Error::NotFound { what: "channel" })
}

fn thread_of(world: &World, message: Id) -> Result<Thread, Error> {
    Ok(world.messages.get(&message).ok_or(Error::NotFound { what: "message" })?.thread)
}

fn operator(params: &Params) -> Result<Id, Error> {
    params.id("operator_id").ok_or(Error::Invalid { field: "operator_id", text: "can't be blank" })
}

fn give(world: &mut World, thread: Thread, operator: Id, now: DateTime<Utc>) -> Result<(), Error> {
    let closed =
        world.going.get(&thread).filter(|going| going.request.is_none()).and_then(|going| going.dialog);
    match closed {
        Some(dialog) => world.reopen(now, dialog, Some(operator)),
        None => world.assign(now, thread, operator),
    }
}

fn give_or_move(world: &mut World, thread: Thread, operator: Id, now: DateTime<Utc>) -> Result<(), Error> {
    match give(world, thread, operator, now) {
        Err(Error::WrongState(_)) => world.transfer(now, thread, operator),
        other => other,
    }
}
