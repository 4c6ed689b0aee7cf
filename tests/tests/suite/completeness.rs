//! Completeness is proven, not assumed: a day whose counts agree is green; a lost row makes it red, and it is fetched
//! again; what differs for a known reason is explained; what nobody counts is not provable.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chat2desk::{Client, Pace, Settings, Timer, Token};
use chrono::NaiveDate;
use chrono_tz::Tz;
use events::{AccountId, DeliveryIds, ManualClock};
use ingest::backfill::{AccountSettings, Backfill, History, Look, Outcome, Range};
use ingest::completeness::Judged;
use projection::AccountRules;
use serde_json::json;
use simulator::business::Plan;
use simulator::chat2desk::{Account, ApiMode, Fault, Misdeed};
use simulator::server::{Handle, Tenant, WorldClock, serve};
use store::completeness::CompletenessRow;
use store::level::Level;
use tokio_util::sync::CancellationToken;

use crate::ledger::{NOBODY, account, home_on};
use crate::projected::{Projected, at, envelope, message, row, webhook};

mod behind;
mod judged;

const ZONE: Tz = Tz::Asia__Almaty;
/// When the business is left, and when we read it: its last day is over.
const LEFT: &str = "2026-01-22T06:00:00Z";
const TODAY: &str = "2026-01-23T06:00:00Z";
const PATIENCE: Duration = Duration::from_mins(10);

/// A business of four days at the simulator, a projection that runs, and our backfill.
pub(crate) struct Scene {
    platform: Handle,
    pub(crate) projected: Projected,
    clock: ManualClock,
    backfill: Backfill,
}

/// A timer that does not wait.
struct AtOnce;

impl Timer for AtOnce {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let account = Account::new("acme", "token-acme", "Tien-Shan Outdoor", ZONE);
        let (world, business) = Plan { account, clients: 80, days: 4, seed: 7, until: at(LEFT) }.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform =
            serve(vec![Tenant::new(world, Some(business))], listener, WorldClock::still(at(LEFT))).unwrap();
        let projected = Projected::by(AccountRules { zone: ZONE, ..AccountRules::default() }).await;
        let clock = ManualClock::at(at(TODAY));
        let token = Token::new("token-acme");
        // Faults count calls: none is made twice because the machine stands still.
        let patient = Settings {
            connect_timeout: PATIENCE,
            total_timeout: PATIENCE,
            ..Settings::new(platform.url().parse().unwrap(), token)
        };
        let client = Client::new(patient).unwrap();
        let backfill = Backfill::new(
            projected.log.clone(),
            projected.database.pool(),
            client,
            AccountSettings::new(acme(), ZONE),
            Arc::new(clock.clone()),
            DeliveryIds::random(),
        )
        .paced(Arc::new(Pace::new(1000.0, Arc::new(AtOnce))));
        Self { platform, projected, clock, backfill }
    }

    /// Reads everything, but one row of the last page of messages gets lost; gives the day of that message.
    async fn read_with_a_loss(&self) -> NaiveDate {
        let messages = self.messages();
        let skip = u32::try_from(messages.len() / 200).unwrap();
        self.platform.fault("acme", Fault::at("/v1/messages", Misdeed::LoseRow).after(skip));
        let outcome = self
            .backfill
            .run(Range::Continue(History::All), &|_| {}, &CancellationToken::new())
            .await
            .unwrap();
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        crate::tables::settled(&self.projected.pool, self.projected.log.as_ref()).await;
        let stored: Vec<String> = sqlx::query_scalar("select message_id from messages")
            .fetch_all(&self.projected.pool)
            .await
            .unwrap();
        let stored: BTreeSet<String> = stored.into_iter().collect();
        let lost: Vec<_> = messages.iter().filter(|(id, _)| !stored.contains(*id)).collect();
        assert_eq!(lost.len(), 1, "one row got lost");
        *lost[0].1
    }

    /// Every message of the platform with its local day.
    fn messages(&self) -> BTreeMap<String, NaiveDate> {
        let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&ZONE).date_naive();
        self.platform
            .with("acme", |tenant| {
                let messages = tenant.world.messages.iter();
                messages.map(|(id, message)| (id.to_string(), day(message.created))).collect()
            })
            .unwrap()
    }

    /// The days from the first message (imported ones are older) to yesterday.
    fn days(&self) -> Vec<NaiveDate> {
        let messages = self.messages();
        let lowest = messages.iter().min_by_key(|(id, _)| id.parse::<u64>().unwrap()).unwrap();
        lowest.1.iter_days().take_while(|day| *day <= self::day("2026-01-22")).collect()
    }

    async fn look(&self) -> Look {
        let look = self.backfill.keep_complete(&CancellationToken::new()).await.unwrap();
        crate::tables::settled(&self.projected.pool, self.projected.log.as_ref()).await;
        look
    }

    /// State and reason by day and what is counted, as the table has them.
    async fn written(&self) -> BTreeMap<(NaiveDate, String), String> {
        let rows: Vec<(NaiveDate, String, String, Option<String>)> =
            sqlx::query_as("select day, subject, state, reason from completeness where account_id = 'acme'")
                .fetch_all(&self.projected.pool)
                .await
                .unwrap();
        let text = |state: String, reason: Option<String>| match reason {
            Some(reason) => format!("{state}: {reason}"),
            None => state,
        };
        rows.into_iter().map(|(day, what, state, reason)| ((day, what), text(state, reason))).collect()
    }

    /// Reads everything.
    pub(crate) async fn read(&self) {
        let stop = CancellationToken::new();
        let outcome = self.backfill.run(Range::Continue(History::All), &|_| {}, &stop).await.unwrap();
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        crate::tables::settled(&self.projected.pool, self.projected.log.as_ref()).await;
    }

    pub(crate) async fn end(self) {
        self.projected.end().await;
        self.platform.stop().await.unwrap();
    }
}

