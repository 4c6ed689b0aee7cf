//! The names of fields that the documents name, numbered: a look-up by name costs one comparison.

/// All of them (reference/chat2desk.md 2 and 3). The order means nothing; a name that is missing here is read all the
/// same, only slower, and counts as one that nobody documents.
const NAMES: &[&str] = &[
    "hook_type",
    "event_time",
    "data",
    "fetched_at",
    // Ids in all their spellings.
    "id",
    "message_id",
    "messageID",
    "message",
    "request_id",
    "requestID",
    "request",
    "dialog_id",
    "dialogID",
    "dialog",
    "client_id",
    "clientID",
    "client",
    "operator_id",
    "operatorID",
    "operator",
    "channel_id",
    "channelID",
    "channel",
    "tag_id",
    "tagID",
    "tag",
    "companyID",
    "company_id",
    // Messages.
    "type",
    "text",
    "transport",
    "photo",
    "video",
    "audio",
    "pdf",
    "coordinates",
    "attachments",
    "created",
    "created_at",
    "read",
    "is_new_request",
    "is_new_client",
    "is_new",
    "is_menu",
    "insta_comment",
    "extra_data",
    "remote_id",
    "recipient_status",
    "status",
    "ai_tips",
    "vb_bus_id",
    "gateway_status",
    "error",
    "external_id",
    "reply_message_id",
    "inline_buttons",
    "keyboard",
    "interactive",
    "encrypted",
    // Cards.
    "name",
    "assigned_name",
    "phone",
    "client_phone",
    "assigned_phone",
    "email",
    "avatar",
    "channels",
    "tags",
    "custom_fields",
    "comment",
    "extra_comment_1",
    "extra_comment_2",
    "extra_comment_3",
    "username",
    "external_ids",
    "client_external_id",
    "region_id",
    "country_id",
    "first_client_message",
    "last_client_message",
    "first_name",
    "last_name",
    "role",
    "online",
    "offline_type",
    "status_id",
    "last_visit",
    "opened_dialogs",
    "operator_ids",
    "transports",
    "label",
    "group_id",
    "group_name",
    "description",
    "ticket",
    // Requests and dialogs.
    "by_client",
    "reason",
    "close_reason",
    "state",
    "begin",
    "end",
    "last_message",
    "last_request_id",
    "messages",
    // Reports, and the envelope of a page.
    "request_type",
    "request_start",
    "request_end",
    "reaction_time",
    "replies",
    "average_replies_time",
    "first_operator_id",
    "valuation_request_id",
    "rating_scale_id",
    "rating_scale_score",
    "score_value",
    "rating_text",
    "rating_id",
    "meta",
    "rows",
    "left_out",
];

/// How many there are.
pub(super) const COUNT: usize = NAMES.len();

/// Names within objects that stand for a field: the aliases with a dot of reference/chat2desk.md 8.2 rule 4.
const PATHS: &[(&str, &str, &str)] = &[
    ("message.id", "message", "id"),
    ("message.dialogID", "message", "dialogID"),
    ("message.operatorID", "message", "operatorID"),
    ("message.transport", "message", "transport"),
    ("message.text", "message", "text"),
    ("message.is_menu", "message", "is_menu"),
    ("request.id", "request", "id"),
    ("dialog.id", "dialog", "id"),
    ("client.id", "client", "id"),
    ("operator.id", "operator", "id"),
    ("channel.id", "channel", "id"),
    ("tag.id", "tag", "id"),
    ("tag.label", "tag", "label"),
    ("tag.name", "tag", "name"),
];

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The field of this number, below [`COUNT`].
    Field(usize),
    /// What stands within the field of this number under that name.
    Within(usize, &'static str),
    /// None that is documented.
    Other,
}

/// What a name is.
pub(super) fn named(name: &str) -> Name {
    match find(name) {
        Some(number) if number < COUNT => Name::Field(number),
        Some(number) => Name::Within(WITHIN[number - COUNT].0, WITHIN[number - COUNT].1),
        None => Name::Other,
    }
}

