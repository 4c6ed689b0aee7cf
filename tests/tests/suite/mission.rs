//! The whole line, by the real program, on both logs: a webhook of a low score reaches the supervisor and the CRM, once
//! however often it comes; `trace` leads from each row back to the bytes that were posted.

use chatledger_tests::{Home, Up, database, kafka, wait_until};
use events::{Clock as _, SystemClock};
use serde_json::{Value, json};
use simulator::hubspot::HubSpot;
use simulator::receiver::Receiver;
use simulator::server::{Hosted, WorldClock, host};
use sqlx::PgPool;

use crate::ledger::{NOBODY, SOON, account, home_on, hook, post, projected};
use crate::log_backends::fresh_id;

/// Nothing of this may stand in a log line.
const CANARIES: [&str; 6] = [
    "Canary Name",
    "77010009911",
    "canary text",
    "crm-token-canary",
    "Y2FuYXJ5LXNlY3JldA",
    "hook-secret-acme",
];

struct Scene {
    home: Home,
    up: Up,
    pool: PgPool,
    supervisor: Hosted<Receiver>,
    crm: Hosted<HubSpot>,
}

impl Scene {
    async fn new(log: &str) -> Self {
        let listener = async || tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secret = "whsec_Y2FuYXJ5LXNlY3JldC1jYW5hcnktc2VjcmV0LWNhbmFyeQ==";
        let clock = || WorldClock::running(SystemClock.now());
        let supervisor = host(Receiver::with_secret(secret), listener().await, clock()).unwrap();
        let crm = host(HubSpot::new("crm-token-canary"), listener().await, clock()).unwrap();
        let more = format!(
            "[[account.score]]\ntag = \"score-1\"\nscore = 1\n\
             [[escalation]]\nname = \"low-score\"\nwhen = {{ score_at_most = 2 }}\nnotify = [\"supervisors\"]\n\
             [[notifier]]\nname = \"supervisors\"\nkind = \"webhook\"\nurl = \"{}/in\"\nsecret_env = \"SIGNING_SECRET\"\n\
             allow_private = true\n\
             [[crm]]\nname = \"hubspot\"\nkind = \"hubspot\"\napi_url = \"{}\"\ntoken_env = \"CRM_TOKEN\"\nlive = true\n",
            supervisor.url(),
            crm.url(),
        );
        let database = database().await;
        let home = home_on(&database, log, &account(NOBODY, &format!("history = \"none\"\n{more}")))
            .with("SIGNING_SECRET", secret)
            .with("CRM_TOKEN", "crm-token-canary");
        let up = home.up().await;
        Self { pool: database.pool(), home, up, supervisor, crm }
    }

    fn told(&self) -> Vec<Value> {
        self.supervisor.with(|supervisor| supervisor.taken().map(|received| received.json()).collect())
    }

    async fn trace(&self, what: &str) -> Value {
        let traces = self.home.run(&["trace", what, "--format", "json"]).await.json();
        assert_eq!(traces.as_array().unwrap().len(), 1, "{what}: {traces}");
        traces[0].clone()
    }
}

