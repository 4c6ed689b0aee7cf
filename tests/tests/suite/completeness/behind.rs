//! Days are judged by what is projected: while the projection is behind, nothing is called missing.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn days_are_neither_counted_nor_judged_while_the_projection_is_behind() {
    let mut scene = Scene::new().await;
    scene.read().await;
    scene.projected.pause().await;
    scene.projected.append(&[webhook(&message(9, 79, None, "2026-01-22T05:00:00Z"), None)]).await;
    scene.backfill = scene.backfill.patient(Duration::ZERO);
    let look = scene.backfill.keep_complete(&CancellationToken::new()).await.unwrap();
    assert_eq!(look, Look { is_cut_short: true, ..Look::default() });
    assert!(scene.written().await.is_empty());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appended_and_is_not_projected_yet_is_not_called_missing() {
    let mut scene = Projected::by(AccountRules { zone: ZONE, ..AccountRules::default() }).await;
    scene
        .take(&[
            webhook(&message(9, 79, None, "2026-01-14T05:00:00Z"), None),
            counted(day("2026-01-15"), 1, "2026-01-17T09:00:00Z"),
        ])
        .await;
    let acme = acme();
    let pool = scene.pool.clone();
    let judged = Judged { pool: &pool, account: &acme, zone: ZONE, now: at("2026-01-19T06:00:00Z") };
    let find = async |scene: &Projected| {
        let rows = judged.days(scene.log.as_ref(), Duration::ZERO, None, None).await.unwrap();
        let is_it = |row: &&CompletenessRow| row.day == day("2026-01-15") && row.subject == "messages";
        let row = rows.iter().find(is_it).unwrap();
        (row.state, row.reason.clone().unwrap_or_default())
    };
    assert_eq!(find(&scene).await, ("red", "1 missing".to_owned()));
    scene.pause().await;
    let listed = json!({"id": 1, "type": "from_client", "text": "canary text", "client_id": 5, "channel_id": 12,
        "request_id": 80, "transport": "telegram", "created": "2026-01-15T05:00:00 UTC"});
    scene.append(&[row("messages?start_id=1&limit=200&order=asc", &listed, "2026-01-17T09:00:00Z")]).await;
    let behind = "not all that was read is in the tables yet";
    assert_eq!(find(&scene).await, ("not_provable", behind.to_owned()));
    let home = home_on(&scene.database, "partitions = 2", &account(NOBODY, "history = \"none\""));
    let table = home.run(&["report", "completeness", "--to", "2026-01-18"]).await.succeeded().stdout;
    let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("2026-01-15 messages not provable not all that was read"), "{table}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_settling_marks_is_waited_for_too() {
    // Nobody folds: the test does it, mark by mark.
    let scene = Projected::unread().await;
    let run = async |sql: &'static str| {
        sqlx::query(sql).execute(&scene.pool).await.unwrap();
    };
    run("insert into marks (account_id, kind, subject) values ('acme', 'identity', 'request:80')").await;
    let mut level = Level::with(Vec::new());
    assert!(!level.is_reached(&scene.pool).await.unwrap());
    run("with settled as (delete from marks where kind = 'identity') \
         insert into marks (account_id, kind, subject) values ('acme', 'conversation', '5/12')")
    .await;
    assert!(!level.is_reached(&scene.pool).await.unwrap(), "settled, and not folded");
    run("delete from marks").await;
    assert!(level.is_reached(&scene.pool).await.unwrap());
}
