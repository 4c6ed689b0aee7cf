//! The page in a real browser, and its addresses over HTTP. Pictures are in `target/screenshots`.

use std::time::Duration;

use chatledger_tests::{Browser, Screen, own_database_server, wait_until};
use serde_json::Value;
use store::report::{By, Query, response_times};

use crate::dashboard::business::{ZONE, account, now};

mod judged;
mod reports;
mod served;

use judged::{assert_no_overflow, assert_readable};
use served::{Served, busy, fill};

/// The page asks again every five seconds; a machine may be busy.
const SOON: Duration = Duration::from_secs(60);

/// Names as strangers send them.
const HOSTILE: [&str; 6] = [
    "<script>document.title='owned';window.owned=1</script>",
    "\"><img src=x onerror=\"window.owned=1\">",
    "\u{202e}moc.elpmaxe\u{202c} شركة الأمل",
    "👩‍👩‍👧‍👦 Zoë 🏳️‍🌈",
    "&lt;b&gt;not bold&lt;/b&gt;",
    "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}algo",
];

/// As the page writes a duration below an hour.
fn span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "–".to_owned() };
    let whole = seconds.round();
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1}s").replace(".0s", "s"),
        _ if whole < 60.0 => format!("{whole}s"),
        _ if whole < 3600.0 => format!("{}m {:02}s", (whole / 60.0).floor(), whole % 60.0),
        _ => format!("{}h {:02}m", (whole / 3600.0).floor(), ((whole % 3600.0) / 60.0).floor()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_on_the_page_are_those_of_the_report() {
    let (_database, pool) = busy().await;
    let served = Served::start(pool.clone()).await;
    let browser = Browser::start().await;
    let acme = account("acme");
    for (path, days) in [("/", 0), ("/?account=acme&days=7", 6), ("/?days=14", 13)] {
        browser.open(&served.url(path)).await;
        let to = now().with_timezone(&ZONE).date_naive();
        let from = Some(to - chrono::Duration::days(days));
        let query =
            |by| Query { account: &acme, from, to: Some(to), by, target_seconds: 120.0, as_of: now() };
        let all = response_times(&pool, &query(By::All)).await.unwrap().remove(0);
        let first = all.first_response;
        assert!(all.requests > 20 && first.waiting > 0, "a busy day: {all:?}");
        let tile = async |name: &str| browser.text(&format!("#tile-{name} .value")).await;
        assert_eq!(tile("requests").await, all.requests.to_string());
        assert_eq!(tile("median").await, span(first.p50));
        assert_eq!(tile("ninetieth").await, span(first.p90));
        assert_eq!(tile("within").await, format!("{:.0} %", first.within_target.unwrap() * 100.0));
        let waiting = store::report::waiting(&pool, "acme").await.unwrap();
        assert_eq!(tile("waiting").await, waiting.requests.to_string());
        let answers = browser.text("#tile-answers .values").await;
        let numbers: Vec<&str> = answers.lines().filter(|line| line.parse::<i64>().is_ok()).collect();
        assert_eq!(numbers, [first.n, first.unanswered, first.waiting].map(|n| n.to_string()), "{answers}");
        let operators = response_times(&pool, &query(By::Operator)).await.unwrap();
        let script = "return [...document.querySelectorAll('#by-operator tbody tr')].map(row => \
                      [...row.cells].slice(0, 4).map(cell => cell.innerText));";
        let shown = browser.run(script).await;
        let expected: Vec<[String; 4]> = operators
            .iter()
            .map(|row| {
                let first = row.first_response;
                [row.label.clone(), row.requests.to_string(), span(first.p50), span(first.p90)]
            })
            .collect();
        assert_eq!(shown, serde_json::to_value(expected).unwrap());
    }
    // 10 scores: six good ones.
    browser.open(&served.url("/?days=14")).await;
    assert_eq!(browser.text("#tile-satisfaction .value").await, "60 %");
    let about = browser.text("#tile-satisfaction .about").await;
    assert!(about.contains("n = 10, 95 %: 31 % to 83 %, rated by "), "{about}");
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_readable_light_and_dark_wide_and_on_a_phone() {
    let (_database, pool) = busy().await;
    let served = Served::start(pool.clone()).await;
    let browser = Browser::start().await;
    let mut grounds = Vec::new();
    for (width, is_dark) in
        [(1280, false), (1280, true), (390, false), (390, true), (360, false), (800, false)]
    {
        let screen = Screen { width, is_dark };
        browser.look_through(screen).await;
        browser.open(&served.url("/")).await;
        let scheme = if is_dark { "dark" } else { "light" };
        browser.screenshot(&format!("dashboard-{width}-{scheme}"), screen).await;
        for path in
            ["/", "/rows/requests?account=acme", "/rows/waiting", "/rows/scores?days=14", "/?account=nobody"]
        {
            browser.open(&served.url(path)).await;
            assert_no_overflow(&browser, path, width).await;
        }
        let ground = "const s = getComputedStyle(document.body); return s.backgroundColor + ' ' + s.color;";
        grounds.push(browser.run(ground).await);
        assert_readable(&browser, &served, width).await;
    }
    assert_ne!(grounds[0], grounds[1], "dark is dark");
    assert_eq!(grounds[0], grounds[2], "light is light everywhere");
    let screen = Screen { width: 1280, is_dark: false };
    browser.look_through(screen).await;
    browser.open(&served.url("/rows/requests?account=acme")).await;
    browser.screenshot("rows-1280-light", screen).await;
    let said: Vec<String> =
        browser.console().await.into_iter().filter(|line| !line.contains("404")).collect();
    assert_eq!(said, Vec::<String>::new());
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_text_and_nothing_else() {
    let (_database, pool) = busy().await;
    let long = "\u{202e}W\u{200d}<i>".repeat(2000);
    let names: Vec<String> = HOSTILE.iter().map(|name| (*name).to_owned()).chain([long]).collect();
    // Everybody has one: clients, operators, channels, labels, leads, owners, receivers, errors, links.
    for (at, name) in names.iter().enumerate() {
        for (table, column, key) in [
            ("clients", "display_name", "client_id"),
            ("operators", "name", "operator_id"),
            ("channels", "name", "channel_id"),
            ("leads", "display_name", "client_id"),
        ] {
            let statement = format!(
                "update {table} set {column} = $1 where account_id = 'acme' and hashtext({key}) % 7 in ($2, -$2)"
            );
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(name)
                .bind(i32::try_from(at).unwrap())
                .execute(&pool)
                .await
                .unwrap();
        }
    }
    let script = names[0].as_str();
    for statement in [
        "update ledger.escalations set owner = $1",
        "update ledger.targets set reason = $1",
        "update tag_scores set label = $1",
        "update ledger.crm_links set last_error = $1, url = 'javascript:window.owned=1'",
        "update rejects set detail = $1",
        "update ledger.cursors set walk = $1 where walk = 'messages'",
        "update dialogs set web_url = 'javascript:window.owned=1//' || $1",
    ] {
        sqlx::query(statement).bind(script).execute(&pool).await.unwrap();
    }
    let served = Served::start(pool.clone()).await;
    let browser = Browser::start().await;
    for (width, is_dark) in [(1280, false), (360, true)] {
        let screen = Screen { width, is_dark };
        browser.look_through(screen).await;
        for path in [
            "/",
            "/?days=14",
            "/rows/requests?days=14&by=operator&key=%3Cscript%3Ewindow.owned%3D1%3C/script%3E",
            "/rows/requests?account=acme",
            "/rows/waiting",
            "/rows/scores?days=14",
            "/rows/crm",
            "/rows/rejects",
        ] {
            browser.open(&served.url(path)).await;
            let found = browser
                .run(
                    "return { owned: window.owned === 1, title: document.title, scripts: document.scripts.length, \
                     made: document.querySelectorAll('main script, main img, main i, main b, [onerror]').length, \
                     bad: [...document.links].filter(a => !/^https?:$/.test(a.protocol)).length };",
                )
                .await;
            assert_eq!(found["owned"], false, "{path}");
            assert_eq!(
                (&found["made"], &found["bad"], &found["scripts"]),
                (&0.into(), &0.into(), &1.into()),
                "{path}: {found}"
            );
            assert_no_overflow(&browser, path, width).await;
        }
        browser.open(&served.url("/")).await;
        let text = browser.text("main").await;
        assert!(text.contains("<script>document.title="), "the name is there, as it is: {text}");
        assert!(text.contains("شركة الأمل") || text.contains("👩‍👩‍👧‍👦"), "{text}");
        browser.screenshot(&format!("hostile-{width}"), screen).await;
        // Every row stays a row: no name makes one taller than two lines.
        let tall = "return Math.max(...[...document.querySelectorAll('main tbody tr')].filter(r => !r.querySelector('.reason')).map(r => r.getBoundingClientRect().height));";
        let tallest = browser.run(tall).await.as_f64().unwrap();
        assert!(tallest < 75.0, "a row is {tallest} px tall at {width}");
    }
    assert_eq!(browser.console().await, Vec::<String>::new());
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_brings_itself_up_to_date_and_leaves_the_reader_alone() {
    let (_database, pool) = busy().await;
    let served = Served::start(pool.clone()).await;
    let browser = Browser::start().await;
    browser.open(&served.url("/")).await;
    browser.run("document.querySelector('#tile-waiting details').open = true; window.same = 1;").await;
    let second = "const link = document.querySelectorAll('#waiting tbody tr a')[1]; link.focus(); return link.closest('tr').dataset.key;";
    let person = browser.run(second).await.as_str().unwrap().to_owned();
    let before: i64 = browser.text("#tile-waiting .value").await.parse().unwrap();
    // The first one was answered meanwhile, and time went on.
    sqlx::query(
        "update requests set waiting_since = null where account_id = 'acme' and request_key = \
         (select request_key from requests where account_id = 'acme' and waiting_since is not null order by waiting_since, request_key limit 1)",
    )
    .execute(&pool)
    .await
    .unwrap();
    served.clock.advance(chrono::Duration::minutes(7));
    wait_until("one fewer waits", SOON, async || {
        browser.text("#tile-waiting .value").await == (before - 1).to_string()
    })
    .await;
    let state = browser
        .run(
            "return [window.same, document.querySelector('#tile-waiting details').open, \
             document.activeElement.closest('tr').dataset.key, document.activeElement.closest('tr').rowIndex, document.title];",
        )
        .await;
    let title = format!("({}) Alpine Outfitters · Chatledger", before - 1);
    assert_eq!(
        state,
        serde_json::json!([1, true, person, 1, title]),
        "not loaded again, still open, same person"
    );

    // The server goes away, and comes back.
    let address = served.address.to_string();
    served.end().await;
    let said = "The server cannot be reached. These are the figures of Mon 26 Oct 16:27:00. Trying again.";
    wait_until("it is said", SOON, async || browser.text("#trouble").await == said).await;
    assert_eq!(browser.text("#tile-waiting .value").await, (before - 1).to_string(), "the figures stay");
    browser.screenshot("trouble-1280", Screen { width: 1280, is_dark: false }).await;
    let served = Served::on(&address, pool.clone()).await;
    wait_until("all is well", SOON, async || {
        browser.run("return document.getElementById('trouble').hidden;").await == true
    })
    .await;

    // Another account is one choice away.
    browser
        .run("const s = document.getElementById('account'); s.value = 'other'; s.dispatchEvent(new Event('change'));")
        .await;
    wait_until("the other account", SOON, async || {
        browser.run("return document.title;").await == "Boréal Wares <b> · Chatledger"
    })
    .await;
    assert_eq!(browser.text("#tile-requests .value").await, "0");
    assert_eq!(browser.text("#tile-median .value").await, "–", "nothing is not 0");
    browser.screenshot("empty-1280", Screen { width: 1280, is_dark: false }).await;
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_it_says_so_and_recovers() {
    let mut server = own_database_server().await;
    let database = server.database().await;
    // As the program's, but less patient: the test waits for each refusal.
    let patient = database.pool();
    let pool = database.pool_that_waits(Duration::from_secs(5));
    fill(&patient).await;
    let served = Served::start(pool.clone()).await;
    let browser = Browser::start().await;
    browser.open(&served.url("/")).await;
    server.kill().await;
    wait_until("it is said", SOON, async || {
        browser.text("#trouble").await.contains("database does not answer")
    })
    .await;
    for path in ["/", "/rows/waiting", "/api/today", "/api/pipeline"] {
        let response = served.get(path).await;
        assert_eq!(response.status(), 503, "{path}");
        let text = response.text().await.unwrap();
        assert!(
            text.to_lowercase().contains("the database does not answer") && !text.contains("127.0.0.1"),
            "{text}"
        );
    }
    browser.open(&served.url("/")).await;
    assert!(browser.text("#failed h1").await.contains("The database does not answer"));
    browser.screenshot("no-database-1280", Screen { width: 1280, is_dark: false }).await;
    server.start().await;
    wait_until("the figures are back", SOON, async || {
        browser.run("return document.getElementById('tile-waiting') !== null;").await == true
    })
    .await;
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_everything_and_a_page_without_script_has_all_the_figures() {
    let (_database, pool) = busy().await;
    let served = Served::start(pool).await;
    let browser = Browser::start().await;
    browser.open(&served.url("/")).await;
    let tab = '\u{e004}';
    let mut reached = Vec::new();
    for _ in 0..16 {
        browser.press(tab).await;
        reached
            .push(browser.run("return document.activeElement.innerText || document.activeElement.id;").await);
    }
    assert_eq!(reached[0], "Skip to the figures");
    let text = reached.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
    for way in ["Chatledger", "7 days", "Definition", "Rows"] {
        assert!(text.contains(way), "{way} in {text}");
    }
    let plain = served.get("/").await.text().await.unwrap();
    assert!(plain.contains("<noscript><meta http-equiv=\"refresh\""), "it loads itself again");
    let shown = browser.text("#tile-median .value").await;
    assert!(plain.contains(&format!(">{shown}<")), "{shown} is in the page as it is sent");
    assert!(!plain.contains("style=") && !plain.contains("<script>") && !plain.contains("onclick"));
    browser.close().await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_api_are_guarded_and_agree_with_the_report() {
    let (_database, pool) = busy().await;
    sqlx::query("update clients set display_name = '=1+1' where account_id = 'acme'")
        .execute(&pool)
        .await
        .unwrap();
    let served = Served::start(pool.clone()).await;
    let acme = account("acme");
    let day = now().with_timezone(&ZONE).date_naive();
    for (name, by) in [(None, By::All), (Some("operator"), By::Operator), (Some("hour"), By::Hour)] {
        let query =
            Query { account: &acme, from: Some(day), to: Some(day), by, target_seconds: 120.0, as_of: now() };
        let expected = response_times(&pool, &query).await.unwrap();
        let path = format!("/api/response-times?{}", name.map(|by| format!("by={by}")).unwrap_or_default());
        let found = served.json(&path).await;
        // Read back, as the page's are: a figure may differ in its last bit otherwise.
        let expected_rows: Value = serde_json::from_str(&serde_json::to_string(&expected).unwrap()).unwrap();
        assert_eq!(found["rows"], expected_rows, "{path}");
        assert_eq!(
            (&found["metric_version"], &found["by"]),
            (&1.into(), &serde_json::to_value(name).unwrap())
        );
        if by == By::All {
            let first = expected[0].first_response;
            for (which, count) in
                [("answered", first.n), ("unanswered", first.unanswered), ("waiting", first.waiting)]
            {
                let rows = served.json(&format!("/rows/requests?format=json&which={which}")).await;
                assert_eq!(rows["total"], count, "{which}");
                assert_eq!(rows["rows"].as_array().unwrap().len(), usize::try_from(count).unwrap());
            }
        }
    }
    let today = served.json("/api/today").await;
    let waiting = store::report::waiting(&pool, "acme").await.unwrap();
    assert_eq!(
        (&today["account"], &today["waiting"]["requests"]),
        (&"acme".into(), &waiting.requests.into())
    );
    assert_eq!(
        served.json("/api/waiting").await["rows"].as_array().unwrap().len(),
        usize::try_from(waiting.requests).unwrap()
    );
    let rated = served.json("/api/scores?days=14").await;
    assert_eq!((&rated["rows"][0]["rated"], &rated["rows"][0]["csat"]), (&10.into(), &0.6.into()));
    assert_eq!(served.json("/rows/scores?days=14&format=json").await["total"], 10);
    assert_eq!(served.json("/api/low-scores").await["rows"].as_array().unwrap().len(), 3);
    let crm = served.json("/api/crm").await;
    assert_eq!(
        (&crm["leads"], &crm["crms"][0]["in_sync"], &crm["crms"][1]["crm"]),
        (&29.into(), &26.into(), &"warehouse".into())
    );
    let pipeline = served.json("/api/pipeline").await;
    assert_eq!(
        (&pipeline["unread"], &pipeline["marks"], &pipeline["quota"]["calls_left"]),
        (&12.into(), &2.into(), &8796.into())
    );

    let csv = served.get("/rows/waiting?format=csv").await;
    assert!(csv.headers()["content-disposition"].to_str().unwrap().contains("acme-waiting.csv"));
    let csv = csv.text().await.unwrap();
    assert_eq!(csv.lines().count(), usize::try_from(waiting.requests).unwrap() + 1);
    assert!(csv.contains(",'=1+1,"), "no formula: {csv}");

    for (path, status) in [
        ("/", 200),
        ("/assets/icon.svg", 200),
        ("/rows/crm?crm=sales-hubspot&status=dead", 200),
        ("/rows/secrets", 404),
        ("/?account=nobody", 404),
        ("/?days=x", 400),
        ("/?account=a&account=b", 400),
        ("/rows/requests?which=best", 400),
        ("/rows/requests?by=star&key=1", 400),
        ("/rows/requests?key=%00&by=operator", 400),
        ("/rows/requests?from=99999-01-01", 400),
        ("/rows/requests?format=exe", 400),
        ("/rows/scores?of=birth", 400),
        ("/rows/scores?sentiment=%00", 400),
        ("/api/today?account=nobody", 404),
        ("/api/response-times?by=star", 400),
    ] {
        let response = served.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        if !path.starts_with("/assets") {
            assert_eq!(header("cache-control"), "no-store", "{path}");
        }
    }
    served.end().await;
}
