//! Given these deliveries, expect these rows.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use events::{Capture, Clock as _, Delivery, DeliveryIds, ManualClock, PagePart, Platform, Road};
use proptest::prelude::*;
use serde_json::{Value, json};
use store::folding::{Subject, Told};

use super::{Folded, fold};
use crate::decode::decode;
use crate::{AccountRules, Calendar, Hours, calendar};

const CONVERSATION: &str = "330001/12";

fn at(clock: &str) -> DateTime<Utc> {
    format!("2026-01-15T{clock}Z").parse().unwrap()
}

/// Thirty years of intervals are made once.
fn rules() -> &'static AccountRules {
    static RULES: LazyLock<AccountRules> = LazyLock::new(make_rules);
    &RULES
}

fn make_rules() -> AccountRules {
    let day = vec![(9 * 3600, 18 * 3600)];
    let week = std::array::from_fn(|_| day.clone());
    let calendar = Calendar { versions: vec![calendar::Version { week, ..calendar::Version::default() }] };
    AccountRules {
        bots: ["7009".to_owned()].into(),
        hours: Some(Arc::new(Hours::new(&calendar, chrono_tz::UTC))),
        web_url: Some("https://web.example.org".to_owned()),
        ..AccountRules::default()
    }
}

/// A webhook body, received a second after its event.
fn webhook(body: &Value) -> Delivery {
    let event =
        body["event_time"].as_str().and_then(|time| time.parse().ok()).unwrap_or_else(|| at("12:00:00"));
    delivery(Road::Webhook, Capture::default(), body, event + Duration::seconds(1))
}

/// A row of a list, fetched at noon of the next day.
fn row(list: &str, body: &Value) -> Delivery {
    let fetched = at("12:00:00") + Duration::days(1);
    let capture = Capture {
        page: Some(if list.contains('?') { list.to_owned() } else { format!("{list}?limit=200") }),
        part: Some(PagePart::Row(0)),
        fetched_at: Some(fetched),
        ..Capture::default()
    };
    delivery(Road::Backfill, capture, body, fetched)
}

fn delivery(road: Road, capture: Capture, body: &Value, received_at: DateTime<Utc>) -> Delivery {
    let body = Bytes::from(serde_json::to_vec(body).unwrap());
    let seed = events::observation::body_hash(&body).cast_unsigned();
    Delivery {
        id: DeliveryIds::seeded(seed).next(ManualClock::at(received_at).now()),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at,
        capture,
        body,
    }
}

fn folded(deliveries: &[Delivery]) -> Folded {
    fold(&subject(deliveries), rules())
}

fn subject(deliveries: &[Delivery]) -> Subject {
    let told = deliveries
        .iter()
        .flat_map(|delivery| {
            let decoded = decode(delivery, rules());
            assert_eq!(decoded.rejections, vec![]);
            decoded.observations
        })
        .map(|o| Told {
            content_hash: events::observation::body_hash(o.fact.to_json().unwrap().as_bytes()),
            key: o.key,
            fact: o.fact,
            observed_at: o.stamp.observed_at,
            rank: o.stamp.rank,
            hash: o.stamp.hash,
            received_at: o.received_at,
            delivery: o.delivery,
        })
        .collect();
    Subject { account: "acme".to_owned(), subject: CONVERSATION.to_owned(), told, ..Subject::default() }
}

/// A message; `who` is `client`, an operator's id, `auto`, `note` or `system`.
fn message(id: u64, request: Option<u64>, clock: &str, who: &str) -> Value {
    let (hook, kind, operator) = match who {
        "client" => ("inbox", "from_client", Value::Null),
        "auto" => ("outbox", "autoreply", Value::Null),
        "note" => ("comment", "comment", json!(7001)),
        "system" => ("system_message", "system", Value::Null),
        operator => ("outbox", "to_client", json!(operator)),
    };
    json!({"hook_type": hook, "message_id": id, "type": kind, "text": "text", "transport": "telegram",
           "client_id": 330_001, "channel_id": 12, "dialog_id": 410_001, "operator_id": operator,
           "request_id": request, "event_time": format!("2026-01-15T{clock}Z")})
}

fn client(id: u64, clock: &str) -> Delivery {
    webhook(&message(id, Some(1), clock, "client"))
}

fn from(who: &str, id: u64, clock: &str) -> Delivery {
    webhook(&message(id, Some(1), clock, who))
}

fn closed(request: u64, clock: &str) -> Delivery {
    webhook(&json!({"hook_type": "close_request", "request_id": request, "client_id": 330_001,
                    "event_time": format!("2026-01-15T{clock}Z")}))
}

