//! No delivery may stop the projection: every field of every kind of body, with every nasty value, is stored and
//! folded on a real database, or rejected with a reason. One that Postgres refused would be read again for ever.

use events::{Capture, Delivery, DeliveryIds, PagePart, Platform, Road};
use projection::{AccountRules, Rules};
use serde_json::{Value, json};

/// Bodies with all the fields that a decoder reads.
fn bodies() -> Vec<(Option<&'static str>, Value)> {
    let talk = |hook: &str, kind: &str| {
        json!({"hook_type": hook, "message_id": 900_001, "type": kind, "text": "text", "transport": "telegram",
            "client_id": 330_001, "operator_id": 7001, "dialog_id": 410_001, "channel_id": 12, "request_id": 8_800_001,
            "photo": "https://x.example/1.jpg", "attachments": [{"name": "n", "link": "l"}], "is_new_request": true,
            "client": {"id": 330_001, "phone": "77010000001", "client_phone": "77010000001", "name": "n", "assigned_name": "a"},
            "extra_data": {}, "event_time": "2026-01-15T09:30:00.125000Z"})
    };
    let event = |hook: &str| {
        json!({"hook_type": hook, "id": 330_001, "message_id": 900_001, "request_id": 8_800_001, "client_id": 330_001,
            "dialog_id": 410_001, "channel_id": 12, "operator_id": 7001, "type": "common", "by_client": true,
            "transport": "telegram", "reason": "operator", "label": "score-1", "group_name": "Scores", "tag_id": 612,
            "online": 1, "offline_type": "busy", "status": "failed", "name": "n", "phone": "7701", "email": "e",
            "custom_fields": {"1": "x"}, "comment": "c", "tags": ["a"], "event_time": "2026-01-15T09:30:00Z"})
    };
    let mut all: Vec<(Option<&str>, Value)> = vec![
        (None, talk("inbox", "from_client")),
        (None, talk("outbox", "to_client")),
        (None, talk("imported_message", "to_client")),
        (None, talk("comment", "comment")),
        (None, talk("system_message", "system")),
    ];
    for hook in [
        "outbox_status",
        "client_updated",
        "new_request",
        "close_request",
        "close_dialog",
        "dialog_transferred",
        "add_tag_to_client",
        "delete_tag_from_request",
        "add_tag_to_request",
        "operator_status_updated",
        "new_ticket",
    ] {
        all.push((None, event(hook)));
    }
    all.push((Some("messages"), json!({"id": 900_001, "text": "t", "type": "from_client", "created": "2026-01-15T09:30:00 UTC",
        "client_id": 330_001, "dialog_id": 410_001, "operator_id": 7001, "channel_id": 12, "request_id": 8_800_001, "transport": "t", "attachments": []})));
    all.push((Some("clients"), event("")));
    all.push((Some("dialogs"), json!({"id": 410_001, "state": "open", "begin": "2026-01-15T09:30:00 UTC", "end": null, "operator_id": 1,
        "last_request_id": 8_800_001, "last_message": {"client_id": 330_001, "channel_id": 12}})));
    all.push((
        Some("operators"),
        json!({"id": 7001, "first_name": "f", "last_name": "l", "email": "e", "role": "operator"}),
    ));
    all.push((Some("operators_groups"), json!({"id": 3, "name": "n", "operator_ids": [7001]})));
    all.push((Some("channels"), json!({"id": 12, "name": "n", "phone": "p", "transports": ["telegram"]})));
    all.push((Some("tags"), json!({"id": 612, "label": "l", "group_name": "g"})));
    all.push((Some("statistics?report=request_stats"), json!({"request_id": 8_800_001, "request_type": "common", "client_id": 330_001,
        "channel_id": 12, "transport": "t", "request_start": "2026-01-15 12:30:00", "request_end": "2026-01-15 12:40:00",
        "operator_id": 7001, "first_operator_id": 7001, "reaction_time": "4.0", "replies": 3, "average_replies_time": 2.5})));
    all.push((Some("statistics?report=rating"), json!({"request_id": 8_800_001, "valuation_request_id": 8_800_002, "operator_id": 7001,
        "rating_scale_id": "1", "rating_scale_score": 5, "rating_text": "t", "created_at": "2026-01-15 12:30:00"})));
    all
}

/// Values that have stopped somebody's pipeline before.
fn nasty() -> Vec<Value> {
    let mut deep = json!("bottom");
    for _ in 0..124 {
        deep = json!({ "k": deep });
    }
    vec![
        json!(null),
        json!(""),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e308),
        json!(true),
        json!([]),
        json!({}),
        json!("a\u{0}b"),
        json!("\u{0}"),
        json!({"a\u{0}": ["\u{0}"]}),
        json!("\u{fffd}\u{1f600}\u{202e}"),
        json!("x".repeat(9000)),
        json!("9".repeat(9000)),
        json!([[["\u{0}"]], {"id": "\u{0}"}]),
        deep,
        json!("9999-12-31T23:59:59Z"),
        json!("0001-01-01 00:00:00"),
        json!("2026-13-45T99:99:99Z"),
        json!(99_999_999_999_i64),
        json!("'; drop table chat.facts; --"),
        json!("{1,2}"),
        json!("\\u0000"),
        json!("NaN"),
        json!("Infinity"),
    ]
}

fn delivery(list: Option<&str>, body: &Value, ids: &DeliveryIds) -> Delivery {
    let received_at = "2026-01-15T09:30:01Z".parse().unwrap();
    let road = if list.is_some() { Road::Backfill } else { Road::Webhook };
    let part = list.map(|_| PagePart::Row(0));
    let capture = Capture { page: list.map(str::to_owned), part, ..Capture::default() };
    Delivery {
        id: ids.next(received_at),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at,
        capture,
        body: serde_json::to_vec(body).unwrap().into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_in_any_field_stops_the_projection() {
    let ids = DeliveryIds::seeded(1);
    let rules = Rules::new(
        [(
            "acme".to_owned(),
            AccountRules { default_country: Some("KZ".to_owned()), ..AccountRules::default() },
        )]
        .into(),
    );
    let mut deliveries = Vec::new();
    for (list, body) in bodies() {
        let fields: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        for field in fields {
            for value in nasty() {
                let mut changed = body.clone();
                changed[&field] = value;
                deliveries.push(delivery(list, &changed, &ids));
            }
        }
    }
    assert!(deliveries.len() > 5000, "{} deliveries", deliveries.len());
    let database = chatledger_tests::database().await;
    let pool = database.pool();
    let mut stored = 0;
    for batch in deliveries.chunks(500) {
        let mut facts = Vec::new();
        for delivery in batch {
            let decoded = projection::decode::decode(delivery, rules.of("acme"));
            assert!(decoded.read > 0 || !decoded.rejections.is_empty());
            for observation in decoded.observations {
                facts.push(store::facts::FactRow::new(&delivery.account, observation).unwrap());
            }
        }
        let mut transaction = store::begin(&pool).await.unwrap();
        stored += store::facts::insert(&mut transaction, &facts).await.unwrap().len();
        store::commit(transaction).await.unwrap();
        while projection::runner::fold_marked(&pool, &rules, 200).await.unwrap().subjects > 0 {}
    }
    assert!(stored > 3000, "{stored} facts");
}
