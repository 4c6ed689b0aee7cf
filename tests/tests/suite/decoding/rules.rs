//! The decoder's rules of reference/chat2desk.md 8.2, one by one.

use events::{Fate, Road};
use serde_json::{Value, json};

use super::{bytes, decoded, delivery, fact, hook, inbox, message, outbox, rejected, row, with};

#[test]
fn rule_1_the_bytes_are_the_deliverys_and_decoding_changes_none() {
    let body = serde_json::to_vec(&inbox()).unwrap();
    let delivery = delivery(Road::Webhook, None, &body);
    let before = delivery.clone();
    let telling = decoded(&delivery);
    assert_eq!(delivery, before);
    assert_eq!(telling.observations[0].delivery, delivery.id, "what it tells leads back to them");
    // What the log keeps of the headers: no place for a token.
    let capture = serde_json::to_value(&events::Capture {
        content_type: Some("application/json".to_owned()),
        ..events::Capture::default()
    });
    assert_eq!(capture.unwrap(), json!({"content_type": "application/json"}));
}

#[test]
fn rule_2_one_object_many_or_one_in_a_form_are_read_and_anything_else_is_rejected() {
    let two = json!([inbox(), with(&inbox(), &json!({"message_id": 2}))]);
    assert_eq!(hook(&two).observations.len(), 2);
    let form: String = url_encoded(&[
        ("token", "x"),
        ("payload", &serde_json::to_string(&inbox()).unwrap()),
        ("more", "{}"),
    ]);
    assert_eq!(message(&bytes(form.as_bytes())), message(&hook(&inbox())));
    let with_mark = [b"\xef\xbb\xbf", serde_json::to_vec(&inbox()).unwrap().as_slice()].concat();
    assert_eq!(message(&bytes(&with_mark)), message(&hook(&inbox())));
    for (body, reason) in [
        (&b""[..], "not_json"),
        (b"hello", "not_json"),
        (b"a=1&b=2", "not_json"),
        (b"<html></html>", "not_json"),
        (b"{\"a\":", "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b"7", "not_an_object"),
        (b"null", "not_an_object"),
        (b"\"text\"", "not_an_object"),
        (b"[]", "not_an_object"),
        (b"{}", "missing_identity"),
    ] {
        assert_eq!(rejected(&bytes(body)).0, reason, "{}", String::from_utf8_lossy(body));
    }
    let partly = hook(&json!([inbox(), 7, {"hook_type": "inbox"}]));
    assert_eq!((partly.fate(), partly.read), (Fate::PartlyRejected, 1));
    let reasons: Vec<_> = partly.rejections.iter().map(|r| (r.part, r.reason.as_str())).collect();
    assert_eq!(reasons, [(1, "not_an_object"), (2, "missing_identity")]);
}

fn url_encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect::<Vec<_>>().join("&")
}

#[test]
fn rule_3_hook_type_decides_and_without_it_what_the_body_looks_like() {
    for spelling in ["inbox", " INBOX ", "Inbox\n"] {
        assert_eq!(message(&hook(&with(&inbox(), &json!({ "hook_type": spelling }))))["origin"], "client");
    }
    let old = json!({"id": 5, "type": "from_client", "text": null, "client_id": 3});
    assert_eq!(fact(&hook(&old), "message").0, "5");
    let old = json!({"id": 5, "type": "from_system", "created": "2016-01-11T19:45:05 UTC", "operator_id": 2});
    assert_eq!(message(&hook(&old))["origin"], "company");
    assert_eq!(fact(&hook(&json!({"message_id": 6, "text": "x"})), "message").0, "6");
    for closed in [json!({"dialog_id": 4}), json!({"dialogID": "4"}), json!({"id": 4, "state": "closed"})] {
        assert_eq!(fact(&hook(&closed), "dialog_closed").1["dialog_id"], "4", "{closed}");
    }
    for unknown in [json!({"url": "https://example.org"}), json!({"id": 5}), json!({"hook_type": "new_idea"})]
    {
        assert_eq!(hook(&unknown).fate(), Fate::Decoded);
        fact(&hook(&unknown), "unknown");
    }
    assert_eq!(fact(&hook(&json!({"hook_type": "New_Idea"})), "unknown").1["name"], "new_idea");
}