fn opened(request: u64, clock: &str, kind: &str, by_client: bool) -> Delivery {
    webhook(
        &json!({"hook_type": "new_request", "request_id": request, "client_id": 330_001, "channel_id": 12,
                    "dialog_id": 410_001, "transport": "telegram", "type": kind, "by_client": by_client,
                    "event_time": format!("2026-01-15T{clock}Z")}),
    )
}

fn transferred(operator: u64, clock: &str) -> Delivery {
    webhook(&json!({"hook_type": "dialog_transferred", "dialog_id": 410_001, "operator_id": operator,
                    "request_id": 1, "client_id": 330_001, "event_time": format!("2026-01-15T{clock}Z")}))
}

#[test]
fn several_questions_in_a_row_are_one_turn_timed_from_the_first() {
    // The vendor's own example: 0 s, operator 30 s, client 60 s, operator 150 s (reference/chat2desk.md 6.6).
    let rows = folded(&[
        client(1, "09:00:00"),
        client(2, "09:00:10"),
        from("7001", 3, "09:00:30"),
        from("7001", 4, "09:00:40"),
        client(5, "09:01:00"),
        from("7001", 6, "09:02:30"),
    ]);
    let request = &rows.requests[0];
    assert_eq!(request.frt_customer_seconds, Some(30.0));
    assert_eq!(request.average_reply_seconds, Some(60.0));
    assert_eq!((request.client_messages, request.operator_messages), (3, 3));
    assert_eq!(rows.turns.iter().map(|t| t.reply_seconds).collect::<Vec<_>>(), [Some(30.0), Some(90.0)]);
    assert_eq!(request.waiting_since, None);
}

#[test]
fn bots_notes_and_automatic_answers_are_no_replies() {
    let rows = folded(&[
        client(1, "09:00:00"),
        from("auto", 2, "09:00:01"),
        from("7009", 3, "09:00:02"),
        from("note", 4, "09:00:03"),
        from("system", 5, "09:00:04"),
    ]);
    let request = &rows.requests[0];
    assert_eq!(request.frt_customer_seconds, None);
    assert_eq!(request.waiting_since, Some(at("09:00:00")));
    assert_eq!((request.bot_messages, request.automation_messages, request.operator_messages), (1, 1, 0));
    assert!(rows.turns[0].bot_replied);
    assert_eq!(rows.turns[0].state, "waiting");
}

#[test]
fn closing_ends_a_turn_unanswered_and_a_later_reply_does_not_answer_it() {
    let rows = folded(&[client(1, "09:00:00"), closed(1, "10:00:00"), from("7001", 2, "10:00:05")]);
    assert_eq!(rows.turns[0].state, "closed_unanswered");
    assert_eq!(rows.turns[0].ended_at, Some(at("10:00:00")));
    let request = &rows.requests[0];
    assert_eq!((request.turns_unanswered, request.frt_customer_seconds), (1, None));
    assert_eq!(request.resolution_seconds, Some(3600.0));
}

#[test]
fn an_answer_within_the_second_of_the_close_counts() {
    let rows = folded(&[client(1, "09:00:00"), from("7001", 2, "09:00:05.400"), closed(1, "09:00:05")]);
    assert_eq!(rows.turns[0].state, "answered");
}

#[test]
fn a_bot_that_hands_over_starts_the_human_clock() {
    let rows = folded(&[
        client(1, "09:00:00"),
        from("7009", 2, "09:00:02"),
        transferred(7001, "09:05:00"),
        from("7001", 3, "09:06:00"),
    ]);
    let request = &rows.requests[0];
    assert_eq!(request.frt_customer_seconds, Some(360.0));
    assert_eq!(request.frt_human_seconds, Some(60.0));
    assert_eq!(request.queue_wait_seconds, Some(0.0));
    assert_eq!(request.transfers, 1);
    assert_eq!(request.holder_operator_id.as_deref(), Some("7001"));
}

#[test]
fn the_first_person_who_takes_a_new_chat_ends_the_queue() {
    let rows = folded(&[client(1, "09:00:00"), transferred(7001, "09:02:00"), from("7001", 2, "09:03:00")]);
    assert_eq!(rows.requests[0].queue_wait_seconds, Some(120.0));
    assert_eq!(rows.requests[0].transfers, 0);
}

