//! Signatures, repeats, switching off, bad luck.

use super::*;
use crate::chat2desk::webhooks::{Ended, key, sign};

#[test]
fn the_signature_is_that_of_the_references_test_vector() {
    let body = br#"{"hook_type":"inbox","message_id":900001,"event_time":"2026-01-15T09:30:00.125000Z"}"#;
    assert_eq!(key(TOKEN), "5703804316e33bd7ad8510dbcc08cc1c");
    let expected = "0c89ce8dce82dd0787e0bf258e19f45f1e66d2c55a382261c1977b660e5accb6";
    assert_eq!(sign(&key(TOKEN), body, 1_768_469_400), expected);
}

#[test]
fn a_refused_delivery_is_repeated_after_ten_seconds_five_minutes_and_two_hours() {
    let mut world = hooked(quiet());
    let began = world.now();
    does(&mut world, None, Doing::Client, 0);
    let mut now = began;
    let first = world.webhooks.outbox.take_due(now, 1).remove(0);
    let rest = world.webhooks.outbox.take_due(now, usize::MAX);
    for delivery in rest {
        world.webhooks.settle(delivery, &Ended::Accepted, now);
    }
    let mut again = first.clone();
    for wait in [TimeDelta::seconds(10), TimeDelta::minutes(5), TimeDelta::hours(2)] {
        world.webhooks.settle(again, &Ended::Failed("response code 500".into()), now);
        assert!(world.webhooks.outbox.take_due(now + wait - TimeDelta::milliseconds(1), 9).is_empty());
        now += wait;
        again = world.webhooks.outbox.take_due(now, 9).remove(0);
        assert_eq!(
            (&again.body, again.timestamp, &again.signature),
            (&first.body, first.timestamp, &first.signature)
        );
    }
    world.webhooks.settle(again, &Ended::Failed("timeout".into()), now);
    assert_eq!((world.webhooks.outbox.pending(), world.webhooks.outbox.tally.given_up), (0, 1));
    assert_eq!(get(&mut world, "/v1/webhooks")["data"][0]["errors"][3]["text"], "timeout");
}

#[test]
fn five_hours_without_a_success_switch_a_webhook_off() {
    let mut world = hooked(quiet());
    let mut client = None;
    for _ in 0..6 {
        assert!(world.webhooks.list[0].enabled);
        client = client.or(does(&mut world, client, Doing::Client, 3_600_000)["client_id"].as_i64());
        let now = world.now();
        for delivery in world.webhooks.outbox.take_due(now, usize::MAX) {
            world.webhooks.settle(delivery, &Ended::Failed("response code 503".into()), now);
        }
    }
    assert!(!world.webhooks.list[0].enabled);
    assert_eq!(world.webhooks.outbox.pending(), 0);
    does(&mut world, client, Doing::Client, 1);
    assert_eq!(world.webhooks.outbox.pending(), 0, "a webhook that is off gets nothing");
}

#[test]
fn mishaps_double_delay_and_drop_deliveries() {
    let mut world = hooked(quiet());
    world.webhooks.outbox.mishaps = Mishaps { duplicate: 1.0, ..Mishaps::default() };
    let client = does(&mut world, None, Doing::Client, 0)["client_id"].as_i64();
    assert_eq!(sent(&mut world).len(), 6);
    world.webhooks.outbox.mishaps = Mishaps { drop: 1.0, ..Mishaps::default() };
    does(&mut world, client, Doing::Client, 0);
    assert_eq!(sent(&mut world).len(), 0);
    world.webhooks.outbox.mishaps = Mishaps { delay: 1.0, ..Mishaps::default() };
    does(&mut world, client, Doing::Client, 0);
    let now = world.now();
    assert!(world.webhooks.outbox.take_due(now, 9).is_empty());
    assert_eq!(world.webhooks.outbox.take_due(now + TimeDelta::minutes(10), 9).len(), 1);
}
