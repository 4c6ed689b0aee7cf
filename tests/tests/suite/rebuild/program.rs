//! The real program: `rebuild` beside `up`, killed at each of its steps, and its other words.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::json;

use chatledger_tests::wait_until;

use super::*;
use crate::ledger::{NOBODY, account, assert_accounted, home_on, hook, message, post};
use crate::log_conformance::DEADLINE;

const ABORTED: i32 = 6;

pub(super) fn home_of(scene: &Scene) -> chatledger_tests::Home {
    home_on(&scene.database, "partitions = 3", &account(NOBODY, "history = \"none\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_beside_a_running_up_replaces_the_tables_and_up_goes_on() {
    let scene = Scene::new().await;
    let home = home_of(&scene);
    let up = home.up().await;
    let url = hook(&up);
    let start = crate::projection::account::at(0);
    for id in 10_000..10_060 {
        assert_eq!(post(&url, &message(id, start)).await, 200);
    }
    scene.settled().await;
    let looked = home.run(&["rebuild", "--diff"]).await.succeeded();
    assert!(looked.stdout.contains("no row differs"), "{}", looked.stdout);
    assert!(looked.stderr.contains("reading the log"), "{}", looked.stderr);
    assert!(store::generations::exists(&scene.pool, "chat_next").await.unwrap());

    let posting = async {
        for id in 10_060..10_120 {
            assert_eq!(post(&url, &message(id, start)).await, 200);
        }
    };
    let (rebuilt, ()) = tokio::join!(home.run(&["rebuild", "--format", "json"]), posting);
    let told = rebuilt.json();
    assert!(told["switched"]["remade"].is_array(), "{told}");
    assert!(told["diff"].as_array().unwrap().iter().any(|one| one["table"] == "messages"), "{told}");
    for id in 10_120..10_150 {
        assert_eq!(post(&url, &message(id, start)).await, 200);
    }
    scene.settled().await;
    assert_eq!(scene.count("select count(*) from messages").await, 150);
    assert_eq!(assert_accounted(&home, &scene.pool).await.appended, 150);
    assert!(scene.compared(false).await.unwrap().iter().all(TableDiff::is_same));

    let dropped = home.run(&["rebuild", "--drop-old"]).await.succeeded();
    assert!(dropped.stdout.contains("dropped"), "{}", dropped.stdout);
    assert!(!store::generations::exists(&scene.pool, "chat_old").await.unwrap());
    up.process.stop().await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_killed_at_any_step_is_ended_by_the_next_one() {
    let scene = Scene::projected(12).await;
    let said = scene.said().await;
    let home = home_on(
        &scene.database,
        "partitions = 3",
        // The rules that the tables were projected with.
        &account(
            NOBODY,
            "history = \"none\"\ndefault_country = \"KZ\"\n\
             [[account.score]]\ntag = \"612\"\nscore = 2\n[[account.score]]\ntag = \"score-5\"\nscore = 5",
        ),
    );
    for point in [
        "rebuild.batch_loaded",
        "rebuild.loaded",
        "rebuild.settled",
        "rebuild.part_folded",
        "rebuild.folded",
        "rebuild.indexed",
        "rebuild.before_switch",
    ] {
        let failpoints = format!("{point}=return");
        let killed = home.start_with(&["rebuild"], &[("FAILPOINTS", &failpoints)]).await.ended().await;
        assert_eq!(killed.status.signal(), Some(ABORTED), "{point} was never passed: {}", killed.stderr);
        assert_same(&said, &scene.said().await, &format!("the live tables, killed at {point}"));
        let ended = home.run(&["rebuild"]).await.succeeded();
        assert!(ended.stdout.contains("no row differs"), "{point}: {}", ended.stdout);
        assert_same(&said, &scene.said().await, &format!("rebuilt after {point}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_another_zone_are_not_given_in_silence_until_a_rebuild() {
    let scene = Scene::new().await;
    let almaty = account(NOBODY, "history = \"none\"");
    let moved = almaty.replace("Asia/Almaty", "Europe/Lisbon");
    for (number, configuration) in [almaty, moved].iter().enumerate() {
        let home = home_on(&scene.database, "partitions = 3", configuration);
        let up = home.up().await;
        wait_until("the zone is adopted", DEADLINE, async || {
            let changes = "select count(*) from folded_rules where account_id = 'acme' \
                           and (parts ->> 'time_zone' = 'Europe/Lisbon') = is_stale";
            let zones = "select count(*) from folded_rules where parts ->> 'time_zone' = 'Europe/Lisbon'";
            scene.count(changes).await == 1 && scene.count(zones).await == number as i64
        })
        .await;
        up.process.stop().await.succeeded();
        let report = home.run(&["report", "response-times", "--format", "csv"]).await.succeeded();
        assert_eq!(report.stderr.contains("time_zone of acme was changed"), number == 1, "{}", report.stderr);
        assert!(report.stdout.starts_with("key,"), "{}", report.stdout);
        if number == 1 {
            home.run(&["rebuild"]).await.succeeded();
            let report = home.run(&["report", "response-times"]).await.succeeded();
            assert!(!report.stderr.contains("time_zone"), "{}", report.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rebuild_at_a_time_and_words_for_another_terminal() {
    let scene = Scene::projected(13).await;
    let home = home_of(&scene);
    for word in ["--pause", "--resume", "--cancel"] {
        let refused = home.run(&["rebuild", word]).await;
        assert_eq!(refused.code(), Some(1));
        assert!(refused.stderr.contains("no rebuild is running"), "{word}: {}", refused.stderr);
    }
    assert_eq!(home.run(&["rebuild", "--pause", "--diff"]).await.code(), Some(2));
    let claim = store::generations::claim(&scene.pool).await.unwrap().unwrap();
    for arguments in [&["rebuild"][..], &["rebuild", "--drop-old"]] {
        let refused = home.run(arguments).await;
        assert!(refused.stderr.contains("another rebuild is running"), "{}", refused.stderr);
    }
    claim.release().await.unwrap();
    home.run(&["rebuild", "--diff"]).await.succeeded();
    let cancelled = home.run(&["rebuild", "--cancel"]).await.succeeded();
    assert!(cancelled.stdout.contains("dropped"), "{}", cancelled.stdout);
    assert!(!store::generations::exists(&scene.pool, "chat_next").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dialog_is_folded_anew_and_what_differed_is_told() {
    let scene = Scene::new().await;
    let home = home_of(&scene);
    let up = home.up().await;
    let start = crate::projection::account::at(0);
    for id in 10_000..10_020 {
        assert_eq!(post(&hook(&up), &message(id, start)).await, 200);
    }
    scene.settled().await;
    up.process.stop().await.succeeded();
    let before = scene.said().await;
    sqlx::raw_sql(
        "update messages set text = 'other', row_hash = 0 where message_id = '10004'; \
         delete from turns where turn_no = 2; \
         insert into assignments (account_id, request_key, assignment_no, conversation, operator_id, from_at, how, row_hash) \
         values ('acme', '3100', 99, '1100/12', '1', now(), 'derived', 0)",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
    let told = home.run(&["rebuild", "--dialog", "2100", "--format", "json"]).await.json();
    let mut changed: Vec<(String, String, String)> = told["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| ["table", "key", "what"].map(|field| row[field].as_str().unwrap().to_owned()).into())
        .collect();
    changed.sort();
    let row = |table: &str, key: &str, what: &str| (table.to_owned(), key.to_owned(), what.to_owned());
    assert_eq!(
        changed,
        [
            row("assignments", "3100#99", "gone"),
            row("messages", "10004", "changed"),
            row("turns", "3100#2", "new")
        ]
    );
    // Under the same configuration: under another one it would be refused.
    let up = home.up().await;
    scene.settled().await;
    up.process.stop().await.succeeded();
    assert_same(&before, &scene.said().await, "as it was");
    let again = home.run(&["rebuild", "--dialog", "3100"]).await.succeeded();
    assert!(again.stdout.contains("no row differs"), "{}", again.stdout);
    let unknown = home.run(&["rebuild", "--dialog", "nothing"]).await;
    assert_eq!(unknown.code(), Some(2), "{}", unknown.stderr);
    assert_eq!(told["conversations"], json!([["acme", "1100/12"]]));
}
