//! The page on a port of its own, and a business with all that it can show.

use std::sync::Arc;

use chatledger_tests::{TestDatabase, database};
use dashboard::{Account, Settings};
use events::ManualClock;
use serde_json::Value;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::SOON;
use crate::dashboard::business::{ZONE, account, business, escalate, lead, now, score};

/// The page, served on a port of its own.
pub(super) struct Served {
    pub(super) address: std::net::SocketAddr,
    pub(super) clock: ManualClock,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    pub(super) async fn on(address: &str, pool: PgPool) -> Self {
        let clock = ManualClock::at(now());
        let named = |id: &str, name: &str| Account { id: account(id), zone: ZONE, name: name.to_owned() };
        let settings = Settings {
            accounts: vec![named("acme", "Alpine Outfitters"), named("other", "Boréal Wares <b>")],
            target_seconds: 120.0,
            clock: Arc::new(clock.clone()),
            crms: vec!["sales-hubspot".to_owned(), "warehouse".to_owned()],
            unread: Arc::new(|| Some(12)),
        };
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let server = axum::serve(listener, dashboard::router(pool, settings));
        let server = server.with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move { server.await.unwrap() });
        Self { address, clock, stop, task }
    }

    pub(super) async fn start(pool: PgPool) -> Self {
        Self::on("127.0.0.1:0", pool).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Response {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(SOON).no_proxy().build().unwrap();
        client.get(self.url(path)).send().await.unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// A business with all that the page can show.
pub(super) async fn busy() -> (TestDatabase, PgPool) {
    let database = database().await;
    let pool = database.pool();
    fill(&pool).await;
    (database, pool)
}

pub(super) async fn fill(pool: &PgPool) {
    business(pool, "acme").await;
    let minutes = chrono::Duration::minutes;
    for (no, score_given) in [5.0, 4.0, 1.0, 5.0, 3.0, 2.0, 5.0, 1.0, 5.0, 4.0].into_iter().enumerate() {
        let ago = minutes(i64::try_from(no).unwrap() * 190);
        score(pool, "acme", &format!("v{no}"), &no.to_string(), score_given, ago).await;
    }
    escalate(pool, "acme", "v2", 1, "notified", None).await;
    escalate(pool, "acme", "v5", 1, "acknowledged", Some("Dana")).await;
    for no in 1..30 {
        let (client, name) = (no.to_string(), format!("Lead {no}"));
        let url = format!("https://crm.example.org/record/{no}");
        let status = match no {
            3 => "dead",
            4 | 5 => "pending",
            _ => "ok",
        };
        lead(pool, "acme", &client, &name, Some(("sales-hubspot", status, &url))).await;
    }
    store::effects::pause_target(pool, "crm/warehouse", now() + minutes(3), false, "answered 503", now())
        .await
        .unwrap();
    store::effects::pause_target(pool, "notifier/mail", now(), true, "login refused", now() - minutes(9))
        .await
        .unwrap();
    for statement in [
        "insert into accounting (account_id, road, day, partition, appended, decoded, partly_rejected, rejected) \
         values ('acme', 'webhook', '2026-10-26', 0, 1482, 1480, 0, 2), ('acme', 'backfill', '2026-10-24', 0, 48210, 48210, 0, 0)",
        "insert into rejects values ('acme', gen_random_uuid(), 0, 'not_json', 'at 1:1', 'webhook', '2026-10-26 09:11Z', 0, 0), \
                                    ('acme', gen_random_uuid(), 0, 'wrong_type', 'message.id', 'webhook', '2026-10-26 10:42Z', 0, 0)",
        "insert into ledger.cursors values ('acme', 'messages', '{}', '2026-10-26 15:04Z'), ('acme', 'clients', '{}', '2026-10-26 02:31Z')",
        "insert into ledger.budgets values ('acme', '2026-10-01', 1204, 10000, 'demo', 8796, '2026-10-26 15:04Z')",
        "insert into positions values (0, 'x', 3, 1, '2026-10-26 15:19:58Z')",
        "insert into marks (account_id, kind, subject) values ('acme', 'client', '1'), ('acme', 'client', '2')",
        "insert into ledger.effects (effect_key, account_id, target, subject, version, status, next_attempt_at, intended_at) \
         values ('a', 'acme', 'notifier/mail', 'x', 1, 'pending', '2026-10-26 15:30Z', '2026-10-26 15:12Z'), \
                ('b', 'acme', 'notifier/mail', 'y', 1, 'dead', '2026-10-26 15:30Z', '2026-10-26 15:12Z')",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
}