#[test]
fn a_survey_and_a_company_first_request_have_no_durations() {
    let survey = [
        opened(1, "09:00:00", "common", true),
        client(1, "09:00:00"),
        from("7001", 2, "09:01:00"),
        closed(1, "09:02:00"),
        opened(2, "09:02:01", "rating", false),
        webhook(&message(3, Some(2), "09:02:01", "auto")),
        webhook(&message(4, Some(2), "09:03:00", "client")),
        closed(2, "09:04:00"),
    ];
    let rows = folded(&survey);
    assert_eq!(rows.requests[1].kind, "rating");
    assert_eq!(rows.requests[1].frt_customer_seconds, None);
    assert_eq!(rows.dialogs[0].requests, 1);
    assert_eq!(rows.dialogs[0].closed_at, Some(at("09:02:00")));

    let rows = folded(&[from("7001", 1, "09:00:00"), client(2, "09:10:00"), from("7001", 3, "09:20:00")]);
    assert_eq!(rows.requests[0].initiated_by, "company");
    assert_eq!(rows.requests[0].frt_customer_seconds, None);
    assert_eq!(rows.turns[0].reply_seconds, None);
    assert_eq!(rows.requests[0].first_reply_at, Some(at("09:00:00")));
}

#[test]
fn messages_without_a_request_are_cut_by_closes() {
    let close = |clock: &str| {
        webhook(&json!({"hook_type": "close_dialog", "dialog_id": 410_001, "client_id": 330_001,
                        "event_time": format!("2026-01-15T{clock}Z")}))
    };
    let without = |id, clock, who| webhook(&message(id, None, clock, who));
    let rows = folded(&[
        without(1, "09:00:00", "client"),
        without(2, "09:01:00", "7001"),
        close("09:05:00"),
        without(3, "09:05:10", "system"),
        without(4, "11:00:00", "client"),
    ]);
    let keys: Vec<_> =
        rows.requests.iter().map(|r| (r.request_key.as_str(), r.segmentation.as_str())).collect();
    assert_eq!(keys, [("derived:330001/12:1", "derived"), ("derived:330001/12:4", "derived")]);
    assert_eq!(rows.requests[0].closed_at, Some(at("09:05:00")));
    assert_eq!(rows.requests[1].waiting_since, Some(at("11:00:00")));
    assert_eq!(rows.requests[1].previous_request_key.as_deref(), Some("derived:330001/12:1"));
    let orphan = rows.messages.iter().find(|m| m.message_id == "3").unwrap();
    assert_eq!(orphan.request_key, None);
}

#[test]
fn a_message_without_a_request_within_the_time_of_a_given_one_is_its() {
    let rows = folded(&[client(1, "09:00:00"), webhook(&message(2, None, "09:01:00", "7001"))]);
    assert_eq!(rows.requests.len(), 1);
    assert_eq!(rows.requests[0].frt_customer_seconds, Some(60.0));
}

#[test]
fn a_request_whose_close_is_missing_is_superseded_by_the_next() {
    let rows = folded(&[client(1, "09:00:00"), webhook(&message(2, Some(2), "15:00:00", "client"))]);
    assert_eq!(rows.requests[0].close_reason.as_deref(), Some("superseded"));
    assert_eq!(rows.requests[0].closed_at, Some(at("15:00:00")));
    assert_eq!(rows.turns[0].state, "closed_unanswered");
    assert_eq!(rows.requests[1].closed_at, None);
}

#[test]
fn the_webhook_time_is_finer_and_the_list_time_is_surer() {
    let listed = |created: &str| {
        row(
            "messages",
            &json!({"id": 1, "type": "from_client", "text": "text", "client_id": 330_001, "channel_id": 12,
            "request_id": 1, "transport": "telegram", "created": format!("2026-01-15T{created} UTC")}),
        )
    };
    assert_eq!(
        folded(&[client(1, "09:00:00.250"), listed("09:00:00")]).messages[0].sent_at,
        at("09:00:00.250")
    );
    assert_eq!(folded(&[client(1, "09:30:00"), listed("09:00:00")]).messages[0].sent_at, at("09:00:00"));
}

#[test]
fn an_import_counts_only_once_its_time_is_known() {
    let mut body = message(1, Some(1), "09:00:00", "client");
    body["hook_type"] = json!("imported_message");
    let imported = webhook(&body);
    let rows = folded(std::slice::from_ref(&imported));
    assert_eq!(rows.messages[0].time_quality, "unconfirmed");
    assert_eq!((rows.requests[0].client_messages, rows.turns.len()), (0, 0));

    let listed = row(
        "messages",
        &json!({"id": 1, "type": "from_client", "client_id": 330_001, "channel_id": 12, "request_id": 1,
                "created": "2025-12-01T08:00:00 UTC"}),
    );
    let rows = folded(&[imported, listed]);
    assert_eq!((rows.messages[0].time_quality.as_str(), rows.turns.len()), ("ok", 1));
    assert_eq!(rows.requests[0].opened_at, "2025-12-01T08:00:00Z".parse::<DateTime<Utc>>().unwrap());
}

