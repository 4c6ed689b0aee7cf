//! Parquet: what leaves is what the tables say, readable by others, whole or not at all, and only what changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chatledger_tests::{Home, TestDatabase, database, read_parquet};
use serde_json::Value;
use sqlx::PgPool;

use crate::export_rows::{CANARY, change, fill};
use crate::ledger::{NOBODY, account, home_on};

pub(crate) const READ: &str = include_str!("export_read.py");

/// The program on a database, with this section `export`.
pub(crate) fn home_of(database: &TestDatabase, section: &str) -> Home {
    home_on(database, "", &format!("{section}\n{}", account(NOBODY, "history = \"none\"")))
}

/// Exports, and gives what the program says it did, by dataset.
pub(crate) async fn export(home: &Home, arguments: &[&str]) -> BTreeMap<String, Value> {
    let arguments = [&["export", "--format", "json"], arguments].concat();
    by_dataset(home.run(&arguments).await.json())
}

pub(crate) fn by_dataset(mut summary: Value) -> BTreeMap<String, Value> {
    let Value::Array(lines) = summary["datasets"].take() else { panic!("{summary}") };
    lines.into_iter().map(|line| (line["dataset"].as_str().unwrap().to_owned(), line)).collect()
}

/// Every file below a folder with its bytes, hidden ones too; none when there is no folder.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = root.exists().then(|| root.to_owned()).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Sums of a column of the summary.
fn sum(summary: &BTreeMap<String, Value>, column: &str) -> i64 {
    summary.values().map(|line| line[column].as_i64().unwrap()).sum()
}

