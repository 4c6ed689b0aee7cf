//! What must hold of any bytes: one function for each decoder. The suite runs them for a moment on mutated samples
//! (tests/tests/suite/fuzzing.rs), `make fuzz` for as long as one likes under libFuzzer.

use bytes::Bytes;
use chat2desk::payload::{Json, bodies, parse_time};
use chrono::{DateTime, Utc};
use events::delivery::is_plausible;
use events::{Capture, Delivery, DeliveryIds, Fact, PagePart, Platform, Road};
use projection::AccountRules;
use projection::decode::{Decoded, decode};

/// A name, and what must hold of any bytes: `fuzz_targets/<name>.rs` hands them to it.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("webhook", webhook),
    ("roads", roads),
    ("rows", rows),
    ("page", page),
    ("payload", payload),
    ("identity", identity),
    ("time", time),
    ("record", record),
];

/// A webhook of any content.
pub fn webhook(body: &[u8]) {
    sound(&delivery(Road::Webhook, Capture::default(), body));
}

/// What scripts, macros and tunnels bring, from each of the handlers.
pub fn roads(body: &[u8]) {
    const EVENTS: [&str; 15] = [
        "new_message_handler",
        "before_sending_message_handler",
        "before_closing_dialog_handler",
        "after_closing_dialog_handler",
        "auto_checking_handler",
        "qr_code_result_handler",
        "manually_handler",
        "chat_bot_not_triggered_handler",
        "dialog_transfer_handler",
        "new_request_handlers",
        "client_updated_handler",
        "request_phone_handler",
        "add_tag_to_request_handler",
        "delete_tag_from_request_handler",
        "an_own_handler",
    ];
    for event in EVENTS {
        let capture = Capture { event: Some(event.to_owned()), ..Capture::default() };
        sound(&delivery(Road::Script, capture, body));
    }
    for road in [Road::Macro, Road::Tunnel] {
        sound(&delivery(road, Capture::default(), body));
    }
}

/// A row of each list and report.
pub fn rows(body: &[u8]) {
    const LISTS: [&str; 11] = [
        "messages?start_id=1&limit=200",
        "requests/8800001/messages",
        "clients",
        "dialogs",
        "operators",
        "operators_groups",
        "channels",
        "tags",
        "statistics?report=request_stats&date=2026-01-15",
        "statistics?report=rating&date=2026-01-15",
        "lists of tomorrow",
    ];
    for list in LISTS {
        sound(&delivery(Road::Backfill, capture(list, PagePart::Row(0)), body));
    }
}

/// The envelope of a page.
pub fn page(body: &[u8]) {
    for asked in [
        "statistics?report=rating&date=2026-01-15&offset=200",
        "messages?start_date=15-01-2026&finish_date=16-01-2026",
    ] {
        sound(&delivery(Road::Backfill, capture(asked, PagePart::Envelope), body));
    }
}

/// Borrowed JSON is what the usual tree is.
pub fn payload(body: &[u8]) {
    let usual = serde_json::from_slice::<serde_json::Value>(body);
    if let (Ok(read), Ok(usual)) = (bodies(body), usual) {
        let read: Vec<serde_json::Value> = read.iter().map(Json::to_value).collect();
        match usual {
            serde_json::Value::Array(items) => assert_eq!(read, items),
            other => assert_eq!(read, [other]),
        }
    } else {
        assert!(serde_json::from_slice::<serde_json::Value>(body).is_err(), "what is JSON is read");
    }
}

/// The identity by which capture chooses a partition: at most 64 bytes, and never one that means none.
pub fn identity(body: &[u8]) {
    if let Some(identity) = ingest::chat2desk::envelope::identity(body) {
        assert!(!identity.is_empty() && identity != "0" && identity.len() <= 64);
    }
}

