//! The face for tests and demonstrations: what `/control/...` takes and answers. Changes state only through the model.
//!
//! | route | body | does |
//! |---|---|---|
//! | `POST /control/advance` | `{"seconds": n}` | moves the clock on; the business lives through it, webhooks go out |
//! | `POST /control/say` | [`Say`] | somebody does one thing |
//! | `POST /control/live` | [`crate::business::Live`] | a phase of quick chats begins |
//! | `POST /control/faults` | a [`super::Fault`], or `{"clear": true}` | queues a fault; `GET` lists those that wait |
//! | `POST /control/release` | `{"name": …}` | lets held calls go on |
//! | `POST /control/mishaps` | [`super::Mishaps`] | bad luck for webhooks from now on |
//! | `POST /control/webhook` | [`Register`] | registers a webhook directly; `"old": true` sets both old hooks |
//! | `POST /control/unsubscribe` | [`Unsubscribe`] | takes events out of registrations, as when nobody thought of them |
//! | `POST /control/channel` | [`AddChannel`] | another channel, for instance an external one |
//! | `POST /control/account` | [`Settings`] | mode, quota, calls, writing first, and [`super::model::Habits`] |
//! | `POST /control/rate` | [`Rate`] | the client of a chat that was closed is asked and answers at once: `valuation_request_id`, `request_id`, ... |
//! | `GET /control/state` | | counts and, without `?requests=false`, the truth of each request and of each score |
//!
//! `?account=<slug>` picks the account; without it the first one is meant.

mod orders;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::happenings::{Closing, Rated};
use super::model::{Channel, Id, Message, MessageKind, Thread, World};
use super::truth;
use super::webhooks::NAMES;
use crate::Error;
pub use orders::{AddChannel, Doing, Rate, Register, Say, Settings, Unsubscribe};

/// Carries out [`Say`]; answers the ids that it touched.
///
/// # Errors
/// What the model refuses.
pub fn say(world: &mut World, say: &Say, now: DateTime<Utc>) -> Result<Value, Error> {
    let channel = match say.channel_id.or_else(|| world.channels.first().map(|channel| channel.id)) {
        Some(channel) => channel,
        None => return Err(Error::NotFound { what: "channel" }),
    };
    let client = match say.client_id {
        Some(client) => client,
        None => world.add_client(&format!("[test] {}", world.next.client), Some("Visitor")),
    };
    let thread = Thread { client, channel };
    let first = world.operators.keys().next().copied().unwrap_or(0);
    let operator = say.operator_id.unwrap_or(first);
    let text = say.text.as_str();
    let message = match say.doing {
        Doing::Client => {
            let transport = say.transport.clone().unwrap_or_else(|| world.transport_of(thread));
            Some(world.client_writes(now, thread, &transport, text, None)?)
        }
        Doing::Operator => Some(world.operator_writes(now, thread, operator, text)?),
        Doing::Autoreply => Some(world.autoreply(now, thread, text)?),
        Doing::Comment => Some(world.comment(now, thread, operator, text)?),
        Doing::System => Some(world.system_line(now, thread, text)?),
        Doing::Assign => world.assign(now, thread, operator).map(|()| None)?,
        Doing::Transfer => world.transfer(now, thread, operator).map(|()| None)?,
        Doing::Close => world.close(now, thread, Closing::Operator).map(|()| None)?,
        Doing::Timeout => world.close(now, thread, Closing::Timeout).map(|()| None)?,
        Doing::Survey => world.survey(now, thread, text).map(|_| None)?,
        Doing::Score => world.score(now, thread, say.score, say.told, "Thank you!").map(|()| None)?,
        Doing::Withdraw => world.withdraw(now, thread, None).map(|()| None)?,
        Doing::Tag => {
            let going = world.going.get(&thread);
            let request = going.and_then(|going| going.request.or(going.last_common));
            let request = request.ok_or(Error::NotFound { what: "request" })?;
            world.tag_request(now, request, say.tag_id).map(|()| None)?
        }
        Doing::Choose => Some(world.choose(now, thread, say.item_id)?),
        Doing::Import => {
            let written = now - TimeDelta::seconds(say.seconds_ago.into());
            Some(world.import(now, thread, say.from_client, written, text)?)
        }
        Doing::QrCode => {
            let picture = format!("https://storage.example.org/m/qr-{}.jpg", world.next.message);
            Some(world.client_shows_qr_code(now, thread, &picture, text)?)
        }
        Doing::Undelivered => {
            let sent = |message: &&Message| message.thread == thread && message.kind == MessageKind::ToClient;
            let last = world.messages.values().rev().find(sent).map(|message| message.id);
            world.delivery_failed(now, last.ok_or(Error::NotFound { what: "message" })?, text)?;
            last
        }
        Doing::Bar => world.bar(now, client).map(|()| None)?,
        Doing::NoWhatsapp => {
            world.clients.get_mut(&client).ok_or(Error::NotFound { what: "client" })?.unreachable = true;
            None
        }
        Doing::Status if text == "logout" => world.operator_leaves(now, operator).map(|()| None)?,
        Doing::Status => {
            world.operator_status(now, operator, text != "offline", Some(text)).map(|()| None)?
        }
    };
    let request =
        world.going.get(&thread).and_then(|going| going.survey.or(going.request).or(going.last_common));
    let dialog = world.going.get(&thread).and_then(|going| going.dialog);
    Ok(json!({
        "client_id": client, "channel_id": channel, "message_id": message, "request_id": request,
        "dialog_id": dialog,
    }))
}

