//! Whatever a server answers: a row, or an error, and no panic.

use chat2desk::clients::{ClientCard, CustomClientField};
use chat2desk::dialogs::Dialog;
use chat2desk::messages::{Message, RequestMessage, SentMessage};
use chat2desk::operators::{Operator, OperatorsGroup};
use chat2desk::statistics::{OperatorEventRow, RatingRow, RequestStatsRow};
use chat2desk::{Answer, ApiInfo, Page, Row, Webhook};
use serde_json::{Map, Value, json};

/// A small generator with a fixed seed: the same values on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Names that the rows know, and one that they do not.
const NAMES: &[&str] = &[
    "id",
    "message_id",
    "clientID",
    "client_id",
    "type",
    "read",
    "created",
    "attachments",
    "extra_data",
    "online",
    "operator_ids",
    "events",
    "errors",
    "channels",
    "tags",
    "custom_fields",
    "last_message",
    "messages",
    "reaction_time",
    "request_start",
    "score_value",
    "event",
    "mode",
    "api_calls",
    "text",
    "status",
    "Привет",
];

fn value(dice: &mut Dice, depth: usize) -> Value {
    let kinds = if depth == 0 { 12 } else { 14 };
    match dice.below(kinds) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!(dice.below(1000)),
        3 => json!(u64::MAX - dice.below(3) as u64),
        4 => json!(-1 - dice.below(9) as i64),
        5 => json!(1e300),
        6 => json!("12"),
        7 => json!(""),
        8 => json!("2026-01-15T09:30:00 UTC"),
        9 => json!("9999-99-99T99:99:99 UTC"),
        10 => json!("\u{0}\u{fffd}é"),
        11 => json!("true"),
        12 => (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect(),
        _ => {
            let fields = 1 + dice.below(8);
            let entry = |dice: &mut Dice| (NAMES[dice.below(NAMES.len())].to_owned(), value(dice, depth - 1));
            Value::Object((0..fields).map(|_| entry(dice)).collect::<Map<_, _>>())
        }
    }
}

/// Reads a row, and proves that what came is in its place: a row that was read shows itself.
fn try_read<T: Row + std::fmt::Debug>(value: &Value) -> bool {
    T::read(value.clone()).is_ok_and(|row| !format!("{row:?}").is_empty())
}

#[test]
fn no_row_whatever_makes_a_reader_panic_and_none_with_an_id_is_unreadable() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut read = 0;
    for _ in 0..20_000 {
        let mut row = value(&mut dice, 3);
        for reader in [
            try_read::<Message>,
            try_read::<RequestMessage>,
            try_read::<SentMessage>,
            try_read::<ClientCard>,
            try_read::<CustomClientField>,
            try_read::<Dialog>,
            try_read::<Operator>,
            try_read::<OperatorsGroup>,
            try_read::<RequestStatsRow>,
            try_read::<RatingRow>,
            try_read::<OperatorEventRow>,
            try_read::<Webhook>,
            try_read::<ApiInfo>,
            try_read::<Answer>,
        ] {
            reader(&row);
            if let Some(fields) = row.as_object_mut() {
                fields.insert("id".into(), json!("7"));
                assert!(reader(&row), "{row}");
                read += 1;
            }
        }
    }
    assert!(read > 10_000, "{read}");
}

#[test]
fn no_bytes_whatever_make_a_page_panic() {
    let sample = json!({"data": [{"id": 1, "text": "a\\ud800", "extra_data": []}, {"id": "2"}],
        "meta": {"total": "2", "limit": 200}, "status": "success"})
    .to_string()
    .into_bytes();
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let mut bytes = sample.clone();
        for _ in 0..dice.below(6) {
            let place = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[place] = b"{}[]\",:\\u0\xff\x00"[dice.below(12)],
                1 => bytes.truncate(place.max(1)),
                _ => {
                    bytes.remove(place);
                    if bytes.is_empty() {
                        bytes.push(b' ');
                    }
                }
            }
        }
        if let Ok(page) = Page::read(&bytes) {
            assert_eq!(page.rows.len(), page.of::<Message>().iter().count());
        }
    }
}
