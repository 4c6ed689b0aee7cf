//! The contradictions and unknowns of reference/chat2desk.md 8.1: each number has a test that shows what we do about it.

use std::path::Path;

use chat2desk::payload::{Fields, Json};
use events::{Fate, Road};
use serde_json::{Value, json};

use super::{bytes, decoded, delivery, fact, hook, inbox, message, outbox, rejected, row, with};

/// Where a number's proof is.
enum Proof {
    /// A test of this module.
    Here(fn()),
    /// A test elsewhere: file and name.
    There(&'static str, &'static str),
    /// There is nothing to decode or to decide.
    Nothing(&'static str),
}

use Proof::{Here, Nothing, There};

const TRAPS: &[(u8, Proof)] = &[
    (1, Here(the_type_of_a_message_in_all_its_words)),
    (2, Here(read_as_a_flag_and_as_a_number)),
    (3, Here(online_as_a_flag_and_as_a_number)),
    (4, Here(ids_as_text_and_as_numbers_of_64_bits)),
    (5, Here(ids_in_either_spelling)),
    (6, Here(id_means_what_the_event_says)),
    (7, Here(client_id_counts_before_the_cards_and_the_difference_is_kept)),
    (8, Here(extra_data_of_any_shape)),
    (9, Nothing("a query of the client: its `limit` is seconds there")),
    (
        10,
        There("crates/ingest/src/chat2desk/walk/messages.rs", "a_service_that_repeats_itself_is_left_alone"),
    ),
    (11, Here(both_names_of_the_operators_event)),
    (12, Here(a_request_that_either_side_starts)),
    (13, Here(two_dialogs_of_one_client_and_channel)),
    (14, Nothing("the name of a handler decides nothing here: it stands in the capture")),
    (15, Nothing("a field that is written, never read")),
    (16, Here(either_name_of_one_messenger_is_kept)),
    (17, There("crates/chat2desk/src/allow.rs", "a_get_that_changes_state_is_no_read")),
    (18, Nothing("the token is configuration")),
    (19, There("crates/ingest/src/chat2desk/signature.rs", "either_form_of_the_key_is_accepted")),
    (
        20,
        There(
            "tests/tests/suite/bad_input.rs",
            "no_secret_and_nothing_of_a_person_is_in_any_line_at_level_debug",
        ),
    ),
    (21, Here(bodies_of_which_only_the_name_is_sure)),
    (22, Here(bodies_of_macros_and_tunnels_of_any_shape)),
    (23, There("crates/projection/src/fold/tests/scores.rs", "a_report_alone_is_a_score_and_zero_is_none")),
    (
        24,
        There(
            "crates/projection/src/fold/tests/chance.rs",
            "any_order_and_repetition_of_a_random_account_fold_to_the_same_rows_that_keep_all_invariants",
        ),
    ),
    (
        25,
        There(
            "tests/tests/suite/bad_input.rs",
            "a_wrong_token_and_a_spent_quota_are_told_in_one_line_with_the_next_step",
        ),
    ),
    (
        26,
        There("crates/projection/src/fold/tests.rs", "the_webhook_time_is_finer_and_the_list_time_is_surer"),
    ),
    (
        27,
        There(
            "crates/ingest/src/chat2desk/walk/sweep.rs",
            "a_sweep_reads_all_pages_and_asks_for_none_too_many",
        ),
    ),
];

#[test]
fn every_contradiction_of_the_documents_has_its_proof() {
    let numbers: Vec<u8> = TRAPS.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=27).collect::<Vec<u8>>());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (number, proof) in TRAPS {
        match proof {
            Here(test) => test(),
            There(file, test) => {
                let source = std::fs::read_to_string(root.join(file)).unwrap();
                assert!(source.contains(&format!("fn {test}(")), "8.1 item {number}: no {test} in {file}");
            }
            Nothing(reason) => assert!(!reason.is_empty(), "8.1 item {number}"),
        }
    }
}

