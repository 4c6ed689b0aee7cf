//! `explain`: the fold step by step. Every step's delivery can be traced, every number is the row's, and what people wrote
//! is not shown unless it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use chatledger_tests::Home;
use events::Delivery;
use projection::explain::{About, Part, explain};
use projection::{AccountRules, ScoreTag, Scores};
use serde_json::{Value, json};

use crate::ledger::{NOBODY, account, home_on};
use crate::projected::{Projected, message, row, webhook};

/// Nothing of this may be shown without being asked for.
const CANARIES: [&str; 4] = ["canary text", "77010009911", "Canary Name", "canary comment"];

struct Scene {
    projected: Projected,
    home: Home,
    /// Delivery ids by name.
    ids: BTreeMap<&'static str, String>,
}

fn rules() -> AccountRules {
    AccountRules {
        zone: chrono_tz::Asia::Almaty,
        bots: ["7009".to_owned()].into(),
        scores: Scores::new(vec![ScoreTag { tag: "612".to_owned(), score: 2.0, scale: 5.0 }]),
        ..AccountRules::default()
    }
}

fn of(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// A contact that a bot hands over, its survey and its score; a talk without request ids; a message of two clients.
fn deliveries() -> Vec<(&'static str, Delivery)> {
    let hook = |body: Value| webhook(&body, None);
    let event = |hook_type: &str, at: &str, more: Value| {
        of(json!({"hook_type": hook_type, "client_id": 5, "event_time": at}), &more)
    };
    let nameless = |id: u64, client: u64, operator: Option<u64>, at: &str| {
        of(
            message(id, 0, operator, at),
            &json!({"request_id": null, "client_id": client, "dialog_id": client + 40}),
        )
    };
    let asked = "messages?start_id=1&limit=200&order=asc";
    vec![
        ("question", hook(message(1, 80, None, "2026-01-15T04:00:00.250Z"))),
        (
            "question fetched",
            row(
                asked,
                &json!({"id": 1, "type": "from_client", "text": "canary text", "client_id": 5, "channel_id": 12,
                        "request_id": 80, "dialog_id": 41, "transport": "telegram", "created": "2026-01-15T04:00:00 UTC"}),
                "2026-01-16T09:00:00Z",
            ),
        ),
        ("bot", hook(message(2, 80, Some(7009), "2026-01-15T04:00:02Z"))),
        (
            "transfer",
            hook(event(
                "dialog_transferred",
                "2026-01-15T04:05:00Z",
                json!({"dialog_id": 41, "operator_id": 7001, "request_id": 80}),
            )),
        ),
        ("answer", hook(message(3, 80, Some(7001), "2026-01-15T04:06:00Z"))),
        ("adopted", hook(nameless(5, 5, None, "2026-01-15T04:10:00Z"))),
        ("second answer", hook(message(6, 80, Some(7001), "2026-01-15T04:11:30Z"))),
        ("closing", hook(event("close_request", "2026-01-15T04:30:00Z", json!({"request_id": 80})))),
        (
            "survey",
            hook(event(
                "new_request",
                "2026-01-15T04:30:01Z",
                json!({"request_id": 81, "channel_id": 12, "dialog_id": 41, "type": "rating", "by_client": false}),
            )),
        ),
        (
            "tag",
            hook(event(
                "add_tag_to_request",
                "2026-01-15T04:32:00Z",
                json!({"id": 612, "request_id": 81, "channel_id": 12, "label": "score-2"}),
            )),
        ),
        (
            "rating",
            row(
                "statistics?report=rating&date=2026-01-15&limit=200&offset=0",
                &json!({"valuation_request_id": 81, "request_id": 80, "rating_scale_id": 1, "rating_scale_score": 2,
                        "operator_id": 7001, "created_at": "2026-01-15 09:32:00", "rating_text": "canary comment"}),
                "2026-01-16T09:00:00Z",
            ),
        ),
        ("derived question", hook(nameless(20, 6, None, "2026-01-15T06:00:00Z"))),
        ("derived answer", hook(nameless(21, 6, Some(7002), "2026-01-15T06:00:40Z"))),
        (
            "derived closing",
            hook(event("close_dialog", "2026-01-15T07:00:00Z", json!({"client_id": 6, "dialog_id": 46}))),
        ),
        ("moved", hook(message(30, 82, None, "2026-01-15T08:00:00Z"))),
        ("stays", hook(message(31, 82, None, "2026-01-15T08:01:00Z"))),
        (
            "moved fetched",
            row(
                asked,
                &json!({"id": 30, "type": "from_client", "text": "canary text", "client_id": 9, "channel_id": 12,
                        "request_id": 83, "dialog_id": 49, "transport": "telegram", "created": "2026-01-15T08:00:00 UTC"}),
                "2026-01-16T09:00:00Z",
            ),
        ),
    ]
}

impl Scene {
    async fn new() -> Self {
        let projected = Projected::by(rules()).await;
        let named = deliveries();
        let all: Vec<Delivery> = named.iter().map(|(_, delivery)| delivery.clone()).collect();
        projected.take(&all).await;
        let ids = named.iter().map(|(name, delivery)| (*name, delivery.id.0.to_string())).collect();
        let more = "history = \"none\"\n[[account.score]]\ntag = \"612\"\nscore = 2\n";
        let home = home_on(&projected.database, "partitions = 2", &account(NOBODY, more));
        Self { projected, home, ids }
    }

    async fn explain(&self, what: &str) -> Value {
        let stories = self.home.run(&["explain", what, "--format", "json"]).await.json();
        assert_eq!(stories.as_array().unwrap().len(), 1, "{what}: {stories}");
        let story = stories[0].clone();
        self.assert_told_of_rows_and_deliveries(what, &story).await;
        story
    }

    /// Every delivery is in the log; every number is that of the row in the tables.
    async fn assert_told_of_rows_and_deliveries(&self, what: &str, story: &Value) {
        let pool = &self.projected.pool;
        let known: BTreeSet<&str> = self.ids.values().map(String::as_str).collect();
        let steps = story["steps"].as_array().unwrap();
        let named: BTreeSet<&str> = steps.iter().filter_map(|step| step["delivery_id"].as_str()).collect();
        assert!(!named.is_empty() && named.is_subset(&known), "{what}: {named:?}");
        for row in story["requests"].as_array().unwrap() {
            let stored: Value =
                sqlx::query_scalar("select to_jsonb(r) - 'row_hash' from requests r where request_key = $1")
                    .bind(row["request_key"].as_str())
                    .fetch_one(pool)
                    .await
                    .unwrap();
            // By which copy of a delivery we know may differ between a row and its fold (design.md, promise 3).
            for (column, stored) in
                stored.as_object().unwrap().iter().filter(|(column, _)| !column.ends_with("_delivery"))
            {
                let is_time = column.ends_with("_at") || column == "waiting_since";
                let (told, stored) = match (is_time, row[column].as_str(), stored.as_str()) {
                    (true, Some(told), Some(stored)) => {
                        let at = |text: &str| json!(text.parse::<chrono::DateTime<chrono::Utc>>().unwrap());
                        (at(told), at(stored))
                    }
                    // 60 and 60.0 are one number.
                    _ if stored.is_number() => (json!(row[column].as_f64()), json!(stored.as_f64())),
                    _ => (row[column].clone(), stored.clone()),
                };
                assert_eq!(told, stored, "{what}: {column}");
            }
            let key = &row["request_key"];
            for step in steps.iter().filter(|step| step["part"] == "duration" && step["request_key"] == *key)
            {
                if let Some(column) = step["column"].as_str() {
                    assert_eq!(step["seconds"], row[column], "{what}: {column}");
                }
            }
        }
    }

    /// The steps of a part as `what` with the name of the delivery.
    fn steps<'a>(&self, story: &'a Value, part: &str) -> Vec<(&'a str, &str)> {
        let name = |id: Option<&str>| {
            self.ids.iter().find(|(_, known)| Some(known.as_str()) == id).map_or("", |(name, _)| *name)
        };
        let steps = story["steps"].as_array().unwrap().iter().filter(|step| step["part"] == part);
        steps.map(|step| (step["what"].as_str().unwrap(), name(step["delivery_id"].as_str()))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_request_is_told_from_its_first_question_to_its_score() {
    let scene = Scene::new().await;
    let story = scene.explain("80").await;
    let told = scene.steps(&story, "told");
    assert!(told.contains(&("message 1 by client, told 2 times", "question")), "{told:?}");
    let won = told.iter().find(|(what, _)| what.starts_with("… a fetched row wins")).unwrap();
    assert!(won.0.contains("created_at") && won.0.contains("text") && won.1 == "question fetched", "{won:?}");
    assert!(told.contains(&("… a webhook wins event_at", "question")), "{told:?}");
    let adopted = "message 5 by client; names no request, adopted because it lies in the time of this one";
    assert!(told.contains(&(adopted, "adopted")), "{told:?}");
    assert_eq!(
        scene.steps(&story, "cut"),
        [
            ("request 80 is given: its id is the platform's; opened by its message 1", "question"),
            ("closed by its closing event; reason unknown", "closing"),
        ]
    );
    assert_eq!(
        scene.steps(&story, "held"),
        [
            ("bot 7009 holds it (assigned), by a message of theirs", "bot"),
            ("operator 7001 holds it (transfer), by a transfer", "transfer"),
        ]
    );
    assert_eq!(
        scene.steps(&story, "turn"),
        [
            ("turn 1: asked by message 1", "question"),
            (
                "turn 1: answered by operator 7001 with message 3, after 359.750 s; a bot or an automatic answer came between",
                "answer"
            ),
            ("turn 2: asked by message 5", "adopted"),
            ("turn 2: answered by operator 7001 with message 6, after 90.000 s", "second answer"),
        ]
    );
    let durations = scene.steps(&story, "duration");
    for step in [
        ("first response 359.750 s: from the client's question, message 1", "question"),
        ("first response: to the first reply by a person, message 3", "answer"),
        ("first response by people 60.000 s: from the bot's hand-over to operator 7001", "transfer"),
        ("queue wait: to operator 7001, who takes it", "transfer"),
        ("resolution: to its closing", "closing"),
    ] {
        assert!(durations.contains(&step), "{step:?}: {durations:?}");
    }
    let score = &scene.steps(&story, "score")[0];
    assert!(
        score.0.starts_with("score 2 of 5 (bad) by tag and report, in request 81, rates request 80 (as the"),
        "{score:?}"
    );

    // What a step names can be followed to its bytes.
    for name in ["transfer", "question fetched"] {
        let trace = scene.home.run(&["trace", &scene.ids[name], "--format", "json"]).await.json();
        assert_eq!(trace[0]["key"], scene.ids[name].as_str());
    }
    scene.projected.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn surveys_derived_requests_and_messages_of_two_conversations_say_what_they_are() {
    let scene = Scene::new().await;
    let survey = scene.explain("request:81").await;
    assert!(scene.steps(&survey, "cut").contains(&("it is a survey: no contact", "survey")), "{survey}");
    assert!(scene.steps(&survey, "duration")[0].0.starts_with("no durations"), "{survey}");
    assert_eq!(scene.steps(&survey, "tag"), [("tag 612 (score-2) put on", "tag")]);

    let derived = scene.explain("derived:6/12:20").await;
    assert_eq!(
        scene.steps(&derived, "cut"),
        [
            (
                "request derived:6/12:20 is derived: its messages name no request; opened by its message 20",
                "derived question"
            ),
            ("closed by the closing event of the dialog; reason unknown", "derived closing"),
        ]
    );
    assert_eq!(derived["requests"][0]["frt_customer_seconds"], 40.0);

    // The message stands with client 9, where its latest telling puts it; client 5 says that it left.
    let moved = scene.explain("83").await;
    assert!(
        scene.steps(&moved, "told").contains(&("message 30 by client, told 2 times", "moved")),
        "{moved}"
    );
    let left = scene.explain("82").await;
    let why = "message 30 is told here too, but its latest telling puts it into another conversation";
    assert!(scene.steps(&left, "left_out").contains(&(why, "moved")), "{left}");
    assert!(scene.steps(&left, "told").iter().all(|(what, _)| !what.contains("message 30")), "{left}");

    let dialog = scene.explain("dialog:41").await;
    let keys: BTreeSet<&str> = dialog["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["request_key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["80", "81", "82"].into());
    scene.projected.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_words_are_shown_unless_asked_for_and_what_is_unknown_is_said_so() {
    let scene = Scene::new().await;
    for arguments in [&["explain", "dialog:41"][..], &["explain", "dialog:41", "--format", "json"]] {
        let shown = scene.home.run(arguments).await.succeeded();
        for canary in CANARIES {
            assert!(
                !shown.stdout.contains(canary) && !shown.stderr.contains(canary),
                "{canary}: {}",
                shown.stdout
            );
        }
    }
    let table = scene.home.run(&["explain", "dialog:41"]).await.succeeded().stdout;
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    assert!(table.contains("Questions and answers") && table.contains(&scene.ids["answer"]), "{table}");
    let texts = scene.home.run(&["explain", "80", "--texts"]).await.succeeded().stdout;
    assert!(texts.contains("canary text") && texts.contains("canary comment"), "{texts}");
    assert!(!texts.contains("77010009911"), "texts, no phones");

    let unknown = scene.home.run(&["explain", "4711"]).await;
    assert_eq!(unknown.code(), Some(2));
    assert!(
        unknown.stderr.contains("no dialog and no request \"4711\"")
            && unknown.stderr.contains("chatledger trace 4711")
    );
    scene.projected.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_a_business_is_told_with_its_deliveries_and_its_numbers() {
    let scene = crate::completeness::Scene::new().await;
    scene.read().await;
    let pool = &scene.projected.pool;
    let rules = AccountRules { zone: chrono_tz::Asia::Almaty, ..AccountRules::default() };
    let requests: Vec<(String, String, Value)> =
        sqlx::query_as("select request_key, conversation, to_jsonb(r) from requests r order by 1")
            .fetch_all(pool)
            .await
            .unwrap();
    assert!(requests.len() > 50, "{} requests", requests.len());
    let mut connection = pool.acquire().await.unwrap();
    let (mut turns, mut measured) = (0, 0);
    for (key, conversation, row) in requests {
        let subject = store::folding::peek(&mut connection, "acme", &conversation).await.unwrap();
        let story = explain(&subject, &rules, About::Request(&key), false);
        assert_eq!(story.requests.len(), 1, "{key}");
        for step in &story.steps {
            // What has an instant was told by somebody; who is a client's message's operator has none.
            let is_told = step.delivery_id.is_some();
            assert!(is_told || step.at.is_none(), "{key}: {step:?}");
            if let (Part::Duration, Some(column)) = (step.part, step.column) {
                // The way through JSON may cost the last digit.
                let is_same = match (step.seconds, row[column].as_f64()) {
                    (Some(told), Some(stored)) => (told - stored).abs() < 1e-9,
                    (told, stored) => told == stored,
                };
                assert!(is_same, "{key}: {column} is {:?}, not {}", step.seconds, row[column]);
                measured += usize::from(step.seconds.is_some());
            }
            turns += usize::from(step.part == Part::Turn);
        }
    }
    assert!(turns > 100 && measured > 100, "{turns} {measured}");
    scene.end().await;
}