/// What the tables say of the same things as `export_read.py`.
pub(crate) async fn assert_read(found: &Value, pool: &PgPool) {
    for (name, dataset) in found["datasets"].as_object().unwrap() {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {name}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(pool).await.unwrap();
        assert!(rows > 0, "{name} has rows");
        assert_eq!(dataset["duckdb_rows"], rows, "{name}");
        assert_eq!(dataset["pyarrow_rows"], rows, "{name}");
        assert_eq!(dataset["compressions"], serde_json::json!(["ZSTD"]), "{name}");
        assert_eq!(dataset["metadata"]["chatledger.schema_version"], "2", "{name}");
        assert_eq!(dataset["metadata"]["chatledger.dataset"], *name);
    }
    let sums = "select sum(length(text))::bigint, (extract(epoch from min(sent_at)) * 1000000)::bigint, \
                (extract(epoch from max(sent_at)) * 1000000)::bigint from messages";
    let (length, first, last): (i64, i64, i64) = sqlx::query_as(sums).fetch_one(pool).await.unwrap();
    assert_eq!(found["datasets"]["messages"]["sum"], serde_json::json!([length, first, last]));
    let seconds: f64 =
        sqlx::query_scalar("select sum(reply_seconds) from turns").fetch_one(pool).await.unwrap();
    assert_eq!(found["datasets"]["turns"]["sum"][0], seconds);
    assert_eq!(found["datasets"]["clients"]["sum"][0], serde_json::json!(["a,\"b", "vip"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_pyarrow_read_what_the_tables_say() {
    let database = database().await;
    let pool = database.pool();
    // More than a row group of messages on one day.
    fill(&pool, 1, 70_000).await;
    let home = home_of(&database, "");
    let out = home.path().join("lake");
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "rows")), (8, 70_000 * 8 + 3));

    let found = read_parquet(READ, &[out.to_str().unwrap()], &[]);
    assert_read(&found, &pool).await;
    let messages = &found["datasets"]["messages"];
    let groups: Vec<i64> =
        messages["groups"].as_array().unwrap().iter().map(|rows| rows.as_i64().unwrap()).collect();
    assert!(groups.len() > 1 && groups.iter().sum::<i64>() == 140_000, "{groups:?}");
    assert_eq!(messages["days"], serde_json::json!(["2026-10-01"]));
    let (duckdb, pyarrow) = (&messages["duckdb_types"], &messages["pyarrow_types"]);
    assert_eq!(duckdb["sent_at"], "TIMESTAMP WITH TIME ZONE");
    assert_eq!(pyarrow["sent_at"], "timestamp[us, tz=UTC]");
    assert_eq!(duckdb["transport"], "VARCHAR");
    assert_eq!(pyarrow["transport"], "dictionary<values=string, indices=int32, ordered=0>");
    assert_eq!((&duckdb["is_deleted"], &pyarrow["text"]), (&"BOOLEAN".into(), &"string".into()));
    assert_eq!(found["datasets"]["requests"]["duckdb_types"]["local_day"], "DATE");
    assert_eq!(found["datasets"]["clients"]["duckdb_types"]["tags"], "VARCHAR[]");
    assert_eq!(found["datasets"]["tag_scores"]["pyarrow_types"]["score"], "double");
    let manifest = &found["manifest"];
    assert_eq!((&manifest["schema_version"], &manifest["positions"]), (&2.into(), &serde_json::json!([])));
    assert_eq!(manifest["personal"]["messages"], serde_json::json!(["text", "attachments"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_rows_make_the_same_bytes_wherever_they_lie() {
    let (one, two) = tokio::join!(database(), database());
    fill(&one.pool(), 2, 500).await;
    fill(&two.pool(), 2, 500).await;
    // Each row lies elsewhere in its table, and is known by another copy of its delivery.
    change(&two.pool(), "update messages set delivery_id = gen_random_uuid() where request_key like '0-%'")
        .await;
    for cluster in ["cluster messages using messages_client", "cluster turns using turns_pkey"] {
        sqlx::raw_sql(cluster).execute(&two.pool()).await.unwrap();
    }
    let mut lakes = Vec::new();
    for database in [&one, &two] {
        let home = home_of(database, "");
        export(&home, &["--out", "lake"]).await;
        lakes.push(files(&home.path().join("lake")));
    }
    assert!(lakes[0].len() > 10 && lakes[0].keys().eq(lakes[1].keys()));
    for (path, bytes) in &lakes[0] {
        assert!(lakes[1][path] == *bytes, "{path} differs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_days_that_changed_are_written_again() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool, 4, 50).await;
    let home = home_of(&database, "");
    let root = home.path().join("lake");
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "unchanged")), (4 * 4 + 4, 0));
    let before = files(&root);
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "unchanged")), (0, 20));
    assert!(files(&root) == before, "nothing changed, nothing is written");

    // A message of the second day: that day and no other.
    change(&pool, "update messages set text = 'other', row_hash = row_hash + 1 where message_id = '1-7-1'")
        .await;
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), &summary["messages"]["written"]), (1, &1.into()));
    let after = files(&root);
    let differing: Vec<&String> = after.keys().filter(|path| after[*path] != before[*path]).collect();
    assert_eq!(differing, ["dataset=messages/account=acme/date=2026-10-02/part-0.parquet", "manifest.json"]);

    // A request that moves to another day takes its turn along: both days of both.
    let moved = "update requests set local_day = date '2026-10-04', row_hash = row_hash + 1 where request_key = '0-3'";
    change(&pool, moved).await;
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((&summary["requests"]["written"], &summary["turns"]["written"]), (&2.into(), &2.into()));
    assert_eq!((sum(&summary, "written"), &summary["turns"]["rows"]), (4, &(49 + 51).into()));

    // A day without rows loses its object and its folder.
    change(&pool, "delete from tag_scores where local_day = date '2026-10-03'").await;
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), &summary["tag_scores"]["removed"]), (0, &1.into()));
    assert!(!root.join("dataset=tag_scores/account=acme/date=2026-10-03").exists());
    let found = read_parquet(READ, &[root.to_str().unwrap()], &[]);
    assert_read(&found, &pool).await;

    // What somebody took away or cut comes back.
    std::fs::remove_file(root.join("dataset=leads/account=acme/part-0.parquet")).unwrap();
    std::fs::write(root.join("dataset=clients/account=acme/part-0.parquet"), "cut").unwrap();
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "removed")), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_leaves_other_days_alone_and_says_so() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool, 3, 20).await;
    let home = home_of(&database, "");
    let root = home.path().join("lake");
    let summary = export(&home, &["--out", "lake", "--from", "2026-10-02", "--to", "2026-10-02"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "outdated")), (4 + 4, 8));
    assert!(!root.join("dataset=messages/account=acme/date=2026-10-01").exists());
    export(&home, &["--out", "lake"]).await;
    change(&pool, "update messages set row_hash = row_hash + 1 where request_key in ('0-1', '2-1')").await;
    let summary = export(&home, &["--out", "lake", "--from", "2026-10-03"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "outdated")), (1, 1));
    let wrong = home.run(&["export", "--out", "lake", "--from", "2026-10-03", "--to", "2026-10-01"]).await;
    assert_eq!(wrong.code(), Some(2), "{}", wrong.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_columns_leave_as_they_are_hashed_or_empty() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool, 2, 30).await;
    let home = home_of(&database, "[export]\npersonal = \"drop\"");
    let root = home.path().join("lake");
    let shown = |files: &BTreeMap<String, Vec<u8>>| {
        let script = "import json, sys, duckdb\nroot = sys.argv[1]\nprint(json.dumps([duckdb.sql(\
                      f\"select * from read_parquet('{root}/dataset={name}/**/*.parquet')\").fetchall() for name in \
                      ['messages', 'tag_scores', 'clients', 'operators', 'leads']], default=str))";
        assert!(files.len() > 8);
        read_parquet(script, &[root.to_str().unwrap()], &[]).to_string()
    };
    export(&home, &["--out", "lake"]).await;
    let dropped = files(&root);
    assert!(!shown(&dropped).contains(CANARY));
    let raw = |files: &BTreeMap<String, Vec<u8>>| {
        files.values().any(|bytes| bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()))
    };
    assert!(!raw(&dropped), "nowhere in the bytes either");
    let found = read_parquet(READ, &[root.to_str().unwrap()], &[]);
    assert_eq!(found["datasets"]["clients"]["pyarrow_types"]["phone"], "string", "the column is still there");
    assert_eq!(found["manifest"]["personal_treatment"], "drop");

    // Another treatment writes what is personal again, and nothing else.
    let configure = |personal: &str| {
        home.configure(&format!(
            "[database]\nurl_env = \"DATABASE_URL\"\nconnections = 8\n[export]\npersonal = \"{personal}\"\n{}",
            account(NOBODY, "history = \"none\"")
        ));
    };
    configure("hash");
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!((sum(&summary, "written"), sum(&summary, "unchanged")), (2 + 2 + 3, 2 + 2 + 1));
    let hashed = shown(&files(&root));
    assert!(!hashed.contains(CANARY) && !raw(&files(&root)));
    let key = std::fs::read_to_string(home.data_dir().join("export.key")).unwrap();
    let script = "import hmac, sys, json\nprint(json.dumps(hmac.new(bytes.fromhex(sys.argv[1]), sys.argv[2].encode(), 'sha256').hexdigest()))";
    let expected = read_parquet(script, &[key.trim(), CANARY], &[]);
    // Six columns of each client, one of each score, two of each operator, three of each lead.
    assert_eq!(hashed.matches(expected.as_str().unwrap()).count(), 30 * 6 + 60 + 3 * 2 + 30 * 3);
    let summary = export(&home, &["--out", "lake"]).await;
    assert_eq!(sum(&summary, "written"), 0, "the key is kept");

    configure("keep");
    export(&home, &["--out", "lake"]).await;
    assert!(shown(&files(&root)).contains(CANARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_exports_do_not_write_to_one_target_at_once() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool, 1, 5).await;
    let home = home_of(&database, "");
    export(&home, &["--out", "lake"]).await;
    let target = home.path().join("lake").display().to_string();
    let held = store::export::hold(&pool, &target).await.unwrap().unwrap();
    let second = home.run(&["export", "--out", "lake"]).await;
    assert_eq!(second.code(), Some(1));
    assert!(second.stderr.contains("another export is writing to"), "{}", second.stderr);
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    export(&home, &["--out", "elsewhere"]).await;
    held.release().await.unwrap();
    export(&home, &["--out", "lake"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_said_in_one_line_with_the_next_step() {
    let database = database().await;
    let home = home_of(&database, "");
    std::fs::write(home.path().join("file"), "x").unwrap();
    for (out, said) in
        [("file", "name a folder with --out, not a file"), ("ftp://x/y", "must be a folder, or s3://bucket")]
    {
        let ended = home.run(&["export", "--out", out]).await;
        assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains(said) && ended.stderr.lines().count() == 1, "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn following_writes_at_once_and_ends_when_it_is_asked_to() {
    let database = database().await;
    fill(&database.pool(), 1, 5).await;
    let home = home_of(&database, "");
    let mut following = home.start(&["export", "--out", "lake", "--follow", "--format", "json"]).await;
    let line = following.line("\"datasets\"").await;
    assert_eq!(sum(&by_dataset(serde_json::from_str(&line).unwrap()), "written"), 8);
    following.stop().await.succeeded();
}

/// Every column of a table leaves, or stands here with the reason why not.
#[tokio::test]
async fn no_column_is_forgotten() {
    // Ours: how a conversation is found, how a row is compared, by which copy it is known.
    let ours = ["conversation", "row_hash", "delivery_id", "started_by_delivery", "ended_by_delivery"];
    let pool = database().await.pool();
    for dataset in &export::dataset::DATASETS {
        let columns: Vec<String> = sqlx::query_scalar(
            "select column_name::text from information_schema.columns where table_schema = 'chat' and table_name = $1",
        )
        .bind(dataset.name())
        .fetch_all(&pool)
        .await
        .unwrap();
        let leave: Vec<&str> = dataset.columns.iter().map(|column| column.read.name).collect();
        for column in &columns {
            let (leaves, is_ours) = (leave.contains(&column.as_str()), ours.contains(&column.as_str()));
            assert!(
                leaves != is_ours,
                "{}.{column}: list it in crates/export/src/dataset.rs, or here",
                dataset.name()
            );
        }
        assert!(leave.iter().all(|column| columns.iter().any(|known| known == column)), "{}", dataset.name());
    }
}