#[test]
fn a_time_far_ahead_of_its_receipt_is_not_believed() {
    let mut delivery = client(1, "09:00:00");
    delivery.received_at = at("08:00:00");
    let rows = folded(&[delivery]);
    assert_eq!(
        (rows.messages[0].time_quality.as_str(), rows.messages[0].sent_at),
        ("future", at("08:00:00"))
    );
}

#[test]
fn asked_at_night_and_answered_in_the_morning_is_short_in_business_time() {
    let rows = folded(&[client(1, "03:00:00"), from("7001", 2, "09:10:00")]);
    let request = &rows.requests[0];
    assert_eq!(request.frt_customer_seconds, Some(6.0 * 3600.0 + 600.0));
    assert_eq!(request.frt_customer_business_seconds, Some(600.0));
}

#[test]
fn a_menu_choice_asks_nothing_and_false_is_no_choice() {
    let chosen = |is_menu: Value| {
        let mut body = message(1, Some(1), "09:00:00", "client");
        body["is_menu"] = is_menu;
        folded(&[webhook(&body)]).turns.len()
    };
    assert_eq!(chosen(json!("prices")), 0);
    for none in [json!(null), json!(false), json!(0), json!("")] {
        assert_eq!(chosen(none.clone()), 1, "{none}");
    }
}

#[test]
fn a_close_of_the_dialog_during_the_survey_is_the_contacts() {
    let close = webhook(&json!({"hook_type": "close_dialog", "dialog_id": 410_001, "client_id": 330_001,
                                "event_time": "2026-01-15T10:30:02Z"}));
    let rows = folded(&[client(1, "10:00:00"), opened(2, "10:30:00", "rating", false), close]);
    assert_eq!(rows.requests[0].closed_at, Some(at("10:30:02")));
    assert_eq!(rows.requests[0].close_reason.as_deref(), Some("unknown"));
}

#[test]
fn a_small_body_of_a_million_items_is_one_reject() {
    let many = webhook(&Value::Array(vec![json!(0); 100_000]));
    assert_eq!(decode(&many, rules()).rejections.len(), 1);
}

#[test]
fn the_deep_link_opens_the_dialog() {
    let rows = folded(&[client(1, "09:00:00")]);
    let url = "https://web.example.org/chat/all?dialogID=410001&minifiedView=3";
    assert_eq!(rows.dialogs[0].web_url.as_deref(), Some(url));
}

proptest! {
    /// Promise 3 for one conversation: any order and any repetition of the same deliveries fold to the same rows.
    #[test]
    fn order_and_repetition_cannot_matter(
        steps in proptest::collection::vec((1_u64..40, 0_u64..4, 0_u32..7200, 0_usize..6, any::<bool>()), 1..40),
        order in any::<u64>(),
    ) {
        let clock = |second: u32| format!("{:02}:{:02}:{:02}.{:03}", 8 + second / 3600, second / 60 % 60, second % 60, second % 7 * 100);
        let deliveries: Vec<Delivery> = steps.iter().flat_map(|&(id, request, second, who, listed)| {
            let request = (request > 0).then_some(request);
            let who = ["client", "7001", "7002", "7009", "auto", "note"][who];
            let mut all = vec![webhook(&message(id, request, &clock(second), who))];
            if listed {
                all.push(row("messages", &json!({"id": id, "type": "from_client", "client_id": 330_001, "channel_id": 12,
                    "operator_id": 7001, "created": format!("2026-01-15T{} UTC", &clock(second)[..8])})));
            }
            match (second % 5, request) {
                (0, Some(request)) => all.push(closed(request, &clock(second)[..8])),
                (1, Some(request)) => all.push(opened(request, &clock(second), if second % 2 == 0 { "rating" } else { "common" }, true)),
                (2, _) => all.push(transferred(7000 + u64::from(second % 3), &clock(second))),
                _ => {}
            }
            all
        }).collect();
        let mut shuffled: Vec<Delivery> = deliveries.iter().chain(deliveries.iter().step_by(2)).cloned().collect();
        let mut state = order;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(folded(&deliveries), folded(&shuffled));
    }

    /// No bytes make the decoder panic, and every delivery has a fate.
    #[test]
    fn any_bytes_have_a_fate(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let delivery = Delivery { body: Bytes::from(body), ..client(1, "09:00:00") };
        let decoded = decode(&delivery, rules());
        prop_assert!(decoded.read > 0 || !decoded.rejections.is_empty());
    }
}

mod accounts;
mod chance;
mod invariants;
mod ladder;
/// Shared with the scenarios of `tests`, which cannot be a dependency here: they depend on this crate.
#[expect(unreachable_pub, reason = "a public module where it is at home")]
#[path = "../../../../tests/src/random_account/mod.rs"]
mod random_account;
mod saved;
mod scores;
mod scripts;
mod system;
