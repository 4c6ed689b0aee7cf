//! The same export to a real S3-compatible server.

use chatledger_tests::{Home, S3, database, read_parquet};

use crate::export::{READ, assert_read, export, files, home_of};
use crate::export_rows::{change, fill};

fn with(mut home: Home, environment: &[(&str, String)]) -> Home {
    for (name, value) in environment {
        home = home.with(name, value);
    }
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_holds_the_same_bytes_as_a_folder_and_is_read_by_pyarrow() {
    let database = database().await;
    let pool = database.pool();
    // Texts that do not compress: more than one part goes up.
    fill(&pool, 1, 40_000).await;
    change(
        &pool,
        "update messages set text = (select string_agg(md5(message_id || i), '') from generate_series(1, 10) i)",
    )
    .await;
    let s3 = S3::start().await.with_bucket("exports");
    let home = with(home_of(&database, ""), &s3.environment());
    let summary = export(&home, &["--out", "s3://exports/team/lake"]).await;
    assert!(summary["messages"]["bytes"].as_i64().unwrap() > 9 << 20, "{summary:?}");
    export(&home, &["--out", "lake"]).await;
    let (bucket, folder) = (files(&s3.files("exports").join("team/lake")), files(&home.path().join("lake")));
    assert!(bucket.len() == 9 && bucket == folder, "the same bytes");
    let root = s3.files("exports").join("team/lake");
    let found = read_parquet(READ, &[root.to_str().unwrap(), "exports/team/lake"], &s3.environment());
    assert_read(&found, &pool).await;

    change(&pool, "delete from leads").await;
    let summary = export(&home, &["--out", "s3://exports/team/lake"]).await;
    assert_eq!((&summary["leads"]["removed"], &summary["messages"]["written"]), (&1.into(), &0.into()));
    assert!(!root.join("dataset=leads/account=acme/part-0.parquet").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_killed_run_began_is_given_up_by_the_next() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool, 1, 40_000).await;
    // More than one row group: its first part goes up while rows still come.
    change(
        &pool,
        "update messages set text = (select string_agg(md5(message_id || i), '') from generate_series(1, 40) i)",
    )
    .await;
    let s3 = S3::start().await.with_bucket("exports");
    let home = with(home_of(&database, ""), &s3.environment());
    let arguments = ["export", "--out", "s3://exports/lake"];
    let crashed = home
        .start_with(&arguments, &[("FAILPOINTS", "export.object_begun=1*off->return")])
        .await
        .ended()
        .await;
    let signal = std::os::unix::process::ExitStatusExt::signal(&crashed.status);
    assert_eq!(signal, Some(6), "{}", crashed.stderr);
    let uploads =
        || files(&s3.files("exports")).keys().filter(|path| path.starts_with(".sgwtmp/multipart")).count();
    assert!(uploads() > 0, "killed while parts were on their way");
    assert_eq!(files(&s3.files("exports")).len(), uploads(), "nothing is in sight");
    export(&home, &["--out", "s3://exports/lake"]).await;
    assert_eq!(uploads(), 0);
    let root = s3.files("exports").join("lake");
    assert_read(&read_parquet(READ, &[root.to_str().unwrap()], &[]), &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_bucket_a_wrong_key_and_nobody_there_are_said_in_one_line_with_the_next_step() {
    let database = database().await;
    fill(&database.pool(), 1, 5).await;
    let s3 = S3::start().await.with_bucket("exports");
    let wrong_key = ("AWS_SECRET_ACCESS_KEY", "wrong-canary");
    let cases = [
        ("s3://absent/lake", vec![], "there is no bucket \"absent\"; create it"),
        ("s3://exports/lake", vec![wrong_key], "access denied; check AWS_ACCESS_KEY_ID"),
        ("s3://exports/lake", vec![("AWS_ENDPOINT_URL", "http://127.0.0.1:9")], "check AWS_ENDPOINT_URL"),
    ];
    for (out, variables, said) in cases {
        let home = with(home_of(&database, ""), &s3.environment());
        let ended = home.start_with(&["export", "--out", out], &variables).await.ended().await;
        assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(said) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
        assert!(!ended.stderr.contains("wrong-canary"), "{}", ended.stderr);
    }
}
