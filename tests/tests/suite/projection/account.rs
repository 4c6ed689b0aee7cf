//! An account's worth of deliveries, from chance.

use chrono::{DateTime, Utc};
use events::{Capture, Delivery, DeliveryIds, PagePart, Platform, Road};
use serde_json::{Value, json};

use crate::chance::Chance;

pub(crate) fn at(second: u32) -> DateTime<Utc> {
    "2026-01-15T04:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::Duration::seconds(second.into())
}

pub(crate) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// An account's worth of deliveries: webhooks of some conversations, and the lists that a backfill would bring.
pub(crate) fn deliveries(chance: &mut Chance) -> Vec<Delivery> {
    let mut all = Vec::new();
    let mut message_id = 900_000 + u64::from(chance.below(1000)) * 1000;
    for client in 1..=4_u64 {
        let channel = 11 + client % 2;
        let dialog = 410_000 + client;
        let mut second = chance.below(3600);
        for request in 0..3_u64 {
            let request_id = 8_800_000 + client * 10 + request;
            let with_ids = chance.below(4) > 0;
            let request_value = if with_ids { json!(request_id) } else { Value::Null };
            let operator = 7001 + chance.below(2);
            if chance.below(2) == 0 && with_ids {
                all.push(webhook(
                    second,
                    &json!({"hook_type": "new_request", "request_id": request_id,
                    "client_id": client, "channel_id": channel, "transport": "telegram", "type": "common",
                    "by_client": true, "event_time": iso(at(second))}),
                ));
            }
            for _ in 0..=chance.below(5) {
                message_id += 1;
                second += chance.below(200);
                let (hook, kind, by) = match chance.below(5) {
                    0 | 1 => ("inbox", "from_client", Value::Null),
                    2 | 3 => ("outbox", "to_client", json!(operator)),
                    _ => ("outbox", "to_client", json!(7009)),
                };
                let body = json!({"hook_type": hook, "message_id": message_id, "type": kind, "text": "text",
                    "transport": "telegram", "client_id": client, "channel_id": channel, "dialog_id": dialog,
                    "operator_id": by, "request_id": request_value, "event_time": iso(at(second)),
                    "client": {"id": client, "phone": format!("7701000000{client}"), "name": format!("Client {client}")}});
                if chance.below(3) > 0 {
                    all.push(webhook(second, &body));
                }
                // The list as today; and as in 2016, when a row named no channel and no request.
                let mut listed = json!({"id": message_id, "type": kind, "text": "text", "transport": "telegram",
                    "client_id": client, "operator_id": by, "created": at(second).format("%Y-%m-%dT%H:%M:%S UTC").to_string()});
                if chance.below(3) > 0 {
                    listed["channel_id"] = json!(channel);
                    listed["dialog_id"] = json!(dialog);
                    listed["request_id"] = request_value.clone();
                }
                // Merged into another client, or moved to another channel, before the list was fetched.
                match chance.below(20) {
                    0 => listed["client_id"] = json!(client + 40),
                    1 => listed["channel_id"] = json!(99),
                    _ => {}
                }
                all.push(row("messages", &listed));
            }
            second += 60;
            if chance.below(2) == 0 {
                all.push(webhook(second, &json!({"hook_type": "dialog_transferred", "dialog_id": dialog,
                    "operator_id": 7001 + chance.below(2), "request_id": request_id, "event_time": iso(at(second))})));
            }
            // Neither names a channel: they find their conversation through links.
            match chance.below(3) {
                0 => all.push(webhook(
                    second,
                    &json!({"hook_type": "close_request", "request_id": request_id,
                    "client_id": client, "event_time": iso(at(second))}),
                )),
                1 => all.push(webhook(
                    second,
                    &json!({"hook_type": "close_dialog", "dialog_id": dialog,
                    "client_id": client, "event_time": iso(at(second))}),
                )),
                _ => {}
            }
            if chance.below(2) == 0 && with_ids {
                let local = |time: DateTime<Utc>| {
                    (time + chrono::Duration::hours(5)).format("%Y-%m-%d %H:%M:%S").to_string()
                };
                all.push(row("statistics?report=request_stats", &json!({"request_id": request_id, "request_type": "common",
                    "request_start": local(at(second - 60)), "request_end": local(at(second)), "client_id": client,
                    "channel_id": channel, "operator_id": operator})));
            }
            survey(chance, &mut all, [client, channel, request_id], second + 30);
            second += 600 + chance.below(3600);
        }
        all.push(row("dialogs", &json!({"id": dialog, "state": if chance.below(2) == 0 { "open" } else { "closed" },
            "begin": "2026-01-15T04:00:00 UTC", "end": null, "operator_id": 7002, "last_request_id": 8_800_000 + client * 10})));
        all.push(row("clients", &json!({"id": client, "phone": format!("7701000000{client}"), "assigned_name": "VIP", "tags": ["a"]})));
    }
    all.push(row(
        "operators",
        &json!({"id": 7001, "first_name": "Operator", "last_name": "One", "role": "operator"}),
    ));
    all.push(row("channels", &json!({"id": 12, "name": "first", "transports": ["telegram"]})));
    all.push(row("tags", &json!({"id": 612, "label": "score-2", "group_name": "Scores"})));
    all.push(row("operators_groups", &json!({"id": 5, "name": "Sales", "operator_ids": [7001]})));
    all
}

