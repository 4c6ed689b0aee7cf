//! An export that is killed anywhere leaves no half file in sight, and the next one completes it.

use std::path::Path;
use std::process::ExitStatus;

use chatledger_tests::{Home, S3, TestDatabase, database, read_parquet, wait_until};

use crate::export::{READ, assert_read, export, files, home_of};
use crate::export_rows::{change, fill};
use crate::ledger::SOON;

const POINTS: [&str; 3] = ["export.object_written", "export.object_visible", "export.objects_done"];

fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

/// What a reader of the folder sees: names that begin with a dot are none of it, neither for DuckDB nor for pyarrow.
fn assert_whole(root: &Path) {
    for (path, bytes) in files(root) {
        let is_hidden = path.split('/').any(|part| part.starts_with('.'));
        if path.ends_with(".parquet") && !is_hidden {
            assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{path} is cut");
        }
        assert!(is_hidden || path.ends_with(".parquet") || path == "manifest.json", "{path} is in sight");
    }
}

/// Kills an export at each point, first of an empty target, then of one that has an older state.
async fn survives(database: &TestDatabase, home: &Home, out: &str, root: &Path) {
    let pool = database.pool();
    for (round, point) in POINTS.iter().enumerate() {
        for nth in if round == 2 { [1, 1] } else { [1, 6] } {
            let failpoints = format!("{point}={}*off->return", nth - 1);
            let variables = [("FAILPOINTS", failpoints.as_str())];
            let crashed = home.start_with(&["export", "--out", out], &variables).await.ended().await;
            assert_eq!(signal(crashed.status), Some(6), "{point} was never passed: {}", crashed.stderr);
            assert_whole(root);
            export(home, &["--out", out]).await;
            let summary = export(home, &["--out", out]).await;
            assert!(summary.values().all(|line| line["written"] == 0), "{point}: {summary:?}");
            // Fails on a file that the manifest does not name, hidden ones as well.
            let found = read_parquet(READ, &[root.to_str().unwrap()], &[]);
            assert_read(&found, &pool).await;
            change(&pool, "update messages set row_hash = row_hash + 1, text = text || '.'").await;
            change(&pool, "update clients set row_hash = row_hash + 1, tags = array['vip', 'a,\"b']").await;
            change(&pool, "update requests set row_hash = row_hash + 1, transfers = transfers + 1").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_no_half_file_in_a_folder_and_the_next_run_completes() {
    let database = database().await;
    fill(&database.pool(), 4, 30).await;
    let home = home_of(&database, "");
    survives(&database, &home, "lake", &home.path().join("lake")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_no_half_object_in_a_bucket_and_the_next_run_completes() {
    let database = database().await;
    fill(&database.pool(), 4, 30).await;
    let s3 = S3::start().await.with_bucket("exports");
    let mut home = home_of(&database, "");
    for (name, value) in s3.environment() {
        home = home.with(name, &value);
    }
    // The server's own folder for unfinished uploads lies beside the prefix.
    survives(&database, &home, "s3://exports/lake", &s3.files("exports").join("lake")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_large_file_leaves_the_old_one_and_lets_the_target_go() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool, 1, 70_000).await;
    let home = home_of(&database, "");
    let root = home.path().join("lake");
    export(&home, &["--out", "lake"]).await;
    let before = files(&root);
    change(&pool, "update messages set row_hash = row_hash + 1, text = 'new ' || message_id").await;
    let hidden =
        root.join("dataset=messages/account=acme/date=2026-10-01/.part-0.parquet.chatledger-unfinished");
    // It stands still there until it is killed: not at the first bytes, which are only a magic word.
    let paused = [("FAILPOINTS", "export.object_begun=1*off->pause")];
    let exporting = home.start_with(&["export", "--out", "lake"], &paused).await;
    let is_begun = || std::fs::metadata(&hidden).is_ok_and(|file| file.len() > 1000);
    wait_until("the file is begun", SOON, async || is_begun()).await;
    exporting.kill().await;
    assert!(hidden.exists(), "killed in the middle");
    let mut after = files(&root);
    assert!(
        after
            .remove("dataset=messages/account=acme/date=2026-10-01/.part-0.parquet.chatledger-unfinished")
            .is_some()
    );
    assert!(after == before, "readers see the old state");
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!(summary["messages"]["written"], 1);
    let found = read_parquet(READ, &[root.to_str().unwrap()], &[]);
    assert_read(&found, &pool).await;
}
