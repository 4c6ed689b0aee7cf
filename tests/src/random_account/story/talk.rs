//! Messages, as webhooks, lists, imports and scripts tell them.

use chrono::Duration;
use serde_json::{Value, json};

use super::super::{Telling, Way, time};
use super::{Contact, Naming, Story};

/// What a message is to the platform.
struct Said {
    hook: &'static str,
    kind: Value,
    operator: Value,
    opens: bool,
}

impl Story<'_> {
    pub(super) fn client_says(&mut self, contact: &mut Contact) {
        let operator = if contact.taken { self.maybe(contact.operator) } else { Value::Null };
        self.say(contact, &Said { hook: "inbox", kind: json!("from_client"), operator, opens: true });
    }

    pub(super) fn operator_says(&mut self, contact: &mut Contact) {
        contact.taken |= !self.chance.one_in(4);
        if self.chance.one_in(5) {
            contact.operator = self.chance.pick(&[7001, 7002, 7003, 7008]);
        }
        let kind = self.chance.pick(&["to_client", "to_client", "to_client", "from_system"]);
        let operator = json!(contact.operator);
        self.say(contact, &Said { hook: "outbox", kind: json!(kind), operator, opens: true });
    }

    pub(super) fn somebody_says(&mut self, contact: &mut Contact) {
        let said = |hook, kind, operator| Said { hook, kind, operator, opens: false };
        let said = match self.chance.below(14) {
            0..=3 => return self.client_says(contact),
            4..=8 => return self.operator_says(contact),
            9 => said("outbox", json!("autoreply"), Value::Null),
            10 => said("outbox", json!("to_client"), Value::Null),
            11 => said("comment", json!("comment"), json!(7003)),
            12 => said("system_message", json!("system"), Value::Null),
            _ => said("outbox", json!("of a later version"), json!(7001)),
        };
        self.say(contact, &said);
    }

    /// An automatic message of a survey has no type.
    pub(super) fn survey_says(&mut self, contact: &mut Contact) {
        self.say(contact, &Said { hook: "outbox", kind: Value::Null, operator: Value::Null, opens: false });
    }

    fn say(&mut self, contact: &mut Contact, said: &Said) {
        let id = self.ids.message(self.chance);
        let opens = std::mem::take(&mut contact.first) && said.opens;
        let dialog = if contact.taken { json!(self.dialog) } else { Value::Null };
        let mut body = json!({"hook_type": said.hook, "message_id": id, "type": said.kind, "text": format!("text {id}"),
            "transport": self.chance.pick(&["telegram", "telegram", "viber"]), "client_id": self.client,
            "channel_id": self.channel, "dialog_id": dialog, "operator_id": said.operator,
            "request_id": self.named(contact, false), "is_new_request": opens && self.chance.one_in(2)});
        if self.chance.one_in(3) {
            body["client"] = json!({"id": self.client, "phone": format!("7701000000{}", self.client)});
        }
        let imported = self.chance.one_in(18);
        if imported {
            body["hook_type"] = json!("imported_message");
        }
        // The hook's time is that of the message, or a little later; an import's is any.
        let late = if imported {
            self.chance.pick(&[0, 7_200_000])
        } else {
            self.chance.pick(&[0, 0, 250, 1500, 4999])
        };
        let event = self.now + Duration::milliseconds(late);
        if !self.chance.one_in(40) {
            let fine = !self.chance.one_in(4);
            body["event_time"] = json!(time(event, fine));
        }
        let listed = self.chance.one_in(2);
        if !listed || !self.chance.one_in(4) {
            self.webhook(body.clone(), event);
        }
        if said.hook == "inbox" && self.chance.one_in(8) {
            self.scripted(&body);
        }
        for _ in 0..if listed { 1 + u32::from(self.chance.one_in(6)) } else { 0 } {
            self.in_list(contact, &body);
        }
    }

    /// The request's id as one road names it.
    fn named(&mut self, contact: &Contact, in_list: bool) -> Value {
        let named = match contact.naming {
            Naming::Always => true,
            Naming::Sometimes => self.chance.one_in(2),
            Naming::Later => in_list,
            Naming::Never => false,
        };
        if named { json!(contact.id) } else { Value::Null }
    }

    /// The handler of new messages forwards it: it knows a menu's choice, and no time.
    fn scripted(&mut self, hook: &Value) {
        let menu = self.chance.pick(&[Some("prices"), Some("1"), None]);
        let body = json!({"message": {"id": hook["message_id"], "text": hook["text"], "is_menu": menu},
            "client_id": self.client, "channel_id": self.channel, "dialogID": hook["dialog_id"],
            "requestID": hook["request_id"]});
        let received_at = self.now + Duration::seconds(i64::from(self.chance.below(4)));
        self.told.push(Telling { way: Way::Script, body, received_at });
    }

    /// A row of the list of messages: whole seconds; as in 2016 without channel, dialog and request.
    fn in_list(&mut self, contact: &Contact, hook: &Value) {
        let off = self.chance.pick(&[0, 0, 0, 0, 0, 0, 0, 0, 1, -4, 20, -90]);
        let created = self.now + Duration::seconds(off);
        let mut body = json!({"id": hook["message_id"], "type": hook["type"], "text": hook["text"],
            "transport": hook["transport"], "client_id": self.client, "operator_id": hook["operator_id"],
            "created": created.format("%Y-%m-%dT%H:%M:%S UTC").to_string()});
        if self.chance.one_in(4) {
            if self.chance.one_in(3) {
                body["request_id"] = self.named(contact, true);
            }
            if self.chance.one_in(3) {
                body["dialog_id"] = json!(self.dialog);
            }
        } else {
            body["channel_id"] = json!(self.channel);
            body["dialog_id"] = if contact.taken { json!(self.dialog) } else { Value::Null };
            body["request_id"] = self.named(contact, true);
        }
        if self.size.contested && body["channel_id"].is_number() && self.chance.one_in(25) {
            // The client was merged into another one, or moved to another channel, before the list was fetched.
            let merged = self.chance.one_in(2);
            if merged {
                body["client_id"] = json!(self.client + 40);
            } else {
                body["channel_id"] = json!(99);
            }
        }
        self.listed("messages", body);
    }
}
