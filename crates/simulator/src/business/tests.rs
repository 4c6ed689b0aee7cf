use chrono::TimeZone;

use serde_json::Value;

use super::*;
use crate::chat2desk::control::{Register, register};
use crate::chat2desk::model::{MessageKind, Rating, RequestKind};
use crate::chat2desk::truth;

fn plan(clients: u32, days: u32, seed: u64) -> Plan {
    let account = Account::new("acme", "example-api-token", "Tien-Shan Outdoor", chrono_tz::Asia::Almaty);
    let until = Utc.with_ymd_and_hms(2026, 1, 30, 9, 30, 0).unwrap();
    Plan { account, clients, days, seed, until }
}

fn written(world: &World) -> Vec<String> {
    world.messages.values().map(|message| format!("{message:?}")).collect()
}

#[test]
fn the_same_seed_makes_the_same_world_and_another_seed_another() {
    let (one, _) = plan(60, 5, 7).build();
    let (same, _) = plan(60, 5, 7).build();
    let (other, _) = plan(60, 5, 8).build();
    assert!(one.messages.len() > 500, "{}", one.messages.len());
    assert_eq!(written(&one), written(&same));
    assert_eq!(truth::counts(&one), truth::counts(&same));
    assert_ne!(written(&one), written(&other));
}

#[test]
fn living_in_small_steps_is_living_in_one() {
    let (mut one, mut all_at_once) = plan(60, 4, 3).build();
    let (mut two, mut in_steps) = plan(60, 4, 3).build();
    let end = one.now() + TimeDelta::hours(30);
    all_at_once.advance_to(&mut one, end);
    while two.now() < end {
        let next = (two.now() + TimeDelta::seconds(977)).min(end);
        in_steps.advance_to(&mut two, next);
    }
    assert_eq!(written(&one), written(&two));
}

#[test]
fn a_month_of_two_thousand_clients_has_the_size_and_the_variety_of_a_real_one() {
    let (world, business) = plan(2_000, 30, 1).build();
    assert!((40_000..=60_000).contains(&world.messages.len()), "{}", world.messages.len());
    assert!((1_800..=2_000).contains(&world.clients.len()), "{}", world.clients.len());
    assert_eq!(business.overtaken, 0);
    let kinds = [
        MessageKind::FromClient,
        MessageKind::ToClient,
        MessageKind::Autoreply,
        MessageKind::System,
        MessageKind::Comment,
        MessageKind::Survey,
    ];
    for kind in kinds {
        let count = world.messages.values().filter(|message| message.kind == kind).count();
        assert!(count > 100, "{kind:?} {count}");
    }
    assert!(world.messages.values().any(|message| message.imported));
    let requests = || world.requests.values().filter(|request| request.kind == RequestKind::Common);
    let share = |count: usize| count as f64 / requests().count() as f64;
    let unanswered = requests()
        .filter(|request| request.closed.is_some() && request.by_client)
        .filter(|request| truth::by_person(&world, request).first_reply.is_none());
    assert!((0.02..0.2).contains(&share(unanswered.count())));
    let transferred = requests().filter(|request| request.first_operator != request.operator);
    assert!((0.05..0.6).contains(&share(transferred.count())));
    let low = world.ratings.iter().filter(|rating| rating.score <= 2).count();
    assert!(low > 20 && world.ratings.len() > 5 * low / 2, "{low} of {}", world.ratings.len());
    assert!(requests().any(|request| !request.by_client));
    assert!(requests().any(|request| request.closed.is_none()));
    for transport in ["whatsapp", "viber", "telegram", "widget", "insta_direct"] {
        assert!(requests().filter(|request| request.transport == transport).count() > 50, "{transport}");
    }
    // Night messages wait for the morning; the quickest colleague is quicker than the slowest.
    let median = |operator: Id| {
        let mut waits: Vec<_> = requests()
            .map(|request| truth::by_person(&world, request))
            .filter(|found| found.first_replier == Some(operator))
            .filter_map(|found| found.waits.first().copied())
            .collect();
        waits.sort();
        waits[waits.len() / 2]
    };
    assert!(median(7_001) < median(7_008));
    assert!(requests().any(|request| {
        truth::by_person(&world, request).waits.first().is_some_and(|wait| *wait > TimeDelta::hours(8))
    }));
}

