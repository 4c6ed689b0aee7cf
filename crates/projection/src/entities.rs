//! Rows that are one fact each: clients, operators, groups, channels, tags.

use chrono::{DateTime, Utc};
use events::Fact;
use events::fact::ClientCard;
use store::folding::{Activity, Subject};
use store::tables::{ChannelRow, ClientRow, LeadRow, OperatorGroupRow, OperatorRow, TagRow};

use crate::AccountRules;
use crate::merge::merge;

/// The merged card of an entity; `None` when no telling is stored (a client that only messages name).
fn card(subject: &Subject) -> Option<Fact> {
    merge(&subject.told).into_values().next().map(|merged| merged.fact)
}

/// An operator.
pub fn operator(subject: &Subject, rules: &AccountRules) -> Option<OperatorRow> {
    let Some(Fact::OperatorCard(card)) = card(subject) else { return None };
    Some(OperatorRow {
        account_id: subject.account.clone(),
        operator_id: subject.subject.clone(),
        is_bot: rules.bots.contains(&subject.subject),
        deleted: matches!(card.role.as_deref(), Some("deleted" | "disabled")),
        name: card.name,
        email: card.email,
        role: card.role,
        row_hash: 0,
    })
}

/// A group of operators.
pub fn operator_group(subject: &Subject, _: &AccountRules) -> Option<OperatorGroupRow> {
    let Some(Fact::OperatorGroupCard(card)) = card(subject) else { return None };
    Some(OperatorGroupRow {
        account_id: subject.account.clone(),
        group_id: subject.subject.clone(),
        name: card.name,
        operator_ids: card.operator_ids.unwrap_or_default(),
        row_hash: 0,
    })
}

/// A channel.
pub fn channel(subject: &Subject, _: &AccountRules) -> Option<ChannelRow> {
    let Some(Fact::ChannelCard(card)) = card(subject) else { return None };
    Some(ChannelRow {
        account_id: subject.account.clone(),
        channel_id: subject.subject.clone(),
        name: card.name,
        phone: card.phone,
        transports: card.transports.unwrap_or_default(),
        row_hash: 0,
    })
}

/// A tag.
pub fn tag(subject: &Subject, _: &AccountRules) -> Option<TagRow> {
    let Some(Fact::TagCard(card)) = card(subject) else { return None };
    Some(TagRow {
        account_id: subject.account.clone(),
        tag_id: subject.subject.clone(),
        label: card.label,
        group_name: card.group_name,
        row_hash: 0,
    })
}