#[test]
fn rule_4_each_id_is_found_under_each_of_its_names_at_top_level_and_under_data() {
    let event = json!({"hook_type": "inbox", "event_time": "2026-01-15T09:30:00Z"});
    for (register, names, nested) in [
        ("request_id", ["request_id", "requestID"], "request"),
        ("dialog_id", ["dialog_id", "dialogID"], "dialog"),
        ("client_id", ["client_id", "clientID"], "client"),
        ("operator_id", ["operator_id", "operatorID"], "operator"),
        ("channel_id", ["channel_id", "channelID"], "channel"),
    ] {
        let plain = names.map(|name| json!({ name: 77 }));
        for named in plain.into_iter().chain([json!({ nested: {"id": 77} })]) {
            let top = with(&with(&event, &json!({"message_id": 1})), &named);
            assert_eq!(message(&hook(&top))[register], "77", "{named}");
            let data = with(&event, &json!({"data": with(&named, &json!({"message_id": 1}))}));
            assert_eq!(message(&hook(&data))[register], "77", "{named} under data");
        }
    }
    for named in [
        json!({"message_id": 77}),
        json!({"messageID": 77}),
        json!({"message": {"id": 77}}),
        json!({"id": 77}),
    ] {
        assert_eq!(fact(&hook(&with(&event, &named)), "message").0, "77");
    }
    let tag = json!({"hook_type": "add_tag_to_request", "request": {"id": 8}, "event_time": "2026-01-15T09:30:00Z"});
    for named in [
        json!({"tag_id": 6, "label": "score-2"}),
        json!({"tagID": 6, "name": "score-2"}),
        json!({"tag": {"id": 6, "label": "score-2"}}),
        json!({"tag": {"id": 6, "name": "score-2"}}),
        json!({"id": 6, "label": "score-2"}),
    ] {
        let (_, registers) = fact(&hook(&with(&tag, &named)), "tagging");
        assert_eq!(
            (&registers["tag_id"], &registers["request_id"], &registers["label"]),
            (&json!("6"), &json!("8"), &json!("score-2")),
            "{named}"
        );
    }
    for named in ["event_time", "created", "created_at"] {
        let body = json!({"hook_type": "close_request", "request_id": 8, named: "2026-01-15T09:30:00Z"});
        assert_eq!(fact(&hook(&body), "request_closed").1["at"], "2026-01-15T09:30:00Z", "{named}");
    }
}

#[test]
fn rule_5_empty_text_and_zero_are_no_id_and_the_next_name_counts() {
    for none in [json!(null), json!(""), json!(" "), json!(0), json!("0"), json!("000")] {
        let ids = json!({"client_id": none, "client": {"id": 5}, "dialog_id": none, "operator_id": none, "request_id": none});
        let registers = message(&hook(&with(&inbox(), &ids)));
        assert_eq!(registers["client_id"], "5", "{none}");
        for register in ["dialog_id", "operator_id", "request_id"] {
            assert_eq!(registers[register], Value::Null, "{none}");
        }
        let nameless = hook(&with(&inbox(), &json!({ "message_id": none })));
        assert_eq!(rejected(&nameless), ("missing_identity", "no message id"));
    }
    for wrong in
        [json!(1.5), json!(-7), json!("x7"), json!([7]), json!({}), json!(true), json!("9".repeat(21))]
    {
        assert_eq!(
            rejected(&hook(&with(&inbox(), &json!({ "message_id": wrong })))).0,
            "wrong_type",
            "{wrong}"
        );
    }
}

