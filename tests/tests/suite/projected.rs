//! A log, a projection that runs, and deliveries to give it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatledger_tests::{TestDatabase, database};
use chrono::{DateTime, Utc};
use events::{Capture, Delivery, DeliveryIds, ManualClock, PagePart, Platform, Road};
use log::{Entry, Log, PostgresLog};
use projection::{AccountRules, Rules, Runner, Settings};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The account `acme` of a database, projected by these rules.
pub(crate) struct Projected {
    pub(crate) database: TestDatabase,
    pub(crate) pool: PgPool,
    pub(crate) log: Arc<dyn Log>,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
}

impl Projected {
    /// Nothing is projected yet.
    pub(crate) async fn unread() -> Self {
        let database = database().await;
        let pool = database.pool();
        let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), 2).await.unwrap());
        Self { database, pool, log, stop: CancellationToken::new(), running: None }
    }

    pub(crate) async fn by(rules: AccountRules) -> Self {
        let mut scene = Self::unread().await;
        scene.run(Rules::new(BTreeMap::from([("acme".to_owned(), rules)])));
        scene
    }

    fn run(&mut self, rules: Rules) {
        let runner = Runner::new(
            self.log.clone(),
            self.database.pool(),
            rules,
            Settings::default(),
            store::LIVE,
            &DeliveryIds::random().next(at("2026-01-01T00:00:00Z")).to_string(),
        )
        .timed(Arc::new(ManualClock::at(at("2026-01-16T03:59:30Z"))));
        self.stop = CancellationToken::new();
        let stop = self.stop.clone();
        self.running = Some(tokio::spawn(async move { runner.run(stop).await.unwrap() }));
    }

    /// Ends the projection; the scene goes on.
    pub(crate) async fn pause(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    /// Ends the projection and starts one under other rules; waits until the tables are folded under them.
    pub(crate) async fn restart(&mut self, rules: Rules) {
        self.pause().await;
        let rules_of: Vec<(String, i64)> =
            rules.accounts().map(|(account, _)| (account.to_owned(), rules.fingerprint(account))).collect();
        let calendars: usize = rules_of.iter().map(|(account, _)| rules.operator_hours(account).len()).sum();
        self.run(rules);
        chatledger_tests::wait_until("the rules are adopted", Duration::from_secs(60), async || {
            let adopted: Vec<(String, i64)> = sqlx::query_as("select account_id, rules from folded_rules")
                .fetch_all(&self.pool)
                .await
                .unwrap();
            let of_operators: i64 = sqlx::query_scalar("select count(*) from operator_calendars")
                .fetch_one(&self.pool)
                .await
                .unwrap();
            rules_of.iter().all(|rules| adopted.contains(rules))
                && usize::try_from(of_operators) == Ok(calendars)
        })
        .await;
        crate::tables::settled(&self.pool, self.log.as_ref()).await;
    }

    /// Appends and waits until the tables say so.
    pub(crate) async fn take(&self, deliveries: &[Delivery]) {
        self.append(deliveries).await;
        crate::tables::settled(&self.pool, self.log.as_ref()).await;
    }

    /// Appends only.
    pub(crate) async fn append(&self, deliveries: &[Delivery]) {
        for (partition_hash, delivery) in (0..).zip(deliveries) {
            self.log.append(vec![Entry { delivery: delivery.clone(), partition_hash }]).await.unwrap();
        }
    }

    /// Ends the projection.
    pub(crate) async fn end(mut self) {
        self.pause().await;
    }
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A webhook, received when its event happened unless it says otherwise.
pub(crate) fn webhook(body: &Value, received_at: Option<&str>) -> Delivery {
    let event = body["event_time"].as_str().unwrap();
    delivery(Road::Webhook, Capture::default(), body, at(received_at.unwrap_or(event)))
}

/// A row of a list or report.
pub(crate) fn row(asked: &str, body: &Value, fetched_at: &str) -> Delivery {
    let capture = Capture {
        page: Some(asked.to_owned()),
        part: Some(PagePart::Row(0)),
        fetched_at: Some(at(fetched_at)),
        ..Capture::default()
    };
    delivery(Road::Backfill, capture, body, at(fetched_at))
}

/// What a page says of itself.
pub(crate) fn envelope(asked: &str, body: &Value, fetched_at: &str) -> Delivery {
    let page = row(asked, body, fetched_at);
    Delivery { capture: Capture { part: Some(PagePart::Envelope), ..page.capture }, ..page }
}

fn delivery(road: Road, capture: Capture, body: &Value, received_at: DateTime<Utc>) -> Delivery {
    Delivery {
        id: DeliveryIds::random().next(received_at),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at,
        capture,
        body: serde_json::to_vec(body).unwrap().into(),
    }
}

/// A message of a request of client 5 in channel 12: the client's own, or an operator's.
pub(crate) fn message(id: u64, request: u64, operator: Option<u64>, at: &str) -> Value {
    let (hook, kind) = if operator.is_some() { ("outbox", "to_client") } else { ("inbox", "from_client") };
    json!({"hook_type": hook, "message_id": id, "type": kind, "text": "canary text", "transport": "telegram",
           "client_id": 5, "channel_id": 12, "dialog_id": 41, "operator_id": operator, "request_id": request,
           "client": {"id": 5, "phone": "77010009911", "name": "Canary Name"}, "event_time": at})
}
