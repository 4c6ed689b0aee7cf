//! `/v1/operators`, their groups, states and rights (reference 2.1: 16, 20; 2.2).

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Answer, Params, required, show};
use crate::Error;
use crate::chat2desk::happenings::STATUSES;
use crate::chat2desk::model::{AccessRight, Group, Id, World};

/// Roles that can be given (`/v1/help/roles`).
const ROLES: [&str; 6] = ["unconfirmed", "operator", "supervisor", "admin", "disabled", "deleted"];

/// A page; filters by phone, email, online and state.
pub(super) fn list(world: &World, params: &Params) -> Answer {
    let (phone, email, online) = (params.text("phone"), params.text("email"), params.flag("online"));
    let status = params.id("status_id");
    let rows: Vec<_> = world
        .operators
        .values()
        .filter(|operator| phone.is_none() || phone == operator.phone)
        .filter(|operator| email.as_ref().is_none_or(|email| *email == operator.email))
        .filter(|operator| online.is_none_or(|online| online == operator.online))
        .filter(|operator| status.is_none_or(|id| id == i64::from(show::status_id(operator))))
        .collect();
    Answer::cut(params, &rows, |operator| show::operator(world, operator))
}

/// One operator.
pub(super) fn one(world: &World, id: Id) -> Result<Answer, Error> {
    let operator = world.operators.get(&id).ok_or(Error::NotFound { what: "operator" })?;
    Ok(Answer::data(show::operator(world, operator)))
}

/// A new account.
pub(super) fn create(world: &mut World, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let email = required(params, "email")?;
    if !email.contains('@') {
        return Ok(Answer::invalid("email", "is invalid"));
    }
    let id = world.add_operator(now, &email)?;
    edit(world, id, params, now)
}

/// Another name, role, number, id or state.
pub(super) fn edit(world: &mut World, id: Id, params: &Params, now: DateTime<Utc>) -> Result<Answer, Error> {
    let role = params.text("role");
    if role.as_ref().is_some_and(|role| !ROLES.contains(&role.as_str())) {
        return Ok(Answer::invalid("role", "is not included in the list"));
    }
    let operator = world.operators.get_mut(&id).ok_or(Error::NotFound { what: "operator" })?;
    operator.role = role.unwrap_or_else(|| operator.role.clone());
    operator.first_name = params.text("first_name").unwrap_or_else(|| operator.first_name.clone());
    operator.last_name = params.text("last_name").unwrap_or_else(|| operator.last_name.clone());
    operator.phone = params.text("phone").or_else(|| operator.phone.clone());
    operator.external_id = params.text("external_id").or_else(|| operator.external_id.clone());
    if let Some(status) = params.id("status_id") {
        world.set_status(now, id, status)?;
    }
    one(world, id)
}

/// The bare array of states.
pub(super) fn statuses() -> Answer {
    let names = STATUSES.iter().zip(1..);
    Answer::bare(names.map(|((name, ..), id)| json!({"id": id, "name": {"en": name}})).collect())
}

/// Another state.
pub(super) fn set_status(
    world: &mut World,
    id: Id,
    params: &Params,
    now: DateTime<Utc>,
) -> Result<Answer, Error> {
    let status =
        params.id("status_id").ok_or(Error::Invalid { field: "status_id", text: "can't be blank" })?;
    world.set_status(now, id, status)?;
    Ok(Answer::done())
}

/// Groups: one page.
pub(super) fn groups(world: &World) -> Answer {
    let show = |group: &Group| json!({"id": group.id, "name": group.name, "operator_ids": group.operators});
    let rows: Vec<Value> = world.groups.iter().map(show).collect();
    let total = rows.len();
    Answer::page(rows, total, 20, 0)
}

fn right(right: &AccessRight) -> Value {
    json!({"id": right.id, "name": right.name})
}

/// The company's own roles.
pub(super) fn access_rights(world: &World, params: &Params) -> Answer {
    Answer::cut(params, &world.holdings.access_rights, right)
}

/// One of them.
pub(super) fn access_right(world: &World, id: Id) -> Result<Answer, Error> {
    let found = world.holdings.access_rights.iter().find(|right| right.id == id);
    Ok(Answer::data(right(found.ok_or(Error::NotFound { what: "access right" })?)))
}
