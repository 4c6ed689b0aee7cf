//! From the webhook of a low score to the call of the notifier, while 300 webhooks a second arrive: next to a POST that
//! goes straight to the receiver.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatledger_tests::DatabaseServer;
use chrono::{DateTime, Utc};
use escalation::{Channel, Condition, Escalator, Notifier, Rule};
use events::{Clock, DeliveryIds, Platform, SystemClock};
use ingest::capture::{Bounds, HookAccount, HookAccounts, Intake, router};
use log::{Log, PostgresLog};
use projection::{AccountRules, Readers, Rules, Runner, ScoreTag, Scores};
use serde_json::{Value, json};
use simulator::receiver::Receiver;
use simulator::server::{Hosted, WorldClock, host};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::report::Report;
use crate::workload::{ACCOUNT, SECRET, account};
use crate::{Options, say};

/// Webhooks a second, as the platform sends them whether we are ready or not.
const RATE: u32 = 300;
/// Every so many is a low score.
const SCORE_EVERY: u32 = 15;
/// A score that was not told by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn measure(
    options: &Options,
    databases: &DatabaseServer,
    report: &mut Report,
) -> anyhow::Result<()> {
    let seconds = options.escalation;
    say(&format!("escalation: {RATE} webhooks a second for {} s", seconds.as_secs()));
    let database = databases.database().await;
    let (pool, log) = (database.pool(), Arc::new(PostgresLog::open(database.pool(), 12).await?));
    let now = SystemClock.now();
    let receiver =
        host(Receiver::new(), TcpListener::bind(("127.0.0.1", 0)).await?, WorldClock::running(now))?;
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    let url = capture(log.clone(), &mut running).await?;
    let runner = Runner::new(
        log as Arc<dyn Log>,
        database.pool(),
        rules(),
        projection::Settings::default(),
        store::LIVE,
        "bench",
    );
    running.spawn({
        let stop = stop.clone();
        async move { runner.run(stop).await.expect("a projection that runs until it is stopped") }
    });
    let escalator = escalator(&pool, &receiver)?;
    running.spawn({
        let stop = stop.clone();
        async move { escalator.run(stop).await.expect("an escalation that runs until it is stopped") }
    });
    let sent = send(&url, seconds).await?;
    let told = told(&receiver, sent.len()).await?;
    stop.cancel();
    let mut waits: Vec<f64> = sent
        .iter()
        .filter_map(|(valuation, at)| Some((*told.get(valuation)? - *at).as_seconds_f64() * 1000.0))
        .collect();
    waits.sort_by(f64::total_cmp);
    let straight = straight(&receiver).await?;
    report.fact(
        "escalation",
        json!({
            "webhooks_per_second": RATE, "scores": sent.len(), "told": waits.len(),
            "milliseconds": {"p50": at(&waits, 0.5), "p99": at(&waits, 0.99), "max": at(&waits, 1.0)},
            "straight_post_milliseconds": {"p50": at(&straight, 0.5), "p99": at(&straight, 0.99)},
        }),
    );
    running.abort_all();
    receiver.stop().await?;
    Ok(())
}

/// The value below which that share lies.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a small length"
    )]
    let place = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(place).copied()
}

async fn capture(log: Arc<PostgresLog>, running: &mut JoinSet<()>) -> anyhow::Result<String> {
    let accounts = HookAccounts::new([HookAccount::new(account(), Platform::Chat2desk, [SECRET])]);
    let intake = Intake::new(accounts, log, Arc::new(SystemClock), DeliveryIds::random(), Bounds::default());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    running.spawn(async move {
        axum::serve(listener, router(intake)).await.expect("a server that serves until it is aborted");
    });
    Ok(format!("http://{address}/hooks/{ACCOUNT}/{SECRET}"))
}

fn rules() -> Rules {
    let scores = Scores::new(vec![ScoreTag { tag: "score-1".to_owned(), score: 1.0, scale: 5.0 }]);
    let rules = AccountRules { scores, ..AccountRules::default() };
    Rules::new(BTreeMap::from([(ACCOUNT.to_owned(), rules)])).read_by(Readers { scores: true, leads: false })
}

fn escalator(pool: &store::PgPool, receiver: &Hosted<Receiver>) -> anyhow::Result<Escalator> {
    let mut target = outbound::Settings::new(receiver.url().parse()?);
    target.allow_private = true;
    let notifier =
        Notifier { name: "bench".to_owned(), channel: Channel::Webhook(outbound::Target::new(target)?) };
    let rule = Rule {
        name: "low".to_owned(),
        when: Condition::ScoreAtMost(2.0),
        accounts: None,
        notify: vec!["bench".to_owned()],
        historic_after: Duration::from_secs(24 * 60 * 60),
        due: None,
    };
    let settings = escalation::Settings {
        rules: escalation::Rules { rules: vec![rule], zones: BTreeMap::new() },
        notifiers: vec![notifier],
        ..escalation::Settings::new("bench".to_owned(), 1)
    };
    Ok(Escalator::new(pool.clone(), Arc::new(SystemClock), settings))
}

/// Sends at a fixed rate, each request when it is due, answered or not; gives the scores with the time of sending.
async fn send(url: &str, seconds: Duration) -> anyhow::Result<BTreeMap<String, DateTime<Utc>>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let began = Instant::now();
    let mut sent = BTreeMap::new();
    let mut requests = JoinSet::new();
    let count = RATE * u32::try_from(seconds.as_secs())?;
    for n in 0..count {
        tokio::time::sleep_until((began + Duration::from_secs(1) * n / RATE).into()).await;
        let now = SystemClock.now();
        let body = if n % SCORE_EVERY == 0 {
            sent.insert((9_000_000 + n).to_string(), now);
            json!({"hook_type": "add_tag_to_request", "id": 611, "label": "score-1", "request_id": 9_000_000 + n,
                   "client_id": 1000 + n % 500, "event_time": now})
        } else {
            json!({"hook_type": "inbox", "message_id": 100_000 + n, "type": "from_client", "text": "hello",
                   "transport": "telegram", "client_id": 1000 + n % 500, "channel_id": 12, "dialog_id": 2000 + n % 500,
                   "request_id": 3000 + n % 500, "event_time": now})
        };
        let request = client.post(url).body(body.to_string());
        requests.spawn(async move { request.send().await?.error_for_status() });
    }
    while let Some(answered) = requests.join_next().await {
        answered??;
    }
    Ok(sent)
}

/// When the receiver was told of each valuation.
async fn told(receiver: &Hosted<Receiver>, wanted: usize) -> anyhow::Result<BTreeMap<String, DateTime<Utc>>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut told = BTreeMap::new();
        receiver.with(|receiver| {
            for received in receiver.taken() {
                let body = received.json();
                let key = body["data"]["escalation_key"].as_str().unwrap_or_default().to_owned();
                // <account>/<rule>/<valuation>/<episode>
                if let Some(valuation) = key.split('/').nth(2) {
                    told.insert(valuation.to_owned(), received.at);
                }
            }
        });
        anyhow::ensure!(Instant::now() < deadline, "{} of {wanted} scores were told", told.len());
        if told.len() >= wanted {
            return Ok(told);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a POST takes that goes straight to the receiver, in milliseconds, sorted.
async fn straight(receiver: &Hosted<Receiver>) -> anyhow::Result<Vec<f64>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut waits = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        client.post(receiver.url()).json(&Value::Null).send().await?;
        waits.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    waits.sort_by(f64::total_cmp);
    Ok(waits)
}
