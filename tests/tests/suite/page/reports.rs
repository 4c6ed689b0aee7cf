//! `report … --format html` of the real program, in a real browser. Pictures are in `target/screenshots`.

use chatledger_tests::{Browser, Screen, database};
use serde_json::{Value, json};
use sqlx::PgPool;

use super::HOSTILE;
use super::judged::{assert_legible, assert_no_overflow};
use super::served::fill;
use crate::ledger::{NOBODY, account, home_on};

const DEAD_KAFKA: &str = "backend = \"kafka\"\nbrokers = [\"127.0.0.1:9\"]\nreplication = 1\n";

/// What the reports read beside requests and turns.
async fn talk(pool: &PgPool) {
    for statement in [
        "insert into messages (account_id, message_id, conversation, client_id, request_key, author_kind, operator_id, sent_at, \
         time_quality, is_deleted, menu_item, delivery_id, row_hash) \
         select t.account_id, 'q' || t.request_key, t.conversation, r.client_id, t.request_key, 'client', null, t.asked_at, 'ok', \
                false, case when hashtext(t.request_key) % 2 = 0 then '10' end, gen_random_uuid(), 0 from turns t join requests r using (account_id, request_key) \
         union all \
         select t.account_id, 'r' || t.request_key, t.conversation, r.client_id, t.request_key, 'operator', t.operator_id, \
                t.answered_at, 'ok', false, null, gen_random_uuid(), 0 \
         from turns t join requests r using (account_id, request_key) where t.answered_at is not null",
        "insert into request_tags select account_id, request_key, tag, 1, conversation, label, opened_at, null, gen_random_uuid(), 0 \
         from requests, (values ('t1', 'Delivery'), ('t2', 'Returns')) as t(tag, label) \
         where hashtext(request_key || tag) % 3 = 0",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_is_a_page_that_is_readable_everywhere_and_needs_nothing_else() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool).await;
    talk(&pool).await;
    for (at, name) in HOSTILE.iter().enumerate() {
        let statement = "update operators set name = $1 where account_id = 'acme' and operator_id = $2";
        sqlx::query(statement).bind(name).bind((at + 1).to_string()).execute(&pool).await.unwrap();
    }
    // No report reads the log: none minds that it is away.
    let home = home_on(&database, DEAD_KAFKA, &account(NOBODY, ""));
    let browser = Browser::start().await;
    let days = ["--from", "2026-10-20", "--to", "2026-10-26"];
    for (name, arguments, tables) in [
        ("times", vec!["response-times"], 1),
        ("times-operator", vec!["response-times", "--by", "operator"], 4),
        ("times-chat2desk", vec!["response-times", "--by", "tag", "--as", "chat2desk"], 3),
        ("scores", vec!["scores", "--by", "operator", "--as", "livechat"], 1),
        ("workload", vec!["workload", "--by", "operator"], 1),
        ("workload-day", vec!["workload", "--by", "day"], 1),
        ("menu", vec!["menu", "--by", "channel"], 1),
        ("tags", vec!["tags", "--by", "day"], 1),
        ("accounting", vec!["accounting"], 1),
    ] {
        let arguments = [&["report"], &arguments[..], &days, &["--format", "html"]].concat();
        let html = home.run(&arguments).await.succeeded().stdout;
        let file = home.path().join(format!("{name}.html"));
        std::fs::write(&file, &html).unwrap();
        for (width, is_dark) in [(1280, false), (1280, true), (360, false), (360, true)] {
            let screen = Screen { width, is_dark };
            browser.look_through(screen).await;
            browser.open(&format!("file://{}", file.display())).await;
            let found = browser
                .run(
                    "return { owned: window.owned === 1, scripts: document.scripts.length, \
                     made: document.querySelectorAll('main script, main img, main i, main b').length, \
                     fetched: performance.getEntriesByType('resource').length, \
                     tables: document.querySelectorAll('table').length, \
                     lost: [...document.querySelectorAll('a')].filter(a => !document.getElementById(a.hash.slice(1))).length, \
                     ground: getComputedStyle(document.body).backgroundColor };",
                )
                .await;
            let ground = if is_dark { "rgb(18, 22, 23)" } else { "rgb(244, 245, 243)" };
            let expected = json!({
                "owned": false, "scripts": 0, "made": 0, "fetched": 0, "tables": tables, "lost": 0, "ground": ground
            });
            assert_eq!(found, expected, "{name} at {width}");
            assert_no_overflow(&browser, name, width).await;
            assert_legible(&browser, width, 40).await;
            let scheme = if is_dark { "dark" } else { "light" };
            browser.screenshot(&format!("report-{name}-{width}-{scheme}"), screen).await;
        }
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
    let verified = home.run(&["report", "accounting", "--verify"]).await;
    assert_eq!(verified.code(), Some(1), "who verifies needs the log: {}", verified.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_figures_of_the_json() {
    let database = database().await;
    let pool = database.pool();
    fill(&pool).await;
    talk(&pool).await;
    let home = home_on(&database, DEAD_KAFKA, &account(NOBODY, ""));
    let browser = Browser::start().await;
    let file = home.path().join("report.html");
    for (report, column, field) in [
        ("response-times", "n", "/first_response/n"),
        ("response-times", "unanswered", "/first_response/unanswered"),
        ("workload", "closed", "/closed"),
        ("workload", "clients", "/people"),
        ("scores", "good", "/good"),
    ] {
        let with = |format| ["report", report, "--by", "operator", "--format", format];
        let rows = home.run(&with("json")).await.json()["rows"].clone();
        let rows = rows.as_array().unwrap();
        let figures: Vec<Value> =
            rows.iter().map(|row| row.pointer(field).unwrap().to_string().into()).collect();
        assert!(figures.len() > 4, "{report}: {rows:?}");
        std::fs::write(&file, home.run(&with("html")).await.succeeded().stdout).unwrap();
        browser.open(&format!("file://{}", file.display())).await;
        let script = format!(
            "const table = document.querySelector('table'); \
             const at = [...table.tHead.rows[0].cells].findIndex(cell => cell.innerText === {column:?}); \
             return [...table.tBodies[0].rows].map(row => row.cells[at].innerText.replaceAll(',', ''));"
        );
        assert_eq!(browser.run(&script).await, Value::from(figures), "{report} {column}");
    }
    browser.close().await;
    // As a program asks: what is not published is refused before anything is opened.
    let refused = home.run(&["report", "scores", "--as", "chat2desk"]).await;
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("publishes no figure"), "{}", refused.stderr);
}
