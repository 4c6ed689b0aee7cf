//! What each night freezes, and what it waits for.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_freeze_each_missed_night_once() {
    let (scene, clock, one) = published_day().await;
    // Nobody ran for three nights.
    clock.set(at("2026-01-19T05:00:00Z"));
    let other = publisher(&scene, ALMATY, &clock);
    let (mine, theirs) = tokio::join!(round(&one), round(&other));
    assert_eq!(mine.0 + theirs.0, 3, "the 16th, 17th and 18th");
    assert_eq!((mine.1, theirs.1), (0, 0));
    let days: Vec<(NaiveDate, i64)> = sqlx::query_as(
        "select day, count(*) from ledger.published_figures where dimension = 'all' and metric = 'requests' \
         group by day order by day",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    let expected: Vec<_> = (15..=18).map(|number| (day(&format!("2026-01-{number}")), 1)).collect();
    assert_eq!(days, expected);
    // The contact of the 15th still waits on the 16th, but it belongs to the 15th.
    assert_eq!(published(&scene, "2026-01-16", "all", "all", "requests").await, Some(0.0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_25_hours_is_one_day() {
    let zone = Tz::Europe__Berlin;
    let scene = Projected::by(rules(zone)).await;
    let clock = ManualClock::at(at("2026-10-25T08:00:00Z"));
    let publisher = publisher(&scene, zone, &clock);
    round(&publisher).await;
    // The clock shows half past two twice, and the last question comes in the 25th hour.
    let asked =
        ["2026-10-24T21:59:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T22:59:00Z"];
    let questions: Vec<_> =
        (1..).zip(asked).map(|(id, at)| webhook(&message(id, 100 + id, None, at), None)).collect();
    scene.take(&questions).await;
    clock.set(at("2026-10-26T01:59:00Z"));
    assert_eq!(round(&publisher).await.0, 0);
    clock.set(at("2026-10-26T02:00:00Z"));
    assert_eq!(round(&publisher).await.0, 1);
    assert_eq!(published(&scene, "2026-10-25", "all", "all", "requests").await, Some(3.0));
    assert_eq!(published(&scene, "2026-10-25", "hour", "2", "requests").await, Some(2.0));
    // Superseded within the day: the first two are closed at its end, the last one waits.
    assert_eq!(published(&scene, "2026-10-25", "all", "all", "first_response.waiting").await, Some(1.0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_frozen_while_the_projection_is_behind() {
    let scene = Projected::unread().await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock).patient(Duration::ZERO);
    assert_eq!(round(&publisher).await, (0, 0));
    scene.append(&[webhook(&message(1, 80, None, "2026-01-15T04:00:00Z"), None)]).await;
    clock.set(at("2026-01-15T23:00:00Z"));
    let behind = publisher.round(&CancellationToken::new()).await.unwrap();
    assert!(behind.is_behind && behind.days == 0, "{behind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_frozen_while_rows_fold_under_changed_rules() {
    let (scene, clock, publisher) = published_day().await;
    clock.set(at("2026-01-16T22:00:00Z"));
    // Other rules are adopted when the round has begun already.
    for statement in [
        "create function ledger.adopt() returns trigger language plpgsql as \
         $$ begin insert into ledger.pending_causes (account_id, cause) values ('acme', 'configuration'); return new; end $$",
        "create trigger adopt before insert on ledger.publishing for each row execute function ledger.adopt()",
    ] {
        sqlx::query(statement).execute(&scene.pool).await.unwrap();
    }
    assert_eq!(round(&publisher).await, (0, 0));
    sqlx::query("drop trigger adopt on ledger.publishing").execute(&scene.pool).await.unwrap();
    assert_eq!(round(&publisher).await.0, 1, "the next round waits for them");
    scene.end().await;
}
