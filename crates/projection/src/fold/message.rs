//! Dating messages, telling who speaks, and their rows.

use chrono::{DateTime, Duration, Utc};
use events::DeliveryId;
use events::fact::{Fact, Message as Registers, Origin};
use store::tables::{MessageRow, RequestRow};

use super::Scope;
use super::evidence::Evidence;
use super::segment::Segments;
use crate::AccountRules;
use crate::merge::Merged;

/// A webhook's time is believed before the list's whole seconds when they are this close (design.md 7.6).
const NEAR: Duration = Duration::seconds(5);
/// A time further ahead of its receipt than this is not believed.
const FUTURE: Duration = Duration::minutes(5);

/// Who speaks (reference/chat2desk.md 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Client,
    Operator,
    Bot,
    Automation,
    System,
    Note,
    Other,
}

impl Author {
    fn of(origin: Option<Origin>, operator: Option<&str>, rules: &AccountRules) -> Self {
        match (origin, operator) {
            (Some(Origin::Client), _) => Self::Client,
            (Some(Origin::Company), Some(operator)) if rules.bots.contains(operator) => Self::Bot,
            (Some(Origin::Company), Some(_)) => Self::Operator,
            (Some(Origin::Company | Origin::Automatic), _) => Self::Automation,
            (Some(Origin::System), _) => Self::System,
            (Some(Origin::Note), _) => Self::Note,
            (Some(Origin::Other) | None, _) => Self::Other,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Operator => "operator",
            Self::Bot => "bot",
            Self::Automation => "automation",
            Self::System => "system",
            Self::Note => "note",
            Self::Other => "other",
        }
    }

    /// Part of the talk: from the client or sent to the client. Notes, system lines and unknown types are not.
    pub(super) const fn talks(self) -> bool {
        matches!(self, Self::Client | Self::Operator | Self::Bot | Self::Automation)
    }
}

/// A message with its time and its speaker.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) registers: Registers,
    pub(super) author: Author,
    pub(super) sent_at: DateTime<Utc>,
    time_quality: &'static str,
    /// Second by which it is ordered: that of `created`, else of the event.
    pub(super) second: i64,
    number: u64,
    pub(super) delivery: DeliveryId,
}

impl Message {
    /// Counted in requests and turns: neither deleted nor an import whose time is not known yet.
    pub(super) fn counts(&self) -> bool {
        self.registers.deleted != Some(true) && self.time_quality != "unconfirmed"
    }

    /// By second, then by numeric id (design.md 7.2).
    pub(super) fn order(&self) -> (i64, u64, &str) {
        (self.second, self.number, &self.id)
    }

    /// A client message that wants an answer: a menu choice does not.
    pub(super) fn asks(&self) -> bool {
        self.author == Author::Client && self.registers.menu != Some(true) && self.counts()
    }

    /// A reply that ends a turn: public, by a person, not automatic.
    pub(super) fn qualifies(&self) -> bool {
        self.author == Author::Operator && self.counts()
    }
}

/// Dates a message; `None` when the fact is none.
pub(super) fn date(id: String, merged: &Merged, rules: &AccountRules) -> Option<Message> {
    let Fact::Message(registers) = &merged.fact else { return None };
    let received = merged.received_at;
    let imported = registers.imported == Some(true);
    let (sent_at, time_quality) = match (registers.event_at, registers.created_at) {
        (event, None) if imported => (event.unwrap_or(received), "unconfirmed"),
        (Some(event), Some(created)) if !imported && (event - created).abs() <= NEAR => (event, "ok"),
        (_, Some(created)) => (created, "ok"),
        (Some(event), None) => (event, "ok"),
        (None, None) => (received, "received"),
    };
    let future = sent_at > received + FUTURE;
    let (sent_at, time_quality) = match time_quality {
        "ok" if future => (received, "future"),
        quality if future => (received, quality),
        quality => (sent_at, quality),
    };
    let ordered_by = if time_quality == "future" { sent_at } else { registers.created_at.unwrap_or(sent_at) };
    Some(Message {
        author: Author::of(registers.origin, registers.operator_id.as_deref(), rules),
        second: ordered_by.timestamp(),
        number: id.parse().unwrap_or(u64::MAX),
        registers: registers.clone(),
        sent_at,
        time_quality,
        delivery: merged.delivery,
        id,
    })
}

/// The rows of the messages.
pub(super) fn rows(
    scope: &Scope<'_>,
    evidence: &Evidence,
    segments: &Segments,
    requests: &[RequestRow],
) -> Vec<MessageRow> {
    let row = |(at, message): (usize, &Message)| {
        let request = segments.request_of(at).and_then(|request| requests.get(request));
        let registers = &message.registers;
        MessageRow {
            account_id: scope.account.to_owned(),
            message_id: message.id.clone(),
            conversation: scope.conversation.to_owned(),
            client_id: scope.place.client_id.clone(),
            // A message of a new chat gets its dialog from its request.
            dialog_id: registers.dialog_id.clone().or_else(|| request.and_then(|row| row.dialog_id.clone())),
            request_key: request.map(|row| row.request_key.clone()),
            channel_id: scope.channel(),
            transport: registers.transport.clone(),
            author_kind: message.author.as_str().to_owned(),
            operator_id: registers.operator_id.clone(),
            sent_at: message.sent_at,
            time_quality: message.time_quality.to_owned(),
            text: registers.text.clone(),
            attachments: registers.attachments.clone(),
            is_deleted: registers.deleted == Some(true),
            // A choice of which nobody says the item asks nothing either.
            menu_item: registers
                .menu_item
                .clone()
                .or_else(|| (registers.menu == Some(true)).then(String::new)),
            delivery_id: message.delivery.0,
            row_hash: 0,
        }
    };
    evidence.messages.iter().enumerate().map(row).collect()
}
