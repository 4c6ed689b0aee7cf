//! What the scenarios of escalation share: scores as the fold writes them, a receiver of webhooks, an escalator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use bytes::Bytes;
use chatledger_tests::{TestDatabase, database, wait_until};
use chrono::{DateTime, TimeDelta, Utc};
use escalation::{Channel, Condition, Escalator, Links, Notifier, Rule, Rules, Settings};
use events::{Clock, SystemClock};
use outbound::{SigningSecret, Target};
use serde_json::Value;
use sqlx::PgPool;
use store::changes::{self, ChangeKind};
use store::escalations::{Escalation, Status};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Long enough for a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A database in which scores appear.
pub(crate) struct Scene {
    pub(crate) database: TestDatabase,
    pub(crate) pool: PgPool,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let database = database().await;
        let pool = database.pool();
        for statement in [
            "insert into operators (account_id, operator_id, name, is_bot, deleted, row_hash) \
             values ('acme', '7001', 'Olga Operator', false, false, 1)",
            "insert into clients (account_id, client_id, display_name, is_anonymous, tags, custom, row_hash) \
             values ('acme', '5', 'Canary Client', false, '{}', '{}', 1)",
            "insert into dialogs (account_id, dialog_id, conversation, client_id, state, requests, web_url, row_hash) \
             values ('acme', '30', '5/12', '5', 'open', 1, 'https://web.example.org/chat/30', 1)",
            "insert into requests (account_id, request_key, conversation, segmentation, kind, client_id, dialog_id, \
                 initiated_by, opened_at, client_messages, operator_messages, bot_messages, automation_messages, \
                 transfers, turns_answered, turns_unanswered, local_day, local_hour, metric_version, row_hash) \
             values ('acme', '870', '5/12', 'given', 'common', '5', '30', 'client', now(), \
                 1, 1, 0, 0, 0, 1, 0, current_date, 1, 1, 1)",
        ] {
            sqlx::query(statement).execute(&pool).await.unwrap();
        }
        Self { database, pool }
    }

    /// Writes a score as the fold does: the row and the note that it changed, together.
    pub(crate) async fn score(
        &self,
        valuation: &str,
        score: f64,
        given_at: DateTime<Utc>,
        is_withdrawn: bool,
    ) {
        let mut transaction = store::begin(&self.pool).await.unwrap();
        sqlx::query(
            "insert into tag_scores (account_id, valuation_request_key, scale_id, conversation, client_id, request_key, \
                 source, given_at, local_day, score, scale, sentiment, comment, withdrawn_at, operator_id, link, \
                 delivery_id, row_hash) \
             values ('acme', $1, '', '5/12', '5', '870', 'tag', $3, $3::date, $2, 5, 'bad', 'canary comment', \
                 case when $4 then now() end, '7001', 'given', gen_random_uuid(), 1) \
             on conflict (account_id, valuation_request_key, scale_id) \
             do update set score = excluded.score, withdrawn_at = excluded.withdrawn_at",
        )
        .bind(valuation)
        .bind(score)
        .bind(given_at)
        .bind(is_withdrawn)
        .execute(&mut *transaction)
        .await
        .unwrap();
        self.change(&mut transaction, valuation).await;
        store::commit(transaction).await.unwrap();
    }

    async fn change(&self, connection: &mut sqlx::PgConnection, valuation: &str) {
        let subject = [("acme".to_owned(), valuation.to_owned())];
        changes::note(connection, ChangeKind::Score, &subject).await.unwrap();
    }

    /// The same change again, as a replay notes it.
    pub(crate) async fn replay(&self, valuation: &str) {
        let mut transaction = store::begin(&self.pool).await.unwrap();
        self.change(&mut transaction, valuation).await;
        store::commit(transaction).await.unwrap();
    }

    /// A score of 1, just now.
    pub(crate) async fn low(&self, valuation: &str) {
        self.score(valuation, 1.0, SystemClock.now(), false).await;
    }

    pub(crate) async fn find(&self, valuation: &str, episode: i32) -> Option<Escalation> {
        store::escalations::find(&self.pool, &key(valuation, episode)).await.unwrap()
    }

    /// Waits until an escalation stands so.
    pub(crate) async fn until(&self, valuation: &str, episode: i32, status: Status) {
        wait_until(&format!("{valuation}/{episode} is {}", status.word()), SOON, async || {
            self.find(valuation, episode).await.is_some_and(|found| found.status == status)
        })
        .await;
    }

    /// Waits until every change is dealt with.
    pub(crate) async fn evaluated(&self) {
        wait_until("all changes are dealt with", SOON, async || {
            let left: i64 =
                sqlx::query_scalar("select count(*) from changes").fetch_one(&self.pool).await.unwrap();
            left == 0
        })
        .await;
    }

    /// Status of each effect by key.
    pub(crate) async fn effects(&self) -> BTreeMap<String, String> {
        let found: Vec<(String, String)> = sqlx::query_as("select effect_key, status from ledger.effects")
            .fetch_all(&self.pool)
            .await
            .unwrap();
        found.into_iter().collect()
    }
}

