//! The fields of a lead, by our names.

use serde::{Deserialize, Serialize};
use store::leads::Lead;

use crate::value::Value;

/// A field of a lead. In the configuration it is written as in its serialised form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeadField {
    /// `<platform>-<account>-<client id>`.
    Key,
    /// What to call the person.
    Name,
    /// E.164.
    Phone,
    /// E-mail.
    Email,
    /// Messengers.
    Transports,
    /// Labels.
    Tags,
    /// Name of the operator who answered last, else of who holds the last request.
    Operator,
    /// The last score that counts.
    Score,
    /// The best score of its scale.
    ScoreScale,
    /// When it was given.
    ScoreAt,
    /// First message from the client.
    FirstMessageAt,
    /// Last message from the client.
    LastMessageAt,
    /// The dialog in the operators' application.
    DialogUrl,
}

/// Characters of a name or label.
const SHORT: usize = 255;
/// Characters of an address.
const LONG: usize = 1000;

impl LeadField {
    /// All, in the order in which people read them.
    pub const ALL: [Self; 13] = [
        Self::Key,
        Self::Name,
        Self::Phone,
        Self::Email,
        Self::Transports,
        Self::Tags,
        Self::Operator,
        Self::Score,
        Self::ScoreScale,
        Self::ScoreAt,
        Self::FirstMessageAt,
        Self::LastMessageAt,
        Self::DialogUrl,
    ];

    /// The word of the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Name => "name",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Transports => "transports",
            Self::Tags => "tags",
            Self::Operator => "operator",
            Self::Score => "score",
            Self::ScoreScale => "score_scale",
            Self::ScoreAt => "score_at",
            Self::FirstMessageAt => "first_message_at",
            Self::LastMessageAt => "last_message_at",
            Self::DialogUrl => "dialog_url",
        }
    }

    /// The field called so.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.word() == word)
    }

    /// It changes with every message: it waits for the night.
    pub const fn is_slow(self) -> bool {
        matches!(self, Self::FirstMessageAt | Self::LastMessageAt)
    }

    /// Nothing is something to tell: a tag that was taken off, a score that was withdrawn. Elsewhere nothing never
    /// clears what the CRM has.
    pub const fn may_clear(self) -> bool {
        matches!(self, Self::Tags | Self::Score | Self::ScoreScale | Self::ScoreAt)
    }

    /// Its value, normalised.
    pub(crate) fn of(self, lead: &Lead) -> Value {
        let text =
            |text: &Option<String>, most| text.as_deref().map_or(Value::Nothing, |t| Value::text(t, most));
        match self {
            Self::Key => Value::text(&lead.lead_key, LONG),
            Self::Name => name(lead),
            Self::Phone => text(&lead.phone_e164, SHORT),
            Self::Email => lead.email.as_deref().map_or(Value::Nothing, email),
            Self::Transports => Value::list(&lead.transports, SHORT),
            Self::Tags => Value::list(&lead.tags, SHORT),
            Self::Operator => match text(&lead.operator_name, SHORT) {
                Value::Nothing => text(&lead.operator_id, SHORT),
                named => named,
            },
            Self::Score => Value::number(lead.last_score),
            Self::ScoreScale => Value::number(lead.last_score_scale),
            Self::ScoreAt => Value::time(lead.last_score_at),
            Self::FirstMessageAt => Value::time(lead.first_message_at),
            Self::LastMessageAt => Value::time(lead.last_message_at),
            Self::DialogUrl => text(&lead.dialog_url, LONG),
        }
    }
}

/// Never empty: the name or handle, else the phone, else `Chat <key>`.
fn name(lead: &Lead) -> Value {
    let shown = Value::text(&lead.display_name, SHORT);
    // The bare id says nothing to a person.
    let says_nothing =
        matches!(&shown, Value::Nothing) || matches!(&shown, Value::Text(text) if *text == lead.client_id);
    if !says_nothing {
        return shown;
    }
    match lead.phone_e164.as_deref().map(|phone| Value::text(phone, SHORT)) {
        Some(phone @ Value::Text(_)) => phone,
        _ => Value::Text(stand_in(&lead.lead_key)),
    }
}

/// The name of one who has none.
pub(crate) fn stand_in(lead_key: &str) -> String {
    format!("Chat {lead_key}")
}

/// A name that we made up ourselves is as good as none: the stand-in, a bare phone, a messenger's handle (`[tg] 1002`:
/// one word with a digit; `[vip] Ann` is a person's).
pub(crate) fn is_made_up(lead_key: &str, name: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let is_messenger = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let is_handle =
        name.strip_prefix('[').and_then(|rest| rest.split_once("] ")).is_some_and(|(messenger, id)| {
            is_messenger(messenger) && !id.contains(char::is_whitespace) && digits(id) > 0
        });
    let is_phone =
        name.starts_with('+') && digits(name) > 6 && name.chars().all(|c| c == '+' || c.is_ascii_digit());
    name == stand_in(lead_key) || is_handle || is_phone
}

/// Trimmed and in lower case; what is no address at all is left out: a CRM refuses the whole lead for it.
fn email(text: &str) -> Value {
    let Value::Text(text) = Value::text(&text.to_lowercase(), SHORT) else { return Value::Nothing };
    let is_address = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && !host.contains('@')
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && !text.contains(|c: char| c.is_whitespace() || ",;<>()\"".contains(c))
    });
    if is_address { Value::Text(text) } else { Value::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(display_name: &str, phone: Option<&str>) -> Lead {
        Lead {
            client_id: "5551".to_owned(),
            lead_key: "chat2desk-acme-5551".to_owned(),
            display_name: display_name.to_owned(),
            phone_e164: phone.map(str::to_owned),
            ..Lead::default()
        }
    }

    #[test]
    fn everybody_has_a_name() {
        let named = |lead: &Lead| match LeadField::Name.of(lead) {
            Value::Text(name) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(named(&lead("Ann", Some("+353861234567"))), "Ann");
        assert_eq!(named(&lead("[tg] 77", None)), "[tg] 77");
        assert_eq!(named(&lead("5551", Some("+353861234567"))), "+353861234567");
        assert_eq!(named(&lead(" \n", None)), "Chat chat2desk-acme-5551");
    }

    #[test]
    fn a_name_that_we_made_up_gives_way_and_one_that_people_wrote_does_not() {
        for ours in
            ["Chat acme-1", "+353861234567", "[tg] 100200300", "[chat] a1b2c3", "[wa_gupshup] 7.0000000001"]
        {
            assert!(is_made_up("acme-1", ours), "{ours}");
        }
        for theirs in ["Ann", "[vip] Ann", "[VIP] 7", "[tg] Ann 2", "[tg]", "Ann [tg] 7", "+7 call later", ""]
        {
            assert!(!is_made_up("acme-1", theirs), "{theirs}");
        }
    }

    #[test]
    fn an_address_is_in_lower_case_and_what_is_none_is_left_out() {
        assert_eq!(email(" Ann@Example.ORG "), Value::Text("ann@example.org".to_owned()));
        for odd in ["ann", "ann@", "@example.org", "a@b", "a@b@c.org", "a b@c.org", "<a@b.org>", "a@.org", ""]
        {
            assert_eq!(email(odd), Value::Nothing, "{odd:?}");
        }
    }

    #[test]
    fn each_field_has_a_word_of_its_own() {
        for field in LeadField::ALL {
            assert_eq!(LeadField::from_word(field.word()), Some(field));
            assert_eq!(serde_json::to_value(field).unwrap(), field.word());
        }
    }
}
