//! Live and at night, with clocks of the test's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chatledger_tests::wait_until;
use chrono::{DateTime, Utc};
use crm_sync::Crm;
use events::{Clock, ManualClock, SystemClock};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::scene::{
    assert_each_once, change, hubspot, key, nightly, property, put_leads, receiver, sales, sync, sync_at,
    warehouse, with_leads,
};

const SOON: Duration = Duration::from_secs(60);

/// A sync that runs until it is dropped.
struct Running(CancellationToken, tokio::task::JoinHandle<()>);

impl Running {
    fn start(sync: crm_sync::Sync) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        Self(stop, tokio::spawn(async move { sync.run(token).await.unwrap() }))
    }

    async fn stop(self) {
        self.0.cancel();
        tokio::time::timeout(SOON, self.1).await.unwrap().unwrap();
    }
}

async fn changes(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from changes").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_only_a_backfill_knows_reach_every_live_crm_and_changes_follow_within_seconds() {
    let (_database, pool) = with_leads(150).await;
    let (hubspot, receiver) = (hubspot().await, receiver().await);
    let live = |crm: Crm| Crm { live: true, ..crm };
    let at_night = Crm { name: "night".to_owned(), ..warehouse(&receiver) };
    let crms = vec![live(sales(&hubspot)), live(warehouse(&receiver)), at_night];
    let running = Running::start(sync(&pool, crms));
    wait_until("both have all leads", SOON, async || {
        hubspot.with(|hubspot| hubspot.contacts.len()) == 150
            && receiver.with(|receiver| receiver.leads.by_key.len()) == 150
    })
    .await;
    // Several changes at once, of old leads and new ones, are one message each.
    put_leads(&pool, 900, 901).await;
    change(&pool, "tags = array['x']", "client_id in ('7', '900')").await;
    change(&pool, "tags = array['y']", "client_id in ('7', '900')").await;
    wait_until("both have the changes", SOON, async || {
        property(&hubspot, 7, "chat_tags").as_deref() == Some("y")
            && property(&hubspot, 900, "chat_tags").as_deref() == Some("y")
            && receiver.with(|receiver| receiver.leads.by_key.contains_key(&key(900)))
            && receiver.with(|receiver| receiver.leads.by_key[&key(7)].version == 2)
    })
    .await;
    assert_each_once(&hubspot, 151);
    assert_eq!(receiver.with(|receiver| receiver.leads.by_key[&key(900)].version), 1);
    assert_eq!(changes(&pool).await, 0);
    let links: i64 = sqlx::query_scalar("select count(*) from ledger.crm_links where crm = 'night'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(links, 0, "what is not live waits for its schedule");
    running.stop().await;
}

async fn effects(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from ledger.effects").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_message_alone_waits_for_the_night() {
    let (_database, pool) = with_leads(3).await;
    let hubspot = hubspot().await;
    let clock = ManualClock::at("2026-03-20T12:00:00Z".parse().unwrap());
    let crm = Crm { live: true, schedule: nightly(), ..sales(&hubspot) };
    let running = Running::start(sync_at(&pool, Arc::new(clock.clone()), vec![crm]));
    wait_until("all are there", SOON, async || hubspot.with(|hubspot| hubspot.contacts.len()) == 3).await;
    let upserts = effects(&pool).await;
    change(&pool, "last_message_at = '2026-03-20T12:00:00Z'", "client_id = '1'").await;
    wait_until("the change was marked", SOON, async || changes(&pool).await == 0).await;
    clock.advance(chrono::Duration::seconds(5));
    wait_until("it was compared", SOON, async || {
        let marked: i64 =
            sqlx::query_scalar("select count(plan_at) from ledger.crm_links").fetch_one(&pool).await.unwrap();
        marked == 0
    })
    .await;
    // What is to be sent is written down in the same transaction.
    assert_eq!(effects(&pool).await, upserts, "a message alone is not sent");
    clock.set("2026-03-21T01:00:30Z".parse().unwrap());
    wait_until("the night brings it", SOON, async || {
        property(&hubspot, 1, "chat_last_message_at").as_deref() == Some("2026-03-20T12:00:00.000Z")
    })
    .await;
    running.stop().await;
}

/// A clock that knows how often it was looked at.
#[derive(Clone)]
struct Watched {
    clock: ManualClock,
    looks: Arc<AtomicU64>,
}

impl Clock for Watched {
    fn now(&self) -> DateTime<Utc> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.clock.now()
    }
}

impl Watched {
    /// Waits until whoever waits for a time has looked several times.
    async fn looked_at(&self) {
        let before = self.looks.load(Ordering::SeqCst);
        wait_until("it is looked at", SOON, async || self.looks.load(Ordering::SeqCst) >= before + 20).await;
    }
}