fn now() -> String {
    SystemClock.now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// A contact, its survey and a score of 1, as the platform sends them.
fn webhooks() -> Vec<Value> {
    let client = json!({"id": 5, "phone": "77010009911", "name": "Canary Name"});
    let message = |id: u64, hook: &str, kind: &str, operator: Value| {
        json!({"hook_type": hook, "message_id": id, "type": kind, "text": "canary text", "transport": "telegram",
               "client_id": 5, "channel_id": 12, "dialog_id": 41, "operator_id": operator, "request_id": 80,
               "client": client, "event_time": now()})
    };
    vec![
        message(901, "inbox", "from_client", Value::Null),
        message(902, "outbox", "to_client", json!(7001)),
        json!({"hook_type": "close_request", "request_id": 80, "client_id": 5, "event_time": now()}),
        json!({"hook_type": "new_request", "request_id": 81, "client_id": 5, "channel_id": 12, "type": "rating",
               "by_client": false, "event_time": now()}),
        json!({"hook_type": "add_tag_to_request", "id": 611, "label": "score-1", "request_id": 81, "client_id": 5,
               "event_time": now()}),
    ]
}

async fn whole_line(log: &str) {
    let scene = Scene::new(log).await;
    let url = hook(&scene.up);
    let webhooks = webhooks();
    for body in &webhooks {
        assert_eq!(post(&url, body).await, 200);
    }
    wait_until("the supervisor is told", SOON, async || !scene.told().is_empty()).await;
    wait_until("the crm has the lead with its score", SOON, async || {
        scene.crm.with(|crm| {
            let lead = crm.contacts.having("chat_client_key", "chat2desk-acme-5");
            lead.is_some_and(|contact| contact.properties.get("chat_score").is_some_and(|score| score == "1"))
        })
    })
    .await;

    // Everything once more, and a second kind of retry: other bytes that say the same.
    for body in &webhooks {
        assert_eq!(post(&url, body).await, 200);
    }
    projected(&scene.pool, 2 * webhooks.len() as i64).await;
    wait_until("changes are dealt with", SOON, async || {
        sqlx::query_scalar::<_, i64>("select count(*) from changes").fetch_one(&scene.pool).await.unwrap()
            == 0
    })
    .await;
    let told = scene.told();
    assert_eq!(told.len(), 1, "a duplicate tells nobody: {told:?}");
    assert_eq!(told[0]["type"], "escalation.opened", "{told:?}");
    assert!(
        scene.supervisor.with(|supervisor| supervisor.taken().all(|received| received.signature.is_good()))
    );
    let creates = scene.crm.with(|crm| crm.contacts.creates("chat_client_key").clone());
    assert_eq!(creates.get("chat2desk-acme-5"), Some(&1), "{creates:?}");

    // Back to the bytes.
    let key = told[0]["data"]["escalation_key"].as_str().unwrap().to_owned();
    let posted: Vec<String> = webhooks.iter().map(Value::to_string).collect();
    for (what, body) in [
        ("message:901", &posted[0]),
        ("request:80", &posted[2]),
        ("score:81", &posted[4]),
        (&format!("escalation:{key}"), &posted[4]),
        ("lead:chat2desk-acme-5", &posted[0]),
    ] {
        let trace = scene.trace(what).await;
        let deliveries = trace["deliveries"].as_array().unwrap();
        let found = deliveries.iter().find(|delivery| delivery["body"] == body.as_str());
        let delivery = found.unwrap_or_else(|| panic!("{what}: {body} is not among {deliveries:#?}"));
        assert_eq!(delivery["road"], "webhook");
        // And on from there: the delivery knows what it told.
        let forth = scene.trace(delivery["id"].as_str().unwrap()).await;
        assert_eq!(forth["deliveries"][0]["body"], body.as_str());
        assert!(!forth["told_by"].as_array().unwrap().is_empty(), "{what}: {forth}");
    }
    let score = scene.trace("score:81").await;
    assert_eq!(score["rows"][0]["request_key"], "80", "{score}");
    assert_eq!(score["escalations"][0]["escalation_key"], key.as_str(), "{score}");
    assert_eq!(score["effects"][0]["status"], "done", "{score}");
    let lead = scene.trace("chat2desk-acme-5").await;
    assert_eq!(lead["crm_links"][0]["status"], "ok", "{lead}");
    let people = scene.home.run(&["trace", "score:81"]).await;
    assert!(people.stdout.contains("Told by") && people.stdout.contains("escalation"), "{}", people.stdout);
    let nothing = scene.home.run(&["trace", "nothing-like-it"]).await;
    assert!(
        nothing.code() == Some(2) && nothing.stderr.contains("nothing is known of"),
        "{}",
        nothing.stderr
    );

    let said = scene.up.process.stop().await.succeeded().stderr;
    for canary in CANARIES {
        assert!(!said.contains(canary), "{canary} stands in a log line:\n{said}");
    }
    let kept: String = sqlx::query_scalar(
        "select coalesce(string_agg(to_jsonb(e)::text || convert_from(coalesce(e.body, ''), 'UTF8'), ' '), '') \
         from ledger.effects e",
    )
    .fetch_one(&scene.pool)
    .await
    .unwrap();
    for canary in CANARIES {
        assert!(!kept.contains(canary), "{canary} is kept with an effect: {kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_score_reaches_supervisor_and_crm_once_and_is_traced_back_on_the_postgres_log() {
    whole_line("backend = \"postgres\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_score_reaches_supervisor_and_crm_once_and_is_traced_back_on_the_kafka_log() {
    let broker = kafka().await;
    let topic = fresh_id();
    whole_line(&format!(
        "backend = \"kafka\"\nbrokers = [\"{broker}\"]\ntopic = \"mission-{topic}\"\npartitions = 3\nreplication = 1"
    ))
    .await;
}