/// What comes of asking for a score: the survey's own request, its tag, and the row of the report, each maybe.
fn survey(chance: &mut Chance, all: &mut Vec<Delivery>, ids: [u64; 3], second: u32) {
    let [client, channel, rated] = ids;
    // In accounts without surveys, operators tag the contact itself.
    let valuation = if chance.below(4) == 0 { rated } else { rated + 5_000_000 };
    if valuation != rated && chance.below(4) > 0 {
        all.push(webhook(
            second,
            &json!({"hook_type": "new_request", "request_id": valuation, "client_id": client,
            "channel_id": channel, "type": "rating", "by_client": false, "event_time": iso(at(second))}),
        ));
    }
    let tagging = |hook: &str, tag: u64, second: u32, with_client: bool| {
        let label = if tag == 612 { "score-2" } else { "score-5" };
        let client = if with_client { json!(client) } else { Value::Null };
        let body = json!({"hook_type": hook, "id": tag, "request_id": valuation, "client_id": client,
            "channel_id": if with_client { json!(channel) } else { Value::Null }, "label": label,
            "event_time": iso(at(second))});
        webhook(second, &body)
    };
    let tag = 612 + u64::from(chance.below(2));
    let with_client = chance.below(2) == 0;
    if chance.below(3) > 0 {
        all.push(tagging("add_tag_to_request", tag, second + 20, with_client));
        if chance.below(3) == 0 {
            all.push(tagging("delete_tag_from_request", tag, second + 50, with_client));
        }
        if chance.below(4) == 0 {
            all.push(tagging("add_tag_to_request", 1225 - tag, second + 50, with_client));
        }
    }
    if chance.below(2) == 0 {
        let valuation = if valuation == rated { Value::Null } else { json!(valuation) };
        all.push(row(
            "statistics?report=rating",
            &json!({"valuation_request_id": valuation, "request_id": rated, "rating_scale_id": 3,
            "rating_scale_score": chance.below(6), "operator_id": 7001, "created_at": "2026-01-15 09:30:00"}),
        ));
    }
}

pub(crate) fn webhook(second: u32, body: &Value) -> Delivery {
    delivery(Road::Webhook, Capture::default(), body, at(second + 1))
}

pub(crate) fn row(list: &str, body: &Value) -> Delivery {
    let fetched_at = at(40_000);
    let page = Some(if list.contains('?') { list.to_owned() } else { format!("{list}?limit=200") });
    let capture =
        Capture { page, part: Some(PagePart::Row(0)), fetched_at: Some(fetched_at), ..Capture::default() };
    delivery(Road::Backfill, capture, body, fetched_at)
}

fn delivery(road: Road, capture: Capture, body: &Value, received_at: DateTime<Utc>) -> Delivery {
    Delivery {
        id: DeliveryIds::random().next(received_at),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at,
        capture,
        body: serde_json::to_vec(body).unwrap().into(),
    }
}