#[test]
fn rule_6_all_forms_of_time_are_read_and_nothing_is_rejected_for_one() {
    let at =
        |time: Value| message(&hook(&with(&inbox(), &json!({ "event_time": time }))))["event_at"].clone();
    for time in [
        json!("2026-01-15T09:30:00 UTC"),
        json!("2026-01-15T09:30:00Z"),
        json!("2026-01-15T09:30:00.000000Z"),
        json!(1_768_469_400),
        json!("1768469400"),
        // Of the company's own clock.
        json!("2026-01-15 14:30:00"),
    ] {
        assert_eq!(at(time.clone()), "2026-01-15T09:30:00Z", "{time}");
    }
    assert_eq!(at(json!("2026-01-15T09:30:00.125000Z")), "2026-01-15T09:30:00.125Z");
    for none in [json!(""), json!(null), json!("soon"), json!([1]), json!("2026-13-45T99:99:99Z"), json!(-5)]
    {
        assert_eq!(at(none.clone()), Value::Null, "{none}");
        let closed = json!({"hook_type": "close_request", "request_id": 8, "event_time": none});
        let closed = hook(&closed);
        assert_eq!(fact(&closed, "request_closed").1["at"], "2026-01-15T12:00:00Z", "when it was received");
    }
    let listed = json!({"id": 1, "created": "2026-01-15T09:30:00 UTC"});
    assert_eq!(message(&row("messages", &listed))["created_at"], "2026-01-15T09:30:00Z");
    let reported = json!({"request_id": 8, "request_start": "2026-01-15 14:30:00", "request_end": ""});
    let (_, registers) = fact(&row("statistics?report=request_stats", &reported), "request_report");
    assert_eq!(
        (&registers["opened_at"], &registers["closed_at"]),
        (&json!("2026-01-15T09:30:00Z"), &Value::Null)
    );
}

#[test]
fn rule_7_a_flag_is_read_in_each_of_its_forms() {
    for (value, flag) in [
        (json!(true), json!(true)),
        (json!(1), json!(true)),
        (json!("1"), json!(true)),
        (json!("true"), json!(true)),
        (json!(false), json!(false)),
        (json!(0), json!(false)),
        (json!("0"), json!(false)),
        (json!("false"), json!(false)),
        (json!(""), json!(false)),
        (json!(null), json!(null)),
    ] {
        let opened = json!({"hook_type": "new_request", "request_id": 8, "by_client": value});
        assert_eq!(fact(&hook(&opened), "request_opened").1["by_client"], flag, "{value}");
        let first = message(&hook(&with(&inbox(), &json!({ "is_new_request": value }))));
        assert_eq!(first["opens_request"], if flag == true { json!(true) } else { Value::Null }, "{value}");
    }
}

#[test]
fn rule_8_text_loses_nul_and_lone_surrogates_and_keeps_its_html() {
    let text = |text: &str| {
        message(&bytes(format!(r#"{{"hook_type":"inbox","message_id":1,"text":"{text}"}}"#).as_bytes()))["text"].clone()
    };
    assert_eq!(text(r"a\u0000b"), "ab");
    assert_eq!(text(r"a\ud83db"), "a\u{fffd}b");
    assert_eq!(text(r"\ude00\ud83d"), "\u{fffd}\u{fffd}");
    assert_eq!(text(r"\ud83d\ude00"), "\u{1f600}");
    assert_eq!(text("<b>bold</b><br>"), "<b>bold</b><br>");
    assert_eq!(text(r"\u0000"), Value::Null);
    let broken = [br#"{"hook_type":"inbox","message_id":1,"text":""#.as_slice(), b"a\xffb\"}"].concat();
    assert_eq!(message(&bytes(&broken))["text"], "a\u{fffd}b");
}

#[test]
fn rule_9_unknown_fields_are_kept_and_so_are_unknown_words() {
    let body = with(&outbox(), &json!({"type": "hologram", "mood": {"a\u{0}": "b\u{0}"}, "later": null}));
    let registers = message(&hook(&body));
    assert_eq!(registers["extra"], json!({"type": "hologram", "mood": {"a": "b"}}));
    assert_eq!(registers["origin"], "other");
    assert_eq!(message(&hook(&outbox()))["extra"], Value::Null, "a plain message has nothing beyond");
    let opened = json!({"hook_type": "new_request", "request_id": 8, "type": "bulk", "campaign": 3});
    let (_, registers) = fact(&hook(&opened), "request_opened");
    assert_eq!(
        (&registers["extra"], &registers["request_kind"]),
        (&json!({"type": "bulk", "campaign": 3}), &Value::Null)
    );
    let dialog = fact(&row("dialogs", &json!({"id": 4, "state": "frozen"})), "dialog_row").1;
    assert_eq!((&dialog["extra"], &dialog["state"]), (&json!({"state": "frozen"}), &Value::Null));
    // As deep as a reader of the stored form can go.
    let deep = (0..100).fold(json!(1), |inner, _| json!({ "k": inner }));
    let kept = message(&hook(&with(&inbox(), &json!({ "deep": deep }))))["extra"]["deep"].to_string();
    assert!(kept.contains(r#"{\"k\":"#), "below a depth it is text");
}
