//! Random accounts: what a platform may tell of one, by all roads, in the vendor's own form.
//!
//! Everything that the rules of the fold speak of happens here at times: requests with and without ids, boundaries that
//! are missing or come late, lists that name no channel, clocks that disagree, whole seconds, surveys, tags put on and
//! taken off, operators that change, bots, notes, imports, menu choices, messages told of two conversations. Nothing
//! here is a simulation of a business: times and answers are nonsense that a broken installation could send.
//!
//! Knows no crate of the ledger (only what the vendor writes down), so that the pure tests of `projection` can include
//! it by its path, and `tests` has it as a module. A seed makes the same account for ever.

mod chance;
mod story;

pub use chance::Chance;
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use story::{Ids, Story};

/// How a telling comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The platform sends it as it happens.
    Webhook,
    /// A script forwards it; it has no time of its own.
    Script,
    /// A row of a page of this list (`messages?limit=200`).
    Page(String),
}

/// One delivery as the platform makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    /// How it comes.
    pub way: Way,
    /// The body.
    pub body: Value,
    /// When it reaches us by our clock; for a page: when it is fetched.
    pub received_at: DateTime<Utc>,
}

/// The zone of the account: its clocks go back in the night in which all of this happens.
pub const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;

/// Operators who are bots.
pub const BOTS: [u64; 2] = [7008, 7009];

/// Tags that are scores, by id and label; other tags are none.
pub const SCORE_TAGS: [(u64, &str, i32); 3] = [(612, "score-2", 2), (613, "score-3", 3), (615, "score-5", 5)];

/// How much is told.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Clients, from 1.
    pub clients: u64,
    /// Requests of a conversation, at most.
    pub requests: u32,
    /// Messages of a request, at most.
    pub messages: u32,
    /// Whether tellings of one message may name two conversations (a client that was merged).
    pub contested: bool,
}

impl Size {
    /// One conversation.
    pub const ONE: Self = Self { clients: 1, requests: 5, messages: 9, contested: false };
    /// Two clients with little to say: for tests that pay for each message.
    pub const TINY: Self = Self { clients: 2, requests: 2, messages: 4, contested: true };
    /// Some clients, some of them in two channels.
    pub const SMALL: Self = Self { clients: 3, requests: 3, messages: 5, contested: true };
}

/// Everything that is told of an account, in the order of what happened (each thing by webhooks first).
pub fn account(chance: &mut Chance, size: Size) -> Vec<Telling> {
    let mut told = Vec::new();
    let mut ids = Ids::new(chance);
    // The clocks go back at 01:00 UTC.
    let start: DateTime<Utc> = "2026-10-24T21:00:00Z".parse().unwrap_or_default();
    for client in 1..=size.clients {
        let channels = if size.clients > 1 && chance.one_in(4) { 2 } else { 1 };
        for channel in 0..channels {
            let begin = start + Duration::seconds(i64::from(chance.below(4 * 3600)));
            let channel = 11 + (client + channel) % 2;
            Story::new(chance, &mut ids, size, client, channel, begin).tell(&mut told);
        }
        cards(chance, &mut told, client, start);
    }
    if size.clients > 1 {
        company(&mut told, start + Duration::days(2));
    }
    told
}

/// What is told of a client beside the talk.
fn cards(chance: &mut Chance, told: &mut Vec<Telling>, client: u64, start: DateTime<Utc>) {
    if chance.one_in(3) {
        let at = start + Duration::minutes(i64::from(chance.below(600)));
        let body = json!({"hook_type": "client_updated", "id": client, "phone": format!("7701000000{client}"),
            "assigned_name": chance.pick(&["VIP", "Client"]), "event_time": time(at, true)});
        told.push(Telling { way: Way::Webhook, body, received_at: at + Duration::seconds(1) });
    }
    if chance.one_in(2) {
        let body = json!({"id": client, "phone": format!("7701000000{client}"), "name": format!("Client {client}"),
            "tags": [{"label": "a"}]});
        told.push(page("clients", body, start + Duration::days(1)));
    }
}

/// The short lists.
fn company(told: &mut Vec<Telling>, at: DateTime<Utc>) {
    for operator in [7001, 7002, 7008, 7009] {
        told.push(page(
            "operators",
            json!({"id": operator, "first_name": "Operator", "role": "operator"}),
            at,
        ));
    }
    told.push(page("operators_groups", json!({"id": 5, "name": "Sales", "operator_ids": [7001]}), at));
    told.push(page("channels", json!({"id": 12, "name": "first", "transports": ["telegram"]}), at));
    told.push(page("tags", json!({"id": 612, "label": "score-2", "group_name": "Scores"}), at));
    told.push(Telling {
        way: Way::Webhook,
        body: json!({"hook_type": "new_ticket", "id": 1}),
        received_at: at,
    });
    // Not all that comes can be read.
    told.push(Telling {
        way: Way::Webhook,
        body: json!({"hook_type": "inbox", "text": "no id"}),
        received_at: at,
    });
    told.push(Telling { way: Way::Webhook, body: json!([]), received_at: at });
}

/// A row of a list.
fn page(list: &str, body: Value, fetched_at: DateTime<Utc>) -> Telling {
    let list = if list.contains('?') { list.to_owned() } else { format!("{list}?limit=200") };
    Telling { way: Way::Page(list), body, received_at: fetched_at }
}

/// A time as webhooks write it: with microseconds, or in whole seconds.
fn time(at: DateTime<Utc>, fine: bool) -> String {
    let form = if fine { chrono::SecondsFormat::Micros } else { chrono::SecondsFormat::Secs };
    at.to_rfc3339_opts(form, true)
}