#[test]
fn the_type_of_a_message_in_all_its_words() {
    for (word, origin) in [
        (json!("to_client"), json!("company")),
        (json!("from_system"), json!("company")),
        (json!("autoreply"), json!("automatic")),
        (json!(null), json!("automatic")),
        (json!(""), json!("automatic")),
        (json!("system"), json!("system")),
        (json!("comment"), json!("note")),
        (json!("from_client"), json!("client")),
        (json!("hologram"), json!("other")),
        (json!(7), json!("other")),
    ] {
        let sent = message(&hook(&with(&outbox(), &json!({ "type": word }))));
        let listed = message(&row("messages", &json!({"id": 1, "type": word, "operator_id": 7001})));
        assert_eq!((&sent["origin"], &listed["origin"]), (&origin, &origin), "{word}");
        let raw = if origin == "other" { json!(word.to_string().trim_matches('"')) } else { Value::Null };
        assert_eq!((&sent["extra"]["type"], &listed["extra"]["type"]), (&raw, &raw), "{word}");
    }
    // `out` of the list of one request may be anybody's: another telling has to say whose.
    for (word, origin) in [("in", json!("client")), ("out", Value::Null), ("system", json!("system"))] {
        let listed = row("requests/8800001/messages", &json!({"id": 1, "type": word, "operatorID": 7001}));
        assert_eq!(message(&listed)["origin"], origin, "{word}");
        assert_eq!(message(&listed)["request_id"], "8800001");
    }
}

#[test]
fn read_as_a_flag_and_as_a_number() {
    for (value, read) in [
        (json!(true), Some(true)),
        (json!(1), Some(true)),
        (json!("1"), Some(true)),
        (json!("true"), Some(true)),
        (json!(false), Some(false)),
        (json!(0), Some(false)),
        (json!("0"), Some(false)),
        (json!("false"), Some(false)),
        (json!(""), Some(false)),
    ] {
        let body = Json::from(json!({ "read": value }));
        assert_eq!(Fields::of(&body).unwrap().flag(&["read"]), read, "{value}");
        assert_eq!(row("messages", &json!({"id": 1, "read": value})).fate(), Fate::Decoded);
    }
}

#[test]
fn online_as_a_flag_and_as_a_number() {
    for (value, online) in
        [(json!(true), true), (json!(1), true), (json!(0), false), (json!(false), false), (json!("0"), false)]
    {
        let status = hook(&json!({"hook_type": "operator_status_updated", "id": "7001", "online": value}));
        assert_eq!(fact(&status, "operator_status").1["online"], online, "{value}");
    }
}

#[test]
fn ids_as_text_and_as_numbers_of_64_bits() {
    let largest = u64::MAX.to_string();
    for (id, wanted) in [
        (json!(12), "12"),
        (json!("12"), "12"),
        (json!(" 12 "), "12"),
        (json!("0012"), "12"),
        (json!(u64::MAX), largest.as_str()),
        (json!(largest), largest.as_str()),
    ] {
        let ids = json!({"channel_id": id, "client_id": id, "message_id": id});
        let (key, registers) = fact(&hook(&with(&inbox(), &ids)), "message");
        assert_eq!(
            (key.as_str(), &registers["channel_id"], &registers["client_id"]),
            (wanted, &json!(wanted), &json!(wanted))
        );
    }
}

#[test]
fn ids_in_either_spelling() {
    let snake =
        json!({"id": 1, "type": "in", "client_id": 2, "operator_id": 3, "channel_id": 4, "dialog_id": 5});
    let camel = json!({"id": 1, "type": "in", "clientID": 2, "operatorID": 3, "channelID": 4, "dialogID": 5});
    assert_eq!(message(&row("messages", &snake)), message(&row("messages", &camel)));
}

#[test]
fn id_means_what_the_event_says() {
    let event = |name: &str| json!({"hook_type": name, "id": 77, "request_id": 8, "client_id": 5, "message_id": 9, "event_time": "2026-01-15T09:30:00Z"});
    assert_eq!(fact(&hook(&event("inbox")), "message").0, "9");
    assert_eq!(fact(&hook(&event("client_updated")), "client").0, "77");
    assert_eq!(fact(&hook(&event("add_tag_to_request")), "tagging").1["tag_id"], "77");
    assert_eq!(fact(&hook(&event("operator_status_updated")), "operator_status").1["operator_id"], "77");
    assert_eq!(fact(&row("messages", &json!({"id": 77})), "message").0, "77");
    assert_eq!(fact(&row("clients", &json!({"id": 77, "name": "n"})), "client").0, "77");
    let closed = fact(&hook(&event("close_request")), "request_closed");
    assert_eq!((closed.0.as_str(), &closed.1["client_id"]), ("8", &json!("5")));
}

#[test]
fn client_id_counts_before_the_cards_and_the_difference_is_kept() {
    let slip = hook(&with(&inbox(), &json!({"client": {"id": 6, "name": "Client One"}})));
    let registers = message(&slip);
    assert_eq!(
        (&registers["client_id"], &registers["extra"]),
        (&json!("330001"), &json!({"client.id": "6"}))
    );
    assert_eq!(fact(&slip, "client").0, "330001");
    let same = hook(&with(&inbox(), &json!({"client": {"id": "330001", "name": "Client One"}})));
    assert_eq!(message(&same)["extra"], Value::Null);
}

