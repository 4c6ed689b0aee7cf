//! One conversation: requests with their boundaries, and what lists and reports say of them afterwards.

mod scores;
mod talk;

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{Chance, Size, Telling, Way, ZONE, page, time};

/// Ids that the platform gives, over the whole account.
pub(super) struct Ids {
    message: u64,
    /// Given out later than greater ones.
    skipped: Vec<u64>,
    request: u64,
}

impl Ids {
    pub(super) fn new(chance: &mut Chance) -> Self {
        // Numbers, not texts, order messages: some accounts pass a power of ten.
        let message = chance.pick(&[900_000, 999_990]);
        Self { message, skipped: Vec::new(), request: 8_800_000 }
    }

    fn message(&mut self, chance: &mut Chance) -> u64 {
        if !self.skipped.is_empty() && chance.one_in(6) {
            let place = chance.below(u32::try_from(self.skipped.len()).unwrap_or(1)) as usize;
            return self.skipped.swap_remove(place);
        }
        self.message += 1;
        if chance.one_in(4) {
            self.skipped.push(self.message);
            self.message += 1;
        }
        self.message
    }

    fn request(&mut self) -> u64 {
        self.request += 1;
        self.request
    }
}

/// Who names the request of a message.
#[derive(Clone, Copy, PartialEq)]
enum Naming {
    Always,
    Sometimes,
    /// The list does, the webhook came before it was known.
    Later,
    Never,
}

/// A request as it goes on.
struct Contact {
    id: u64,
    naming: Naming,
    /// The chat was taken: its messages name the dialog.
    taken: bool,
    operator: u64,
    first: bool,
}