#[test]
fn every_message_lies_in_its_request_and_every_thread_has_one_dialog() {
    let (world, _) = plan(300, 12, 5).build();
    let mut listed = 0;
    for request in world.requests.values() {
        listed += request.messages.len();
        let ids = &request.messages;
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        for id in ids {
            let message = &world.messages[id];
            assert_eq!((message.request, message.thread), (request.id, request.thread));
            assert_eq!(message.dialog, request.dialog);
            assert!(message.imported || message.created >= request.opened);
            assert!(message.imported || request.closed.is_none_or(|closed| message.created <= closed));
        }
        assert!(request.closed.is_none_or(|closed| closed >= request.opened));
    }
    assert_eq!(listed, world.messages.len());
    let mut threads: Vec<_> = world.dialogs.values().map(|dialog| dialog.thread).collect();
    let dialogs = threads.len();
    threads.sort();
    threads.dedup();
    assert_eq!(threads.len(), dialogs);
    for dialog in world.dialogs.values() {
        let own = world.messages.values().filter(|message| message.dialog == Some(dialog.id));
        assert_eq!(own.clone().count() as u64, dialog.messages);
        assert_eq!(own.map(|message| message.id).max(), dialog.last_message);
    }
    let ids: Vec<_> = world.messages.values().filter(|message| !message.imported).collect();
    assert!(ids.windows(2).all(|pair| pair[0].created <= pair[1].created), "ids grow with time");
}

#[test]
fn a_live_phase_brings_whole_chats_within_its_minute() {
    let (mut world, mut business) = plan(40, 2, 2).build();
    let (begin, before) = (world.now(), world.requests.len());
    business.go_live(Live { chats_per_minute: 30.0, haste: 60.0, seconds: 60 }, begin);
    business.advance_to(&mut world, begin + TimeDelta::seconds(90));
    let fresh: Vec<_> = world.requests.values().skip(before).collect();
    assert!((20..120).contains(&fresh.len()), "{}", fresh.len());
    let answered = fresh.iter().filter(|request| truth::by_person(&world, request).first_reply.is_some());
    assert!(answered.count() > fresh.len() / 4);
}

#[test]
fn scores_come_by_both_roads_or_by_one_and_some_are_taken_back() {
    let (world, _) = plan(2_000, 30, 1).build();
    let count = |wanted: fn(&Rating) -> bool| world.ratings.iter().filter(|rating| wanted(rating)).count();
    let all = world.ratings.len();
    assert!(all > 500, "{all}");
    assert!(count(|rating| rating.tag.is_some() && rating.reported) > all * 7 / 10);
    let one_road = [count(|rating| !rating.reported), count(|rating| rating.tag.is_none())];
    assert!(one_road.iter().all(|count| (all / 50..all / 8).contains(count)), "{one_road:?} of {all}");
    let withdrawn = count(|rating| rating.withdrawn.is_some());
    assert!((all / 100..all / 8).contains(&withdrawn), "{withdrawn} of {all}");
    assert!(world.ratings.iter().all(|rating| rating.withdrawn.is_none_or(|at| at > rating.created)));
    for score in 1..=5 {
        assert!(world.ratings.iter().any(|rating| rating.score == score));
    }
    // A survey bears its score's tag exactly while the score stands; contacts bear topics.
    for rating in &world.ratings {
        let tags = &world.requests[&rating.survey].tags;
        let standing = rating.tag.filter(|_| rating.withdrawn.is_none());
        assert_eq!(tags.iter().copied().collect::<Vec<_>>(), Vec::from_iter(standing));
    }
    let contacts = world.requests.values().filter(|request| request.kind == RequestKind::Common);
    let tagged = contacts.filter(|request| request.tags.iter().any(|tag| (621..=625).contains(tag)));
    assert!(tagged.count() > 500);
}

#[test]
fn topics_are_corrected_by_webhooks_that_take_them_off() {
    let (mut world, _) = plan(400, 10, 2).build_with(|world| {
        let everything = Register { url: "http://h/".into(), events: None, channels: vec![], old: false };
        register(world, everything);
    });
    let due = world.webhooks.outbox.take_due(DateTime::<Utc>::MAX_UTC, usize::MAX);
    let bodies: Vec<Value> = due.iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect();
    let of = |kind: &str, group: &str| {
        let found = bodies.iter().filter(|body| body["hook_type"] == kind && body["group_name"] == group);
        found.count()
    };
    let (put, off) = (of("add_tag_to_request", "Topics"), of("delete_tag_from_request", "Topics"));
    assert!(off > 5 && put > 5 * off, "{put} put, {off} taken off");
    assert!(of("add_tag_to_request", "Scores") > 30 && of("delete_tag_from_request", "Scores") > 0);
}