/// A time as text and as a number.
pub fn time(text: &[u8]) {
    let mut values = vec![Json::Text(String::from_utf8_lossy(text))];
    if let Some(bytes) = text.first_chunk::<8>() {
        let number = serde_json::Number::from_f64(f64::from_le_bytes(*bytes));
        values.extend(number.map(Json::Number));
        values.push(Json::Number(i64::from_le_bytes(*bytes).into()));
    }
    for value in values {
        for zone in [chrono_tz::UTC, chrono_tz::Asia::Almaty, chrono_tz::America::St_Johns] {
            if let Some(time) = parse_time(&value, &zone) {
                assert!(is_plausible(time) && time.timestamp_subsec_nanos() % 1000 == 0);
            }
        }
    }
}

/// A record of the log: lines of key, format, account, platform, road, receipt and circumstances; then the body.
pub fn record(bytes: &[u8]) {
    const HEADERS: [&str; 6] = ["format", "account", "platform", "road", "received_at", "capture"];
    let mut parts = bytes.splitn(8, |byte| *byte == b'\n');
    let key = parts.next();
    let headers: Vec<&[u8]> = parts.by_ref().take(HEADERS.len()).collect();
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let header =
        |name: &'static str| headers.get(HEADERS.iter().position(|header| *header == name)?).copied();
    if let Ok(read) = log::record::delivery(log::record::key_id(key), header, body) {
        let written = log::record::headers(&read).unwrap();
        let header = |name: &'static str| {
            Some(match name {
                "format" => log::record::FORMAT.as_bytes(),
                "account" => written.account.as_bytes(),
                "platform" => written.platform.as_bytes(),
                "road" => written.road.as_bytes(),
                "received_at" => written.received_at.as_bytes(),
                "capture" => written.capture.as_bytes(),
                _ => return None,
            })
        };
        let again = log::record::delivery(Some(read.id), header, read.body.clone());
        assert_eq!(again.as_ref(), Ok(&read), "what was read is written and read again");
        decode(&read, &AccountRules::default());
    }
}

fn capture(page: &str, part: PagePart) -> Capture {
    Capture {
        page: Some(page.to_owned()),
        part: Some(part),
        fetched_at: Some(received()),
        ..Capture::default()
    }
}

fn received() -> DateTime<Utc> {
    DateTime::from_timestamp(1_768_478_400, 0).unwrap()
}

fn delivery(road: Road, capture: Capture, body: &[u8]) -> Delivery {
    Delivery {
        id: DeliveryIds::seeded(1).next(received()),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at: received(),
        capture,
        body: Bytes::copy_from_slice(body),
    }
}

/// Decodes, and checks what must hold of whatever comes out.
fn sound(delivery: &Delivery) {
    let rules = AccountRules { zone: chrono_tz::Asia::Almaty, ..AccountRules::default() };
    let decoded = decode(delivery, &rules);
    assert!(decoded.read > 0 || !decoded.rejections.is_empty(), "a delivery has a fate");
    assert_eq!(decoded, decode(delivery, &rules), "the same bytes tell the same");
    for observation in &decoded.observations {
        assert!(!observation.key.is_empty() && !observation.key.contains('\0'), "a fact has an identity");
        assert!(observation.key.len() <= 512, "a key is short");
        assert!(is_plausible(observation.stamp.observed_at));
        assert!(
            observation.fact.happened_at(delivery.received_at).is_none_or(is_plausible),
            "a time can be stored"
        );
        let stored = observation.fact.to_json().unwrap();
        assert!(!stored.contains("\\u0000"), "Postgres takes it");
        let read = Fact::from_json(observation.fact.kind(), &stored).unwrap().unwrap();
        assert_eq!(read, observation.fact, "what is stored is read back");
        assert!(store::facts::FactRow::new(&delivery.account, observation.clone()).is_ok());
    }
    told_without_content(&decoded);
}

/// Why something was rejected is short: it is shown to people and must not carry the body there.
fn told_without_content(decoded: &Decoded) {
    for rejection in &decoded.rejections {
        assert!(!rejection.detail.is_empty() && rejection.detail.len() <= 200);
    }
}
