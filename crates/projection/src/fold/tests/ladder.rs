//! Rungs of the segmentation ladder and rules of design.md 7.6 that random accounts and the independent fold of `tests`
//! found missing.

use super::*;

fn dialog_closed(clock: &str) -> Delivery {
    webhook(&json!({"hook_type": "close_dialog", "dialog_id": 410_001, "client_id": 330_001,
                    "event_time": format!("2026-01-15T{clock}Z")}))
}

#[test]
fn a_message_that_says_it_opened_a_request_opens_one() {
    // Rung 2 of the ladder (reference/chat2desk.md 6.4): `is_new_request` is a boundary.
    let without = |id, clock, new: bool| {
        let mut body = message(id, None, clock, "client");
        body["is_new_request"] = json!(new);
        webhook(&body)
    };
    let rows = folded(&[
        client(1, "09:00:00"),
        without(2, "09:10:00", false),
        without(3, "12:00:00", true),
        without(4, "12:01:00", false),
    ]);
    let keys: Vec<_> = rows.messages.iter().map(|m| m.request_key.as_deref().unwrap()).collect();
    let derived = "derived:330001/12:3";
    assert_eq!(keys, ["1", "1", derived, derived]);
    assert_eq!(rows.requests[0].close_reason.as_deref(), Some("superseded"));

    // The event and the message open one and the same request, in any order.
    let rows =
        folded(&[client(1, "09:00:00"), opened(2, "12:00:00", "common", true), without(3, "12:00:00", true)]);
    assert_eq!(rows.messages[1].request_key.as_deref(), Some("2"));
    assert_eq!(rows.requests.len(), 2);
}

#[test]
fn who_writes_after_a_close_without_naming_the_request_begins_another_one() {
    // Found by the independent fold: the later close was taken for the first request's, and the message with it.
    let rows = folded(&[
        client(1, "09:00:00"),
        dialog_closed("09:30:00"),
        webhook(&message(2, None, "11:00:00", "client")),
        dialog_closed("11:30:00"),
    ]);
    let seen: Vec<_> = rows.requests.iter().map(|r| (r.request_key.as_str(), r.closed_at)).collect();
    let (first, second) = (Some(at("09:30:00")), Some(at("11:30:00")));
    assert_eq!(seen, [("1", first), ("derived:330001/12:2", second)]);
}

#[test]
fn a_close_after_the_survey_does_not_move_the_contacts() {
    // `closed_at` of a dialog is the close of its last contact: a survey moves it not (design.md 7.6).
    let rows = folded(&[
        client(1, "09:00:00"),
        dialog_closed("09:30:00"),
        opened(2, "09:30:01", "rating", false),
        webhook(&message(3, Some(2), "09:31:00", "client")),
        dialog_closed("09:32:00"),
    ]);
    assert_eq!(rows.requests[0].closed_at, Some(at("09:30:00")));
    assert_eq!(rows.dialogs[0].closed_at, Some(at("09:30:00")));
}

#[test]
fn a_turn_that_closing_ended_ends_when_it_was_asked_at_the_earliest() {
    // Within one second the question may be timed after the close; another message follows later.
    let rows = folded(&[client(1, "09:00:05.900"), closed(1, "09:00:05.100"), from("note", 2, "09:00:09")]);
    assert_eq!(rows.turns[0].ended_at, Some(at("09:00:05.900")));
}

#[test]
fn a_bot_that_hands_over_to_a_group_starts_the_human_clock_and_the_queue() {
    // 7.6: an explicit transfer to a person or group; the wait is from the release to the first person.
    let to_group =
        webhook(&json!({"hook_type": "dialog_transferred", "dialog_id": 410_001, "operator_id": null,
        "request_id": 1, "client_id": 330_001, "event_time": "2026-01-15T09:05:00Z"}));
    let rows = folded(&[
        client(1, "09:00:00"),
        from("7009", 2, "09:00:02"),
        to_group,
        transferred(7001, "09:08:00"),
        from("7001", 3, "09:09:00"),
    ]);
    let request = &rows.requests[0];
    assert_eq!(request.frt_human_seconds, Some(240.0));
    assert_eq!(request.queue_wait_seconds, Some(180.0));
    assert_eq!((request.transfers, rows.assignments.len()), (1, 2));
}

#[test]
fn only_a_bot_makes_a_turn_that_a_bot_replied_to() {
    // 7.6: `bot_replied` is of author kind `bot` only.
    let replied = |who| folded(&[client(1, "09:00:00"), from(who, 2, "09:00:02")]).turns[0].bot_replied;
    assert_eq!((replied("7009"), replied("auto")), (true, false));
}

#[test]
fn a_reported_close_in_a_repeated_hour_is_the_later_one_when_messages_say_so() {
    // The clocks went back at 01:00 UTC: 02:30 was at 00:30 and at 01:30 UTC.
    let rules = AccountRules { zone: chrono_tz::Europe::Berlin, ..AccountRules::default() };
    let said = |id: u64, clock: &str| {
        let mut body = message(id, Some(1), "09:00:00", "client");
        body["event_time"] = json!(format!("2026-10-25T{clock}Z"));
        webhook(&body)
    };
    let report = Delivery {
        received_at: "2026-10-26T09:00:00Z".parse().unwrap(),
        ..row(
            "statistics?report=request_stats",
            &json!({"request_id": 1, "request_type": "common", "request_start": "2026-10-25 02:10:00",
                "request_end": "2026-10-25 02:30:00", "client_id": 330_001, "channel_id": 12}),
        )
    };
    let closed_at = |deliveries: &[Delivery]| {
        let observed = deliveries.iter().flat_map(|d| decode(d, &rules).observations);
        let told = observed.map(|o| Told {
            content_hash: 0,
            key: o.key,
            fact: o.fact,
            observed_at: o.stamp.observed_at,
            rank: o.stamp.rank,
            hash: o.stamp.hash,
            received_at: o.received_at,
            delivery: o.delivery,
        });
        let told = told.collect();
        let subject = Subject {
            account: "acme".to_owned(),
            subject: CONVERSATION.to_owned(),
            told,
            ..Subject::default()
        };
        fold(&subject, &rules).requests[0].closed_at.unwrap().to_rfc3339()
    };
    assert_eq!(closed_at(std::slice::from_ref(&report)), "2026-10-25T00:30:00+00:00");
    assert_eq!(closed_at(&[said(1, "00:20:00"), report.clone()]), "2026-10-25T00:30:00+00:00");
    assert_eq!(closed_at(&[said(1, "00:20:00"), said(2, "01:05:00"), report]), "2026-10-25T01:30:00+00:00");
}

#[test]
fn an_id_of_which_only_the_close_is_known_names_the_derived_request_that_it_closed() {
    let without = |id, clock, who| webhook(&message(id, None, clock, who));
    let rows = folded(&[
        without(1, "09:00:00", "client"),
        without(2, "09:01:00", "7001"),
        closed(8, "09:05:00"),
        without(3, "11:00:00", "client"),
    ]);
    let seen: Vec<_> =
        rows.requests.iter().map(|r| (r.request_key.as_str(), &*r.segmentation, r.closed_at)).collect();
    assert_eq!(seen, [("8", "given", Some(at("09:05:00"))), ("derived:330001/12:3", "derived", None)]);
    assert_eq!(rows.requests[0].frt_customer_seconds, Some(60.0));
    // The survey's tag finds it, too: derived keys are for nobody to point at.
    assert_eq!(rows.messages[0].request_key.as_deref(), Some("8"));
}