fn acme() -> AccountId {
    "acme".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_row_makes_its_day_red_and_the_day_is_fetched_again_and_green() {
    let scene = Scene::new().await;
    let lost = scene.read_with_a_loss().await;
    let days: Vec<NaiveDate> = scene.days();
    assert!(days.contains(&lost) && days.len() >= 4, "{lost} {days:?}");

    let look = scene.look().await;
    // Imported messages are older than the business. All days are counted, the last 35 are looked at.
    assert_eq!((look.days, look.counted), (35, days.len()));
    let days = &days[days.len() - 35..];
    assert_eq!((look.red, look.refetched), (vec![lost], vec![lost]));
    let found = scene.written().await;
    assert_eq!(found[&(lost, "messages".to_owned())], "red: 1 missing");
    for day in days {
        for what in ["messages", "requests", "ratings"] {
            let state = &found[&(*day, what.to_owned())];
            assert!(state == "green" || (*day, what) == (lost, "messages"), "{day} {what}: {state}");
        }
        for what in ["request_tags", "transfers"] {
            assert!(found[&(*day, what.to_owned())].starts_with("not_provable"), "{found:?}");
        }
    }

    let again = scene.look().await;
    assert_eq!((again.counted, again.red.len(), again.refetched.len()), (0, 0, 0), "{again:?}");
    assert_eq!(scene.written().await[&(lost, "messages".to_owned())], "green");
    let refetches: Vec<(NaiveDate, String)> = sqlx::query_as("select day, outcome from ledger.refetches")
        .fetch_all(&scene.projected.pool)
        .await
        .unwrap();
    assert_eq!(refetches, [(lost, "done".to_owned())]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_day_is_fetched_again_at_most_three_times_a_day() {
    let scene = Scene::new().await;
    let lost = scene.read_with_a_loss().await;
    let stop = CancellationToken::new();
    // The days can be counted, but nothing can be read.
    let skip = u32::try_from(scene.days().len()).unwrap();
    scene.platform.fault("acme", Fault::at("/v1/messages", Misdeed::Html).after(skip).times(100));
    for _ in 0..3 {
        assert!(scene.backfill.keep_complete(&stop).await.is_err(), "the platform cannot be read");
        scene.clock.advance(chrono::Duration::hours(1));
    }
    let refetches = async || -> i64 {
        sqlx::query_scalar("select count(*) from ledger.refetches")
            .fetch_one(&scene.projected.pool)
            .await
            .unwrap()
    };
    assert_eq!(refetches().await, 3);
    let look = scene.look().await;
    assert_eq!((look.red, look.refetched.len()), (vec![lost], 0), "not a fourth time today");
    assert_eq!(refetches().await, 3);

    scene.platform.with("acme", |tenant| tenant.faults.clear());
    scene.clock.advance(chrono::Duration::days(1));
    assert_eq!(scene.look().await.refetched, [lost]);
    assert_eq!(scene.look().await.red, Vec::<NaiveDate>::new());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_read_yet_because_the_quota_is_spent_is_no_gap() {
    let scene = Scene::new().await;
    let quota = |quota| {
        scene.platform.with("acme", |tenant| {
            tenant.world.account.mode = ApiMode::Normal;
            tenant.world.account.quota = Some(quota);
        });
    };
    // Mode, four lists, and the first page of messages.
    quota(6);
    let stop = CancellationToken::new();
    let outcome = scene.backfill.run(Range::Continue(History::All), &|_| {}, &stop).await.unwrap();
    assert!(matches!(outcome, Outcome::QuotaSpent { .. }), "{outcome:?}");
    crate::tables::settled(&scene.projected.pool, scene.projected.log.as_ref()).await;
    let stored: i64 =
        sqlx::query_scalar("select count(*) from messages").fetch_one(&scene.projected.pool).await.unwrap();
    assert!(stored > 0 && (stored as usize) < scene.messages().len(), "{stored}");
    quota(10_000);
    let look = scene.look().await;
    assert_eq!((look.red.len(), look.refetched.len()), (0, 0), "{look:?}");
    assert!(look.days < scene.days().len(), "{look:?}");

    scene.read().await;
    let whole = scene.look().await;
    assert_eq!((whole.days, whole.red.len()), (35, 0), "{whole:?}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_for_a_known_reason_is_explained_and_what_nobody_counted_is_not_provable() {
    let scene = Projected::by(AccountRules { zone: ZONE, ..AccountRules::default() }).await;
    let count = |day: &str, next: &str, total: u32, fetched: &str| {
        let asked = format!("messages?start_date={day}&finish_date={next}&limit=1&order=asc");
        envelope(&asked, &json!({"meta": {"total": total}, "rows": 1}), fetched)
    };
    let rating = |key: u64, at: &str| {
        let row = json!({"valuation_request_id": key, "request_id": 80, "rating_scale_id": 1, "rating_scale_score": 5,
            "operator_id": 7001, "created_at": at});
        crate::projected::row(
            "statistics?report=rating&date=2026-01-15&limit=200&offset=0",
            &row,
            "2026-01-17T09:00:00Z",
        )
    };
    // In Almaty a day ends at 19:00 UTC. The list has 00:00:01 of the 16th for what the webhook has half a second before.
    let midnight = json!({"id": 2, "type": "to_client", "client_id": 5, "channel_id": 12, "operator_id": 7001,
        "request_id": 80, "created": "2026-01-15T19:00:01 UTC"});
    scene
        .take(&[
            webhook(&message(9, 79, None, "2026-01-14T05:00:00Z"), None),
            webhook(&message(1, 80, None, "2026-01-15T05:00:00Z"), None),
            webhook(&message(2, 80, Some(7001), "2026-01-15T18:59:59.500000Z"), None),
            row("messages?start_id=1&limit=200&order=asc", &midnight, "2026-01-17T09:00:00Z"),
            count("15-01-2026", "16-01-2026", 1, "2026-01-17T09:00:00Z"),
            count("16-01-2026", "17-01-2026", 1, "2026-01-17T09:00:00Z"),
            count("17-01-2026", "18-01-2026", 4, "2026-01-17T09:00:00Z"),
            rating(81, "2026-01-15 10:00:00"),
            // The same score once more, hours later: the vendor has done so.
            rating(81, "2026-01-16 13:00:00"),
            envelope(
                "statistics?report=rating&date=2026-01-15&limit=200&offset=0",
                &json!({"meta": {"total": 2}, "rows": 2}),
                "2026-01-17T09:00:00Z",
            ),
        ])
        .await;
    let acme = acme();
    let judged = Judged { pool: &scene.pool, account: &acme, zone: ZONE, now: at("2026-01-19T06:00:00Z") };
    let rows = judged.days(scene.log.as_ref(), Duration::ZERO, None, None).await.unwrap();
    let find = |day: &str, what: &str| -> (String, String) {
        let is_it = |row: &&CompletenessRow| row.day == self::day(day) && row.subject == what;
        let row = rows.iter().find(is_it).unwrap_or_else(|| panic!("{day} {what}: {rows:?}"));
        (row.state.to_owned(), row.reason.clone().unwrap_or_default())
    };
    let state = |state: &str, reason: &str| (state.to_owned(), reason.to_owned());
    assert_eq!(rows.first().unwrap().day, day("2026-01-15"), "the first day was not heard whole");
    assert_eq!(rows.last().unwrap().day, day("2026-01-18"), "today is not over");
    assert_eq!(
        find("2026-01-15", "messages"),
        state("explained", "1 more stored than the platform shows now")
    );
    assert_eq!(find("2026-01-16", "messages"), state("explained", "1 stored on the other side of midnight"));
    assert_eq!(find("2026-01-17", "messages"), state("not_provable", "counted before the day was over"));
    assert_eq!(find("2026-01-18", "messages"), state("not_provable", "not counted yet"));
    assert_eq!(find("2026-01-15", "ratings"), state("explained", "1 repeated or moved by the platform"));
    assert_eq!(find("2026-01-15", "requests"), state("not_provable", "not fetched yet"));
    assert_eq!(find("2026-01-15", "transfers").0, "not_provable");

    // The command says the same, in all three forms.
    let home = home_on(&scene.database, "partitions = 2", &account(NOBODY, "history = \"none\""));
    let command = ["report", "completeness", "--to", "2026-01-18"];
    let table = home.run(&command).await.succeeded().stdout;
    let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        squeezed.contains("2026-01-17 messages not provable counted before the day was over 4 0"),
        "{table}"
    );
    let json = home.run(&[&command[..], &["--format", "json"]].concat()).await.json();
    assert_eq!(json["rows"].as_array().unwrap().len(), rows.len());
    let csv = home.run(&[&command[..], &["--format", "csv"]].concat()).await.succeeded().stdout;
    assert_eq!(csv.lines().count(), rows.len() + 1);
    let html = home.run(&[&command[..], &["--format", "html"]].concat()).await.succeeded().stdout;
    assert!(html.contains("counted before the day was over") && html.contains("meaning-state"), "{html}");

    // Two more than are stored, and none of them near midnight: red, and the exit code says so.
    scene.take(&[count("17-01-2026", "18-01-2026", 2, "2026-01-19T05:00:00Z")]).await;
    let red = home.run(&command).await;
    assert_eq!(red.code(), Some(1), "{}", red.stdout);
    assert!(
        red.stderr.contains("1 day is not complete") && red.stdout.contains("2 missing"),
        "{}",
        red.stdout
    );
    scene.end().await;
}

/// What the platform counts of a day's messages, by its word of this instant.
fn counted(day: NaiveDate, total: i64, fetched: &str) -> events::Delivery {
    let (first, next) = (day.format("%d-%m-%Y"), day.succ_opt().unwrap().format("%d-%m-%Y"));
    let asked = format!("messages?start_date={first}&finish_date={next}&limit=1&order=asc");
    envelope(&asked, &json!({"meta": {"total": total}, "rows": 1}), fetched)
}
