//! What the messages of a request add up to.

use chrono::{DateTime, Utc};
use events::DeliveryId;
use serde::{Deserialize, Serialize};

use super::message::{Author, Message};

/// A qualifying reply: when, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) at: DateTime<Utc>,
    pub(super) operator: Option<String>,
}

/// The sums and ends of a request's messages, taken in their order. Part of the saved state of a fold: what it needs of
/// the messages before the cut is here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Talk {
    pub(super) client: i32,
    pub(super) operator: i32,
    pub(super) bot: i32,
    pub(super) automation: i32,
    /// Second of the first message of any kind.
    pub(super) first_second: Option<i64>,
    /// Second of the last one.
    pub(super) last_second: Option<i64>,
    /// Second of the last one that is part of the talk and names its request.
    pub(super) last_named_second: Option<i64>,
    /// The first message of any kind.
    pub(super) first_sent: Option<DateTime<Utc>>,
    /// The first one that is part of the talk.
    pub(super) first_talk: Option<DateTime<Utc>>,
    /// Whether that one was the client's.
    pub(super) client_first: Option<bool>,
    pub(super) first_client: Option<DateTime<Utc>>,
    pub(super) first_reply: Option<Reply>,
    pub(super) last_reply: Option<Reply>,
    /// The dialog that the last message with one names.
    pub(super) dialog_id: Option<String>,
    /// A message names no dialog: its row gets the request's.
    pub(super) lacks_dialog: bool,
    pub(super) transport: Option<String>,
    /// The operator on the client's last message that carries one.
    pub(super) mentioned: Option<String>,
    pub(super) first_delivery: Option<DeliveryId>,
    pub(super) last_delivery: Option<DeliveryId>,
}

impl Talk {
    /// Takes the next message in.
    pub(super) fn extend(&mut self, message: &Message) {
        let registers = &message.registers;
        self.first_second.get_or_insert(message.second);
        self.last_second = Some(message.second);
        self.first_sent.get_or_insert(message.sent_at);
        self.first_delivery.get_or_insert(message.delivery);
        self.last_delivery = Some(message.delivery);
        self.lacks_dialog |= registers.dialog_id.is_none();
        if registers.dialog_id.is_some() {
            self.dialog_id.clone_from(&registers.dialog_id);
        }
        if self.transport.is_none() {
            self.transport.clone_from(&registers.transport);
        }
        if !message.counts() {
            return;
        }
        if message.author.talks() {
            self.first_talk.get_or_insert(message.sent_at);
            self.client_first.get_or_insert(message.author == Author::Client);
            if registers.request_id.is_some() {
                self.last_named_second = Some(message.second);
            }
        }
        match message.author {
            Author::Client => {
                self.client += 1;
                self.first_client.get_or_insert(message.sent_at);
                if registers.operator_id.is_some() {
                    self.mentioned.clone_from(&registers.operator_id);
                }
            }
            Author::Operator => self.operator += 1,
            Author::Bot => self.bot += 1,
            Author::Automation => self.automation += 1,
            _ => {}
        }
        if message.qualifies() {
            let reply = Reply { at: message.sent_at, operator: registers.operator_id.clone() };
            self.first_reply.get_or_insert_with(|| reply.clone());
            self.last_reply = Some(reply);
        }
    }
}
