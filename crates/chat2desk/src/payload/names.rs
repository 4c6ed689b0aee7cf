//! The names of fields that the documents name, numbered: a look-up by name costs one comparison.

/// All of them (reference/chat2desk.md 2 and 3). The order means nothing; a name that is missing here is read all the
/// same, only slower, and counts as one that nobody documents.
const NAMES: &[&str] = &[
    "hook_type", "event_time", "data", "fetched_at",
    // Ids in all their spellings.
    "id", "message_id", "messageID", "message", "request_id", "requestID", "request", "dialog_id", "dialogID",
    "dialog", "client_id", "clientID", "client", "operator_id", "operatorID", "operator", "channel_id", "channelID",
    "channel", "tag_id", "tagID", "tag", "companyID", "company_id",
    // Messages.
    "type", "text", "transport", "photo", "video", "audio", "pdf", "coordinates", "attachments", "created",
    "created_at", "read", "is_new_request", "is_new_client", "is_new", "is_menu", "insta_comment", "extra_data",
    "remote_id", "recipient_status", "status", "ai_tips", "vb_bus_id", "gateway_status", "error", "external_id",
    "reply_message_id", "inline_buttons", "keyboard", "interactive", "encrypted",
    // Cards.
    "name", "assigned_name", "phone", "client_phone", "assigned_phone", "email", "avatar", "channels", "tags",
    "custom_fields", "comment", "extra_comment_1", "extra_comment_2", "extra_comment_3", "username", "external_ids",
    "client_external_id", "region_id", "country_id", "first_client_message", "last_client_message", "first_name",
    "last_name", "role", "online", "offline_type", "status_id", "last_visit", "opened_dialogs", "operator_ids",
    "transports", "label", "group_id", "group_name", "description", "ticket",
    // Requests and dialogs.
    "by_client", "reason", "close_reason", "state", "begin", "end", "last_message", "last_request_id", "messages",
    // Reports, and the envelope of a page.
    "request_type", "request_start", "request_end", "reaction_time", "replies", "average_replies_time",
    "first_operator_id", "valuation_request_id", "rating_scale_id", "rating_scale_score", "score_value",
    "rating_text", "rating_id", "meta", "rows", "left_out",
];

/// How many there are.
pub(super) const COUNT: usize = NAMES.len();

/// Places of the table: a power of two, several times as many as names.
const PLACES: usize = 1024;
/// A place without a name.
const FREE: u8 = u8::MAX;

/// Where a name stands, or the first place after it that is free.
static TABLE: [u8; PLACES] = table();

/// The number of a name, below [`COUNT`]; `None` for one that is not documented.
pub(super) fn number(name: &str) -> Option<usize> {
    let mut place = hash(name.as_bytes());
    loop {
        let number = usize::from(TABLE[place]);
        if same(NAMES.get(number)?.as_bytes(), name.as_bytes()) {
            return Some(number);
        }
        place = (place + 1) % PLACES;
    }
}

/// Whether two names are equal: what two overlapping chunks say suffices for nearly all of them, without a call.
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        4..=8 => a.first_chunk::<4>() == b.first_chunk::<4>() && a.last_chunk::<4>() == b.last_chunk::<4>(),
        9..=16 => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        _ => a == b,
    }
}

/// Tells the names apart well by their length and four of their letters.
const fn hash(name: &[u8]) -> usize {
    let length = name.len();
    if length == 0 {
        return 0;
    }
    let letters = name[0] as usize + 7 * name[length - 1] as usize + 31 * name[length / 2] as usize;
    (113 * length + letters + 61 * name[length / 4] as usize) % PLACES
}

const fn table() -> [u8; PLACES] {
    assert!(COUNT < FREE as usize && PLACES > COUNT);
    let mut table = [FREE; PLACES];
    let mut number = 0;
    while number < COUNT {
        let mut place = hash(NAMES[number].as_bytes());
        while table[place] != FREE {
            place = (place + 1) % PLACES;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer, see the assertion")]
        {
            table[place] = number as u8;
        }
        number += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_names_are_the_same_and_others_are_not(a in "[ab]{0,20}", b in "[ab]{0,20}") {
            prop_assert_eq!(same(a.as_bytes(), b.as_bytes()), a == b);
            let mut other = a.clone().into_bytes();
            if let Some(letter) = other.get_mut(b.len()) {
                *letter ^= 1;
                prop_assert!(!same(a.as_bytes(), &other));
            }
        }
    }

    #[test]
    fn each_name_has_a_number_of_its_own_and_no_other_text_has_one() {
        for (at, name) in NAMES.iter().enumerate() {
            assert_eq!(number(name), Some(at), "{name} stands twice");
            assert_eq!(number(&format!("{name}x")), None);
            assert_eq!(number(&name.to_uppercase()), None);
        }
        for other in ["", "x", "message.id", "client_ie", "\u{1f600}"] {
            assert_eq!(number(other), None);
        }
    }
}
