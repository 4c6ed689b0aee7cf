//! `/v1/tickets` (reference 2.2): the methods are known, the fields are not; what comes is kept.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Answer, Params};
use crate::Error;
use crate::chat2desk::model::{Id, World};

/// A page.
pub(super) fn list(world: &World, params: &Params) -> Answer {
    let rows: Vec<_> = world.holdings.tickets.values().collect();
    Answer::cut(params, &rows, |ticket| Value::Object((*ticket).clone()))
}

/// One ticket.
pub(super) fn one(world: &World, id: Id) -> Result<Answer, Error> {
    let ticket = world.holdings.tickets.get(&id).ok_or(Error::NotFound { what: "ticket" })?;
    Ok(Answer::data(ticket.clone()))
}

/// A new ticket.
pub(super) fn create(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let id = world.add_ticket(now, params.object());
    one(world, id)
}

/// Other values of some fields.
pub(super) fn edit(world: &mut World, id: Id, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    world.change_ticket(now, id, params.object())?;
    one(world, id)
}

/// Deletes a ticket.
pub(super) fn delete(world: &mut World, id: Id, now: DateTime<Utc>) -> Result<Answer, Error> {
    world.delete_ticket(now, id)?;
    Ok(Answer::done())
}