async fn runs(pool: &PgPool) -> Vec<(DateTime<Utc>, bool)> {
    sqlx::query_as("select due_at, finished_at is not null from ledger.crm_runs order by due_at")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_night_runs_once_across_a_spring_and_an_autumn_and_a_new_crm_waits_for_its_first() {
    let (_database, pool) = with_leads(2).await;
    let receiver = receiver().await;
    let start: DateTime<Utc> = "2026-03-28T12:00:00Z".parse().unwrap();
    let clock = Watched { clock: ManualClock::at(start), looks: Arc::default() };
    let crm = Crm { schedule: nightly(), ..warehouse(&receiver) };
    let running = Running::start(sync_at(&pool, Arc::new(clock.clone()), vec![crm.clone()]));
    wait_until("the schedule is watched", SOON, async || runs(&pool).await == [(start, true)]).await;
    clock.looked_at().await;
    receiver.with(|receiver| assert!(receiver.received().is_empty(), "it is noon"));
    // On 29 March Berlin has no two o'clock: the run is at three, which is the next instant.
    let spring: DateTime<Utc> = "2026-03-29T01:00:00Z".parse().unwrap();
    clock.clock.set(spring);
    wait_until("the night of spring", SOON, async || runs(&pool).await.contains(&(spring, true))).await;
    wait_until("all are there", SOON, async || receiver.with(|receiver| receiver.leads.by_key.len()) == 2)
        .await;
    running.stop().await;

    // Down for months: of the missed nights the last one runs. On 25 October two o'clock comes twice.
    let running = Running::start(sync_at(&pool, Arc::new(clock.clone()), vec![crm]));
    let autumn: DateTime<Utc> = "2026-10-25T00:00:00Z".parse().unwrap();
    clock.clock.set("2026-10-25T00:30:00Z".parse().unwrap());
    wait_until("the first two o'clock", SOON, async || runs(&pool).await.contains(&(autumn, true))).await;
    clock.clock.set("2026-10-25T01:30:00Z".parse().unwrap());
    clock.looked_at().await;
    let next: DateTime<Utc> = "2026-10-26T01:00:00Z".parse().unwrap();
    clock.clock.set(next);
    wait_until("the next night", SOON, async || runs(&pool).await.contains(&(next, true))).await;
    let all: Vec<_> = runs(&pool).await.into_iter().map(|(due_at, _)| due_at).collect();
    assert_eq!(all, [start, spring, autumn, next], "once each");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_keeps_all_leads_and_is_tried_again_by_itself() {
    let (_database, pool) = with_leads(20).await;
    let hubspot = hubspot().await;
    let clock = ManualClock::at(SystemClock.now());
    let crm = Crm { live: true, ..sales(&hubspot) };
    hubspot.with(|hubspot| hubspot.settings.scopes.clear());
    let running = Running::start(sync_at(&pool, Arc::new(clock.clone()), vec![crm.clone()]));
    let state = sync(&pool, vec![crm]);
    wait_until("it is broken", SOON, async || {
        state.state("sales").await.unwrap().target.broken_since.is_some()
    })
    .await;
    hubspot.with(|hubspot| {
        hubspot.settings.scopes =
            simulator::hubspot::SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
    });
    clock.advance(chrono::Duration::minutes(20));
    wait_until("all are there", SOON, async || hubspot.with(|hubspot| hubspot.contacts.len()) == 20).await;
    assert_eq!(state.state("sales").await.unwrap().links.dead, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_lets_us_not_in_stays_broken_until_it_does() {
    let (_database, pool) = with_leads(3).await;
    let receiver = receiver().await;
    receiver.with(|receiver| receiver.script.status = 403);
    let clock = ManualClock::at(SystemClock.now());
    let crm = Crm { live: true, ..warehouse(&receiver) };
    let running = Running::start(sync_at(&pool, Arc::new(clock.clone()), vec![crm.clone()]));
    let state = sync(&pool, vec![crm]);
    let broken_since = async || state.state("warehouse").await.unwrap().target.broken_since;
    wait_until("it is broken", SOON, async || broken_since().await.is_some()).await;
    let since = broken_since().await;
    for calls in [2, 3] {
        clock.advance(chrono::Duration::minutes(20));
        wait_until("it is tried", SOON, async || {
            receiver.with(|receiver| receiver.received().len()) >= calls
                && state.state("warehouse").await.unwrap().target.paused_until > Some(clock.now())
        })
        .await;
        assert_eq!(broken_since().await, since, "to look is not to mend");
    }
    receiver.with(|receiver| receiver.script.status = 200);
    clock.advance(chrono::Duration::minutes(20));
    wait_until("it takes them", SOON, async || receiver.with(|receiver| receiver.leads.by_key.len()) == 3)
        .await;
    wait_until("it is well", SOON, async || broken_since().await.is_none()).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_database_send_each_lead_once() {
    let (_database, pool) = with_leads(600).await;
    let hubspot = hubspot().await;
    let live = || Crm { live: true, ..sales(&hubspot) };
    let running = [(); 2].map(|()| Running::start(sync(&pool, vec![live()])));
    wait_until("all are there", SOON, async || hubspot.with(|hubspot| hubspot.contacts.len()) >= 600).await;
    for one in running {
        one.stop().await;
    }
    assert_each_once(&hubspot, 600);
    let versions: Vec<i64> =
        sqlx::query_scalar("select distinct version from ledger.effects").fetch_all(&pool).await.unwrap();
    assert_eq!(versions, [1]);
}