/// A client, with the span of the messages that were folded. Without a card the row still stands: somebody wrote.
pub fn client(
    subject: &Subject,
    rules: &AccountRules,
    span: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> ClientRow {
    let card = match card(subject) {
        Some(Fact::ClientCard(card)) => card,
        _ => ClientCard::default(),
    };
    // A bracket prefix marks a messenger's own id, not a phone (reference/chat2desk.md 2.6, 6.1).
    let dialled =
        card.client_phone.clone().or_else(|| card.phone.clone().filter(|phone| !phone.starts_with('[')));
    let phone_e164 = dialled.as_deref().and_then(|phone| e164(phone, rules.default_country.as_deref()));
    let visitor = card.phone.as_deref().is_some_and(|phone| phone.starts_with("[chat]"));
    let is_anonymous =
        visitor && phone_e164.is_none() && card.email.is_none() && card.assigned_name.is_none();
    // A messenger that knows no name says so with the word (6.1).
    let names = |name: &&String| !name.trim().is_empty() && !name.eq_ignore_ascii_case("unknown");
    let display_name = [&card.assigned_name, &card.name, &card.client_phone, &card.phone]
        .into_iter()
        .flatten()
        .find(names)
        .cloned()
        .unwrap_or_else(|| subject.subject.clone());
    ClientRow {
        account_id: subject.account.clone(),
        client_id: subject.subject.clone(),
        phone: card.client_phone.or(card.phone),
        phone_e164,
        email: card.email,
        name: card.name,
        assigned_name: card.assigned_name,
        display_name,
        is_anonymous,
        first_message_at: span.map(|span| span.0),
        last_message_at: span.map(|span| span.1),
        tags: card.tags.unwrap_or_default(),
        custom: card.custom.unwrap_or_else(|| serde_json::json!({})),
        row_hash: 0,
    }
}

/// What a CRM gets of a client; nothing of one who is anonymous (design.md 7.6).
pub fn lead(client: &ClientRow, rules: &AccountRules, activity: Activity) -> Option<LeadRow> {
    (!client.is_anonymous).then(|| LeadRow {
        account_id: client.account_id.clone(),
        client_id: client.client_id.clone(),
        lead_key: lead_key(rules.platform.as_str(), &client.account_id, &client.client_id),
        display_name: client.display_name.clone(),
        phone_e164: client.phone_e164.clone(),
        email: client.email.clone(),
        transports: activity.transports,
        tags: client.tags.clone(),
        operator_id: activity.operator_id,
        last_score: activity.score,
        last_score_scale: activity.scale,
        last_score_at: activity.scored_at,
        first_message_at: activity.first,
        last_message_at: activity.last,
        dialog_url: activity.dialog_url,
        row_hash: 0,
    })
}

/// `<platform>-<account>-<client id>`: lower case letters, digits and `-`, at most 100 (reference/crms.md 2). An id that
/// is written otherwise is cut to these and told apart by a hash, so that no id can pass for another one.
fn lead_key(platform: &str, account: &str, client: &str) -> String {
    let plain = client.len() <= 40 && client.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let uuid = || uuid::Uuid::try_parse(client).is_ok_and(|id| id.as_hyphenated().to_string() == client);
    let prefix: String = format!("{platform}-{account}").chars().take(50).collect();
    if plain || uuid() {
        return format!("{prefix}-{client}");
    }
    let kept: String = client
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_digit() || c.is_ascii_lowercase())
        .take(24)
        .collect();
    let hash = xxhash_rust::xxh3::xxh3_64(client.as_bytes());
    format!("{prefix}-x{kept}-{hash:016x}")
}

/// A phone in E.164: digits with a country code (as the platform writes them), else by the account's country.
fn e164(phone: &str, country: Option<&str>) -> Option<String> {
    let parse = |country: Option<phonenumber::country::Id>, text: &str| {
        let number = phonenumber::parse(country, text).ok()?;
        phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
    };
    let digits = phone.trim().trim_start_matches('+');
    if digits.len() > 40 {
        return None;
    }
    let country = country.and_then(|country| country.parse().ok());
    let with_code = || parse(None, &format!("+{digits}"));
    if phone.trim().starts_with('+') { with_code() } else { with_code().or_else(|| parse(country, phone)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_text_is_too_odd_for_a_phone(text in ".{0,60}", digits in "[+0-9 ()-]{0,45}") {
            for phone in [text, digits] {
                let found = e164(&phone, Some("KZ"));
                proptest::prop_assert!(found.is_none_or(|found| found.starts_with('+') && found.len() <= 16));
            }
        }
    }

    #[test]
    fn phones_become_e164_or_nothing() {
        assert_eq!(e164("77011234567", Some("KZ")).as_deref(), Some("+77011234567"));
        assert_eq!(e164("+7 701 123 45 67", None).as_deref(), Some("+77011234567"));
        assert_eq!(e164("87011234567", Some("KZ")).as_deref(), Some("+77011234567"));
        assert_eq!(e164("12", Some("KZ")), None);
        assert_eq!(e164("", Some("KZ")), None);
    }

    #[test]
    fn a_widget_visitor_is_anonymous_until_it_gives_something() {
        let rules = AccountRules::default();
        let bare = Subject { account: "a".into(), subject: "1".into(), ..Subject::default() };
        let row = client(&bare, &rules, None);
        assert!(!row.is_anonymous);
        assert_eq!(row.display_name, "1");
    }
}