#[test]
fn extra_data_of_any_shape() {
    let plain = message(&hook(&inbox()));
    for shape in [json!({}), json!([]), json!(null), json!({"system_type": ""}), json!("x"), json!([[1]])] {
        assert_eq!(message(&hook(&with(&inbox(), &json!({ "extra_data": shape })))), plain);
    }
}

#[test]
fn both_names_of_the_operators_event() {
    for name in ["operator_status_changed", "operator_status_updated"] {
        let body = json!({"hook_type": name, "id": 7001, "online": 0, "offline_type": "busy", "event_time": "2026-01-15T12:00:00Z"});
        let (_, registers) = fact(&hook(&body), "operator_status");
        assert_eq!((&registers["status"], &registers["online"]), (&json!("busy"), &json!(false)));
    }
}

#[test]
fn a_request_that_either_side_starts() {
    for by_client in [true, false] {
        let opened = json!({"hook_type": "new_request", "request_id": 8, "client_id": 5, "type": "common", "by_client": by_client});
        assert_eq!(fact(&hook(&opened), "request_opened").1["by_client"], by_client);
    }
    for first in [inbox(), outbox()] {
        assert_eq!(message(&hook(&with(&first, &json!({"is_new_request": 1}))))["opens_request"], true);
    }
}

#[test]
fn two_dialogs_of_one_client_and_channel() {
    let closed = |dialog: u64| {
        let body = json!({"hook_type": "close_dialog", "dialog_id": dialog, "client_id": 5, "channel_id": 12, "event_time": "2026-01-15T09:30:00Z"});
        fact(&hook(&body), "dialog_closed").0
    };
    assert_ne!(closed(4), closed(5));
}

#[test]
fn either_name_of_one_messenger_is_kept() {
    for transport in ["vk", "vkontakte", "wa_gupshup", "-", "one of tomorrow"] {
        assert_eq!(
            message(&hook(&with(&inbox(), &json!({ "transport": transport }))))["transport"],
            transport
        );
    }
}

#[test]
fn bodies_of_which_only_the_name_is_sure() {
    // What is needed is found wherever it may stand; what is missing is told by its name.
    for (event, kind, body) in [
        ("add_tag_to_request", "tagging", json!({"data": {"tag": {"id": 6}, "request": {"id": 8}}})),
        ("delete_tag_from_request", "tagging", json!({"tagID": "6", "requestID": "8"})),
        ("close_request", "request_closed", json!({"data": {"request_id": 8}})),
        ("close_dialog", "dialog_closed", json!({"id": 4})),
        ("dialog_transferred", "dialog_transferred", json!({"dialog": {"id": 4}, "operator": {"id": 7}})),
        ("outbox_status", "message_status", json!({"message": {"id": 1}, "error": "x"})),
    ] {
        fact(&hook(&with(&body, &json!({ "hook_type": event }))), kind);
    }
    for (event, detail) in [
        ("add_tag_to_request", "no tag id"),
        ("close_request", "no request id"),
        ("close_dialog", "no dialog id"),
        ("dialog_transferred", "no dialog id"),
    ] {
        assert_eq!(rejected(&hook(&json!({ "hook_type": event }))), ("missing_identity", detail), "{event}");
    }
    assert_eq!(
        rejected(&hook(&json!({"hook_type": "add_tag_to_request", "id": 6}))),
        ("missing_identity", "no request id")
    );
    for event in ["new_qr_code", "new_tag", "new_ticket", "ticket_updated", "ticket_deleted", "outbox_status"]
    {
        let kept = hook(&json!({"hook_type": event, "data": {"client_id": 5}}));
        assert_eq!((fact(&kept, "unknown").1, kept.fate()), (json!({ "name": event }), Fate::Decoded));
    }
}

#[test]
fn bodies_of_macros_and_tunnels_of_any_shape() {
    for road in [Road::Macro, Road::Tunnel] {
        for body in [
            &br#"{"client": {"id": 5}, "dialog": {"id": 4}, "operator": {"id": 7}}"#[..],
            br#"[{"client_id": "5"}]"#,
            b"data=%7B%22client_id%22%3A5%7D",
            b"phone=7701&name=x",
            b"",
            b"\x00\xff",
        ] {
            let decoded = decoded(&delivery(road, None, body));
            assert_ne!(decoded.read > 0, !decoded.rejections.is_empty(), "exactly one of them");
        }
    }
    assert_eq!(bytes(b"phone=7701&name=x").fate(), Fate::Rejected);
}