/// The number of a field, below [`COUNT`]; `None` for one that is not documented.
pub(super) fn number(name: &str) -> Option<usize> {
    find(name).filter(|number| *number < COUNT)
}

fn find(name: &str) -> Option<usize> {
    let chunks = Chunks::of(name.as_bytes());
    let mut place = chunks.hash();
    loop {
        let (held, number) = &TABLE[place];
        if *number == FREE {
            return None;
        }
        // A longer name is more than its two chunks say.
        if *held == chunks && (chunks.length <= 16 || text(usize::from(*number)) == name) {
            return Some(usize::from(*number));
        }
        place = (place + 1) % PLACES;
    }
}

/// The number of the field and the name within it, of each path.
static WITHIN: [(usize, &str); PATHS.len()] = {
    let mut within = [(0, ""); PATHS.len()];
    let mut path = 0;
    while path < PATHS.len() {
        let head = Chunks::of(PATHS[path].1.as_bytes());
        let mut number = 0;
        while !Chunks::of(NAMES[number].as_bytes()).same(&head) {
            number += 1;
        }
        within[path] = (number, PATHS[path].2);
        path += 1;
    }
    within
};

/// A name's first and last bytes and its length: all of it, up to 16 bytes, and compared at once.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Chunks {
    first: u64,
    last: u64,
    length: usize,
}

impl Chunks {
    const fn of(name: &[u8]) -> Self {
        let length = name.len();
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
                }
                _ => match name {
                    [a, b, c] => (*a as u64 | (*b as u64) << 8 | (*c as u64) << 16, 0),
                    [a, b] => (*a as u64 | (*b as u64) << 8, 0),
                    [a] => (*a as u64, 0),
                    _ => (0, 0),
                },
            },
        };
        Self { first, last, length }
    }

    /// A place in the table.
    const fn hash(&self) -> usize {
        let mixed = (self.first ^ self.last.rotate_left(29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (u64::BITS - PLACES.trailing_zeros())) as usize
    }

    const fn same(&self, other: &Self) -> bool {
        self.first == other.first && self.last == other.last && self.length == other.length
    }
}

/// Places of the table: a power of two, several times as many as names.
const PLACES: usize = 1024;
/// A place without a name.
const FREE: u8 = u8::MAX;

/// Where a name stands, or the first place after it that is free.
static TABLE: [(Chunks, u8); PLACES] = {
    assert!(COUNT + PATHS.len() < FREE as usize);
    let mut table = [(Chunks { first: 0, last: 0, length: 0 }, FREE); PLACES];
    let mut number = 0;
    while number < COUNT + PATHS.len() {
        let chunks = Chunks::of(text(number).as_bytes());
        let mut place = chunks.hash();
        while table[place].1 != FREE {
            place = (place + 1) % PLACES;
        }
        #[expect(clippy::cast_possible_truncation, reason = "there are fewer, see the assertion")]
        {
            table[place] = (chunks, number as u8);
        }
        number += 1;
    }
    table
};

/// The name or path of a number.
const fn text(number: usize) -> &'static str {
    if number < COUNT { NAMES[number] } else { PATHS[number - COUNT].0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_a_number_of_its_own_and_no_other_text_has_one() {
        for (at, name) in NAMES.iter().enumerate() {
            assert_eq!((number(name), named(name)), (Some(at), Name::Field(at)), "{name} stands twice");
            for other in [format!("{name}x"), format!("x{name}"), name.to_uppercase()] {
                assert_eq!((number(&other), named(&other)), (None, Name::Other), "{other}");
            }
        }
        for other in ["", "x", "xy", "xyz", "client_ie", "\u{1f600}", "average_replies_tim_"] {
            assert_eq!(number(other), None);
        }
        // The same first and last bytes, and the same length.
        assert_eq!(number("valuatio__request_id"), None);
    }

    #[test]
    fn a_path_is_a_name_within_a_field() {
        for (path, head, tail) in PATHS {
            assert_eq!(path.split_once('.'), Some((*head, *tail)));
            assert_eq!(named(path), Name::Within(number(head).unwrap(), tail));
            assert_eq!(number(path), None);
        }
    }
}