/// Carries out [`Rate`].
///
/// # Errors
/// What the model refuses.
pub fn rate(world: &mut World, wanted: &Rate, now: DateTime<Utc>) -> Result<Rated, Error> {
    world.rate_latest(now, wanted.client_id, wanted.score, wanted.told)
}

/// Carries out [`Register`]; answers the webhook's id, null for the old hooks.
pub fn register(world: &mut World, wanted: Register) -> Option<Id> {
    if wanted.old {
        world.webhooks.old_messages = Some(wanted.url.clone());
        world.webhooks.old_closes = Some(wanted.url);
        return None;
    }
    let events = wanted.events.unwrap_or_else(|| NAMES.iter().map(|name| (*name).to_owned()).collect());
    Some(world.webhooks.register("control", &wanted.url, events, wanted.channels))
}

/// Carries out [`Unsubscribe`]; answers how many registrations lost something.
pub fn unsubscribe(world: &mut World, wanted: &Unsubscribe) -> usize {
    let mut changed = 0;
    for hook in &mut world.webhooks.list {
        let before = hook.events.len();
        hook.events.retain(|name| !wanted.events.contains(name));
        changed += usize::from(hook.events.len() < before);
    }
    changed
}

/// Carries out [`AddChannel`]; one with the same id is replaced.
pub fn add_channel(world: &mut World, wanted: AddChannel) {
    let AddChannel { id, name, transports } = wanted;
    world.channels.retain(|channel| channel.id != id);
    world.channels.push(Channel { id, phone: name.clone(), name, transports });
}

/// Carries out [`Settings`].
pub fn settings(world: &mut World, wanted: Settings, now: DateTime<Utc>) {
    let account = &mut world.account;
    account.mode = wanted.mode.unwrap_or(account.mode);
    account.quota = wanted.quota.or(account.quota);
    account.calls = wanted.calls.unwrap_or(account.calls);
    account.write_first = wanted.write_first.unwrap_or(account.write_first);
    if let Some(habits) = wanted.habits {
        let released = account.habits.stuck && !habits.stuck;
        account.habits = habits;
        if released {
            world.unstick(now);
        }
    }
}

/// Counts, and the truth of each request when wanted.
pub fn state(world: &World, requests: bool) -> Value {
    let mut state = truth::counts(world);
    if let Some(object) = state.as_object_mut().filter(|_| requests) {
        let all: Vec<Value> = world.requests.values().map(|request| truth::request(world, request)).collect();
        object.insert("truth".into(), all.into());
        let scores = world.ratings.iter().map(|rating| truth::score(world, rating));
        object.insert("scores".into(), scores.collect());
    }
    state
}

/// New clients write in the first channel, so that rows shift under whoever pages a list.
///
/// # Errors
/// What the model refuses.
pub fn insert_rows(world: &mut World, count: u32, now: DateTime<Utc>) -> Result<(), Error> {
    for _ in 0..count {
        say(world, &Say { text: "I came while you were paging".into(), ..Say::default() }, now)?;
    }
    Ok(())
}
