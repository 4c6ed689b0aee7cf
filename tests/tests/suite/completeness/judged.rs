//! Whether what differs is missing, too many, moved, rejected or never read.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_fetching_does_not_change_is_left_until_something_of_it_changes() {
    let scene = Scene::new().await;
    scene.read().await;
    let day = day("2026-01-21");
    let stored = i64::try_from(scene.messages().values().filter(|of| **of == day).count()).unwrap();
    // The last word of the platform: one more than it lists.
    scene.projected.take(&[counted(day, stored + 1, "2026-06-01T00:00:00Z")]).await;
    let mut fetched = Vec::new();
    for _ in 0..4 {
        for _ in 0..4 {
            let look = scene.look().await;
            assert_eq!(look.red, [day]);
            fetched.push(look.refetched.len());
            scene.clock.advance(chrono::Duration::hours(1));
        }
        scene.clock.advance(chrono::Duration::hours(20));
    }
    assert_eq!(fetched, [1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let state = &scene.written().await[&(day, "messages".to_owned())];
    assert_eq!(state, "red: 1 missing; fetching it again changes nothing");

    scene.projected.take(&[counted(day, stored + 2, "2026-06-02T00:00:00Z")]).await;
    assert_eq!(scene.look().await.refetched, [day]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_too_many_does_not_hide_one_that_is_missing() {
    let scene = Scene::new().await;
    let lost = scene.read_with_a_loss().await;
    // Of the same day, at noon, and the platform does not list it.
    let only_heard = message(1, 80, None, &format!("{lost}T07:00:00Z"));
    scene.projected.take(&[webhook(&only_heard, None)]).await;
    let look = scene.look().await;
    assert_eq!((look.red, look.refetched), (vec![lost], vec![lost]));
    let state = async || scene.written().await[&(lost, "messages".to_owned())].clone();
    assert_eq!(state().await, "red: 1 missing, 1 more than the platform shows");
    assert_eq!(scene.look().await.red, Vec::<NaiveDate>::new());
    assert_eq!(state().await, "explained: 1 more stored than the platform shows now");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_report_that_could_not_be_decoded_is_ours_and_not_moved_by_the_platform() {
    let scene = Projected::by(AccountRules { zone: ZONE, ..AccountRules::default() }).await;
    let fetched = "2026-01-17T09:00:00Z";
    let asked = "statistics?report=rating&date=2026-01-15&limit=200&offset=0";
    let good = json!({"valuation_request_id": 81, "request_id": 80, "rating_scale_id": 1, "rating_scale_score": 5,
        "created_at": "2026-01-15 10:00:00"});
    let bad = json!({"rating_scale_id": 1, "rating_scale_score": 5, "created_at": "2026-01-15 11:00:00"});
    scene
        .take(&[
            webhook(&message(9, 79, None, "2026-01-14T05:00:00Z"), None),
            row(asked, &good, fetched),
            row(asked, &bad, fetched),
            envelope(asked, &json!({"meta": {"total": 2}, "rows": 2}), fetched),
        ])
        .await;
    let acme = acme();
    let judged = Judged { pool: &scene.pool, account: &acme, zone: ZONE, now: at("2026-01-19T06:00:00Z") };
    let rows = judged.days(scene.log.as_ref(), Duration::ZERO, None, None).await.unwrap();
    let ratings = rows.iter().find(|row| row.day == day("2026-01-15") && row.subject == "ratings").unwrap();
    assert_eq!(
        (ratings.state, ratings.reason.as_deref()),
        ("explained", Some("1 came and could not be decoded"))
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_later_pages_were_not_fetched_again_is_not_whole() {
    let scene = Projected::by(AccountRules { zone: ZONE, ..AccountRules::default() }).await;
    let page = |offset: u64, fetched: &str| {
        let asked = format!("statistics?report=rating&date=2026-01-15&limit=1&offset={offset}");
        let rating = json!({"valuation_request_id": 81 + offset, "request_id": 80, "rating_scale_id": 1,
            "rating_scale_score": 5, "created_at": "2026-01-15 10:00:00"});
        let count = json!({"meta": {"total": 2}, "rows": 1});
        [row(&asked, &rating, fetched), envelope(&asked, &count, fetched)]
    };
    scene.take(&[webhook(&message(9, 79, None, "2026-01-14T05:00:00Z"), None)]).await;
    let acme = acme();
    let pool = scene.pool.clone();
    let judged = Judged { pool: &pool, account: &acme, zone: ZONE, now: at("2026-01-19T06:00:00Z") };
    let ratings = async || {
        let rows = judged.days(scene.log.as_ref(), Duration::ZERO, None, None).await.unwrap();
        let mut found =
            rows.into_iter().filter(|row| row.day == day("2026-01-15") && row.subject == "ratings");
        found.next().map(|row| (row.state, row.reason.unwrap_or_default())).unwrap()
    };
    scene.take(&page(0, "2026-01-17T09:00:00Z")).await;
    scene.take(&page(1, "2026-01-17T09:00:01Z")).await;
    let whole = ratings().await;
    assert_ne!(whole.0, "red");
    // Fetched again, and broken off behind the first page.
    scene.take(&page(0, "2026-01-18T09:00:00Z")).await;
    assert_eq!(ratings().await, ("red", "1 missing, 1 more than the platform shows".to_owned()));
    scene.take(&page(1, "2026-01-18T09:00:01Z")).await;
    assert_eq!(ratings().await, whole);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_behind_a_range_that_was_read_do_not_count_as_read() {
    let scene = Scene::new().await;
    scene.read().await;
    // As if everything had been read on the 20th, and nothing since.
    let (pool, acme, last) = (&scene.projected.pool, acme(), day("2026-01-20"));
    let of_last = scene.messages().into_iter().filter(|(_, day)| *day == last);
    let first: u64 = of_last.map(|(id, _)| id.parse().unwrap()).min().unwrap();
    let cursors = store::cursors::cursors(pool, &acme).await.unwrap();
    let mut state = cursors.into_iter().find(|cursor| cursor.walk == "messages").unwrap().state;
    state["next"] = json!(first);
    let read_on = at("2026-01-20T02:00:00Z");
    store::cursors::save_cursor(pool, &acme, "messages", &state, read_on).await.unwrap();

    let range = Range::Days { since: last.pred_opt(), until: Some(last) };
    let outcome = scene.backfill.run(range, &|_| {}, &CancellationToken::new()).await.unwrap();
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    crate::tables::settled(pool, scene.projected.log.as_ref()).await;
    let judged = Judged { pool, account: &acme, zone: ZONE, now: at(TODAY) };
    let rows = judged.days(scene.projected.log.as_ref(), Duration::ZERO, None, None).await.unwrap();
    assert_eq!(rows.last().unwrap().day, last);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_near_midnight_explains_no_gap_of_a_day_that_the_list_does_not_have_it_on() {
    let scene = Projected::by(AccountRules { zone: ZONE, ..AccountRules::default() }).await;
    // In Almaty a day ends at 19:00 UTC. Both stand on the 15th; the list has one of them a second later, on the 16th.
    let fetched = "2026-01-17T09:00:00Z";
    let listed = |id: u64, at: &str| {
        let body = json!({"id": id, "type": "to_client", "client_id": 5, "channel_id": 12, "operator_id": 7001,
            "request_id": 80, "created": at});
        row("messages?start_id=1&limit=200&order=asc", &body, fetched)
    };
    scene
        .take(&[
            webhook(&message(9, 79, None, "2026-01-14T05:00:00Z"), None),
            webhook(&message(1, 80, None, "2026-01-15T05:00:00Z"), None),
            webhook(&message(2, 80, Some(7001), "2026-01-15T18:59:58.500000Z"), None),
            webhook(&message(3, 80, Some(7001), "2026-01-15T18:59:59.500000Z"), None),
            listed(2, "2026-01-15T18:59:58 UTC"),
            listed(3, "2026-01-15T19:00:00 UTC"),
            counted(day("2026-01-16"), 1, fetched),
        ])
        .await;
    let acme = acme();
    let pool = scene.pool.clone();
    let judged = Judged { pool: &pool, account: &acme, zone: ZONE, now: at("2026-01-19T06:00:00Z") };
    let messages = async || {
        let rows = judged.days(scene.log.as_ref(), Duration::ZERO, None, None).await.unwrap();
        let mut found =
            rows.into_iter().filter(|row| row.day == day("2026-01-16") && row.subject == "messages");
        found.next().map(|row| (row.state, row.reason.unwrap_or_default())).unwrap()
    };
    assert_eq!(messages().await, ("explained", "1 stored on the other side of midnight".to_owned()));
    scene.take(&[counted(day("2026-01-16"), 2, "2026-01-18T09:00:00Z")]).await;
    assert_eq!(messages().await, ("red", "2 missing".to_owned()));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_carries_over_what_was_found_of_days() {
    let scene = Scene::new().await;
    scene.read().await;
    scene.look().await;
    let found = scene.written().await;
    assert!(!found.is_empty());
    let rules = AccountRules { zone: ZONE, ..AccountRules::default() };
    let rules = projection::Rules::new(BTreeMap::from([("acme".to_owned(), rules)]));
    let (log, pool) = (scene.projected.log.clone(), scene.projected.database.pool());
    let rebuild = projection::Rebuild::new(log, pool, rules, "rebuild", &scene.projected.database.folder);
    let control = projection::rebuild::Control::new(CancellationToken::new());
    rebuild.build(false, &control).await.unwrap();
    rebuild.follow(&control, async || Ok(())).await.unwrap();
    rebuild.switch(&control).await.unwrap();
    rebuild.close().await;
    assert_eq!(scene.written().await, found);
    scene.end().await;
}