pub(crate) fn key(valuation: &str, episode: i32) -> String {
    format!("acme/low-score/{valuation}/{episode}")
}

pub(crate) fn rule(notify: &[&str]) -> Rule {
    Rule {
        name: "low-score".to_owned(),
        when: Condition::ScoreAtMost(2.0),
        accounts: Some(vec!["acme".to_owned()]),
        notify: notify.iter().map(|name| (*name).to_owned()).collect(),
        historic_after: Duration::from_secs(24 * 3600),
        due: Some(Duration::from_secs(900)),
    }
}

pub(crate) fn links() -> Links {
    Links::new(&[7; 32], "https://ledger.example.org".parse().unwrap())
}

pub(crate) fn yesterday() -> DateTime<Utc> {
    SystemClock.now() - TimeDelta::hours(25)
}

/// An escalator with one rule that tells all of them.
pub(crate) fn escalator(pool: &PgPool, owner: &str, notifiers: Vec<Notifier>) -> Escalator {
    let names: Vec<&str> = notifiers.iter().map(|notifier| notifier.name.as_str()).collect();
    let rules = Rules { rules: vec![rule(&names)], zones: BTreeMap::new() };
    let settings = Settings { rules, notifiers, links: Some(links()), ..Settings::new(owner.to_owned(), 7) };
    Escalator::new(pool.clone(), clock(), settings)
}

/// An escalator that runs until it is dropped or stopped.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(escalator: Escalator) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        Self { stop, task: tokio::spawn(async move { escalator.run(token).await.unwrap() }) }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// What a webhook brought.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    pub(crate) fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }
}

type Answering = Arc<dyn Fn(usize) -> StatusCode + Send + Sync>;

/// A receiver of webhooks that remembers what came.
#[derive(Clone)]
pub(crate) struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    pub(crate) url: String,
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        Self::answering(|_| StatusCode::OK).await
    }

    /// `answer` is told how many came before.
    pub(crate) async fn answering(answer: impl Fn(usize) -> StatusCode + Send + Sync + 'static) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (store, answer): (_, Answering) = (received.clone(), Arc::new(answer));
        let route = post(move |headers: HeaderMap, body: Bytes| async move {
            let before = {
                let mut received = store.lock().unwrap();
                received.push(Received { headers, body });
                received.len() - 1
            };
            answer(before)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/in", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/in", route)).await });
        Self { received, url }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) async fn until(&self, count: usize) -> Vec<Received> {
        wait_until(&format!("{count} webhooks came"), SOON, async || self.received().len() >= count).await;
        self.received()
    }

    pub(crate) fn notifier(&self, name: &str) -> Notifier {
        webhook(name, &self.url)
    }
}

pub(crate) fn webhook(name: &str, url: &str) -> Notifier {
    let mut settings = outbound::Settings::new(url.parse().unwrap());
    settings.allow_private = true;
    settings.secrets = vec![SigningSecret::parse(WEBHOOK_SECRET).unwrap()];
    Notifier { name: name.to_owned(), channel: Channel::Webhook(Target::new(settings).unwrap()) }
}