pub(super) struct Story<'a> {
    chance: &'a mut Chance,
    ids: &'a mut Ids,
    size: Size,
    client: u64,
    channel: u64,
    dialog: u64,
    now: DateTime<Utc>,
    told: Vec<Telling>,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        chance: &'a mut Chance,
        ids: &'a mut Ids,
        size: Size,
        client: u64,
        channel: u64,
        now: DateTime<Utc>,
    ) -> Self {
        // One dialog for a client and channel as a rule; at times the client's channels share one (8.1 item 13).
        let shared = size.contested && chance.one_in(10);
        let dialog = 400_000 + client * 100 + if shared { 0 } else { channel };
        Self { chance, ids, size, client, channel, dialog, now, told: Vec::new() }
    }

    /// Tells the whole conversation.
    pub(super) fn tell(mut self, told: &mut Vec<Telling>) {
        for _ in 0..=self.chance.below(self.size.requests) {
            self.request();
            let pause = self.chance.pick(&[0, 1, 40, 600, 7200, 20_000]);
            self.now += Duration::seconds(pause);
        }
        for _ in 0..self.chance.below(3) {
            self.dialog_row();
        }
        told.append(&mut self.told);
    }

    fn request(&mut self) {
        let naming = self.chance.pick(&[
            Naming::Always,
            Naming::Always,
            Naming::Always,
            Naming::Sometimes,
            Naming::Later,
            Naming::Never,
            Naming::Never,
        ]);
        let mut contact = Contact {
            id: self.ids.request(),
            naming,
            taken: self.chance.one_in(3),
            operator: self.chance.pick(&[7001, 7001, 7002, 7003, 7009]),
            first: true,
        };
        let named = naming != Naming::Never || self.chance.one_in(5);
        let opened = self.now;
        if named && self.chance.one_in(2) {
            self.opened(&contact, "common");
        }
        let by_company = self.chance.one_in(8);
        let by_bot = self.chance.one_in(6);
        for no in 0..self.chance.below(self.size.messages + 1) {
            match no {
                0 if by_company => self.operator_says(&mut contact),
                1 if by_bot => self.bot_hands_over(&mut contact, named),
                0 => self.client_says(&mut contact),
                _ => self.somebody_says(&mut contact),
            }
            self.pass();
            if self.chance.one_in(9) {
                self.transferred(&mut contact, named);
            }
        }
        self.topic(&contact, named);
        self.closes(&contact, named);
        if self.chance.one_in(6) {
            // Too late for the close, or within its second.
            self.somebody_says(&mut contact);
        }
        if named && self.chance.one_in(3) {
            self.reported(&contact, opened);
        }
        self.survey(&contact, named);
    }

    /// A bot answers first, then moves the chat to a person, who answers.
    fn bot_hands_over(&mut self, contact: &mut Contact, named: bool) {
        contact.operator = 7009;
        self.operator_says(contact);
        self.pass();
        self.transferred(contact, named);
        self.operator_says(contact);
    }

    /// Some time passes: none, parts of a second, hours.
    fn pass(&mut self) {
        let milliseconds =
            self.chance.pick(&[0, 0, 200, 900, 1000, 4000, 30_000, 70_000, 300_000, 1_500_000, 6_000_000]);
        self.now += Duration::milliseconds(milliseconds);
    }

    /// A webhook of an event at about this time; whole seconds at times, or no time at all.
    fn event(&mut self, hook: &str, mut body: Value) {
        let skew = self.chance.pick(&[0, 0, 0, 0, -2000, 700, 3000]);
        let at = self.now + Duration::milliseconds(skew);
        body["hook_type"] = json!(hook);
        if !self.chance.one_in(40) {
            let fine = self.chance.one_in(2);
            body["event_time"] = json!(time(at, fine));
        }
        self.webhook(body, at);
    }

    /// A webhook reaches us, and again when its answer was lost.
    fn webhook(&mut self, body: Value, sent: DateTime<Utc>) {
        // Our clock is right, or far behind the platform's.
        let delay = self.chance.pick(&[0, 300, 1000, 1000, 2500, 60_000]);
        let behind = if self.chance.one_in(30) { 600_000 } else { 0 };
        let received_at = sent + Duration::milliseconds(delay - behind);
        if self.chance.one_in(6) {
            let again = received_at + Duration::minutes(5);
            self.told.push(Telling { way: Way::Webhook, body: body.clone(), received_at: again });
        }
        self.told.push(Telling { way: Way::Webhook, body, received_at });
    }

    fn listed(&mut self, list: &str, body: Value) {
        let fetched_at = self.now + Duration::seconds(i64::from(self.chance.below(90_000)));
        self.told.push(page(list, body, fetched_at));
    }

    /// Null at times where the documents say "seen" only.
    fn maybe(&mut self, value: u64) -> Value {
        if self.chance.one_in(3) { Value::Null } else { json!(value) }
    }

    fn opened(&mut self, contact: &Contact, kind: &str) {
        let operator = if self.chance.one_in(6) { json!(contact.operator) } else { Value::Null };
        let by_client = match (kind, self.chance.below(8)) {
            ("rating", _) | (_, 0) => json!(false),
            (_, 1..=4) => json!(true),
            _ => Value::Null,
        };
        let kind = if kind == "common" && self.chance.one_in(4) { Value::Null } else { json!(kind) };
        let body = json!({"request_id": contact.id, "client_id": self.client, "channel_id": self.channel,
            "dialog_id": self.maybe(self.dialog), "transport": "telegram", "type": kind, "by_client": by_client,
            "operator_id": operator});
        self.event("new_request", body);
    }

    fn transferred(&mut self, contact: &mut Contact, named: bool) {
        contact.operator = self.chance.pick(&[7001, 7002, 7003, 7008, 7009]);
        contact.taken = true;
        // To a group: nobody in person.
        let to = if self.chance.one_in(6) { Value::Null } else { json!(contact.operator) };
        let request = if named { self.maybe(contact.id) } else { Value::Null };
        let body = json!({"dialog_id": self.dialog, "operator_id": to, "request_id": request,
            "client_id": self.maybe(self.client)});
        self.event("dialog_transferred", body);
        self.pass();
    }

    /// Closes come as events of the request, of the dialog, of both, or not at all. None names a channel.
    fn closes(&mut self, contact: &Contact, named: bool) {
        let how = self.chance.below(6);
        if (how == 1 || how == 3) && named {
            let reason = self.chance.pick(&[
                None,
                None,
                Some("operator"),
                Some("timeout"),
                Some("Inactivity"),
                Some("?"),
            ]);
            let mut body = json!({"request_id": contact.id, "client_id": self.maybe(self.client)});
            if let Some(reason) = reason {
                body["reason"] = json!(reason);
            }
            self.event("close_request", body);
        }
        if how == 2 || how == 3 {
            let request = if named && self.chance.one_in(4) { json!(contact.id) } else { Value::Null };
            let body = json!({"dialog_id": self.dialog, "client_id": self.maybe(self.client), "request_id": request,
                "operator_id": self.maybe(contact.operator)});
            self.event("close_dialog", body);
        }
    }

    /// A row of the requests report: local times without a zone, an empty text for what is absent.
    fn reported(&mut self, contact: &Contact, opened: DateTime<Utc>) {
        let local = |at: DateTime<Utc>| at.with_timezone(&ZONE).format("%Y-%m-%d %H:%M:%S").to_string();
        let end = if self.chance.one_in(3) { String::new() } else { local(self.now) };
        let body = json!({"request_id": contact.id, "request_type": self.chance.pick(&["common", "common", ""]),
            "request_start": local(opened), "request_end": end, "client_id": self.client, "channel_id": self.channel,
            "operator_id": self.maybe(contact.operator), "transport": "telegram", "replies": "2"});
        self.listed("statistics?report=request_stats", body);
    }

    /// A row of the list of dialogs: it names no channel but in its last message.
    fn dialog_row(&mut self) {
        let closed = self.chance.one_in(2);
        let ended = self.now - Duration::seconds(i64::from(self.chance.below(9000)));
        let end = if closed { json!(ended.format("%Y-%m-%dT%H:%M:%S UTC").to_string()) } else { Value::Null };
        let last = self.ids.request - u64::from(self.chance.below(2));
        let last = self.maybe(last);
        let last_message = if self.chance.one_in(2) {
            json!({"client_id": self.client, "channel_id": self.channel})
        } else {
            Value::Null
        };
        let body = json!({"id": self.dialog, "state": if closed { "closed" } else { "open" }, "end": end,
            "begin": "2026-10-24T20:00:00 UTC", "operator_id": self.maybe(7002), "last_request_id": last,
            "last_message": last_message});
        let spread = self.chance.below(30_000);
        let fetched_at = ended + Duration::seconds(i64::from(spread));
        self.told.push(page("dialogs", body, fetched_at));
    }
}
