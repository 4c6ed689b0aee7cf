//! A change of the configuration folds again what was folded, and tells nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatledger_tests::{TestDatabase, database, wait_until};
use chrono::Datelike as _;
use log::{Entry, Log, PostgresLog};
use projection::calendar::Version;
use projection::{
    AccountRules, Calendar, Hours, ProjectionError, Readers, Rules, Runner, ScoreTag, Scores, Settings,
};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::account::deliveries;
use crate::chance::Chance;
use crate::tables::settled;

const SOON: Duration = Duration::from_secs(60);

/// The rules at first, and what they are changed to.
fn changes() -> Vec<(&'static str, AccountRules)> {
    let plain = super::rules().of("acme").clone();
    let day = vec![(10 * 3600, 12 * 3600), (13 * 3600, 17 * 3600)];
    let week = std::array::from_fn(|_| day.clone());
    let version = Version { week, ..Version::default() };
    let holiday = Version {
        holidays: [chrono::NaiveDate::from_ymd_opt(2026, 1, 15).unwrap()].into(),
        ..version.clone()
    };
    assert_eq!(holiday.holidays.first().unwrap().year(), 2026);
    let hours =
        |version: Version| Some(Arc::new(Hours::new(&Calendar { versions: vec![version] }, plain.zone)));
    let scores = vec![ScoreTag { tag: "612".to_owned(), score: 5.0, scale: 5.0 }];
    vec![
        ("no calendar", plain.clone()),
        ("a calendar", AccountRules { hours: hours(version), ..plain.clone() }),
        ("a holiday", AccountRules { hours: hours(holiday), ..plain.clone() }),
        ("another bot", AccountRules { bots: ["7001".to_owned()].into(), ..plain.clone() }),
        ("other scores", AccountRules { scores: Scores::new(scores), ..plain.clone() }),
        (
            "a web address",
            AccountRules { web_url: Some("https://web.example.org".to_owned()), ..plain.clone() },
        ),
        ("another country", AccountRules { default_country: None, ..plain }),
    ]
}

fn rules_of(rules: &AccountRules) -> Rules {
    Rules::new(BTreeMap::from([("acme".to_owned(), rules.clone())]))
        .read_by(Readers { scores: true, leads: true })
}

async fn mark(pool: &PgPool, conversation: &str) {
    sqlx::query(
        "insert into marks (account_id, kind, subject, quiet) values ('acme', 'conversation', $1, true)",
    )
    .bind(conversation)
    .execute(pool)
    .await
    .unwrap();
}

/// A projection that runs.
struct Running {
    stop: CancellationToken,
    running: JoinHandle<Result<(), ProjectionError>>,
}

impl Running {
    fn start(database: &TestDatabase, log: &Arc<dyn Log>, rules: &AccountRules, owner: &str) -> Self {
        let (log, pool, rules) = (log.clone(), database.pool(), rules_of(rules));
        // Longer than a busy machine stands still.
        let settings = Settings { lease: Duration::from_secs(30), ..Settings::default() };
        let runner = Runner::new(log, pool, rules, settings, store::LIVE, owner);
        let stop = CancellationToken::new();
        let until = stop.clone();
        Self { stop, running: tokio::spawn(async move { runner.run(until).await }) }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }
}

/// Runs a projection of the log until it has caught up, its rules adopted for every account: folding begins after that, so a
/// mark that was there before is gone only then.
async fn catch_up(database: &TestDatabase, log: &Arc<dyn Log>, rules: &AccountRules, owner: &str) {
    let pool = database.pool();
    mark(&pool, &format!("nobody's, before {owner}")).await;
    assert!(store::folding::folds_again(&pool).await.unwrap());
    let running = Running::start(database, log, rules, owner);
    settled(&pool, log.as_ref()).await;
    assert!(!store::folding::folds_again(&pool).await.unwrap());
    running.stop().await;
    pool.close().await;
}

async fn filled(seed: u64) -> (TestDatabase, Arc<dyn Log>) {
    let database = database().await;
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(database.pool(), 2).await.unwrap());
    let entries = deliveries(&mut Chance::new(seed))
        .into_iter()
        .enumerate()
        .map(|(n, delivery)| Entry { delivery, partition_hash: n as u64 })
        .collect();
    log.append(entries).await.unwrap();
    (database, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_the_rows_are_those_of_the_new_rules_from_the_beginning_and_nobody_is_told() {
    let (database, log) = filled(3).await;
    let pool = database.pool();
    for (what, rules) in changes() {
        sqlx::query("delete from changes").execute(&pool).await.unwrap();
        catch_up(&database, &log, &rules, what).await;
        if what != "no calendar" {
            let told: i64 =
                sqlx::query_scalar("select count(*) from changes").fetch_one(&pool).await.unwrap();
            assert_eq!(told, 0, "{what}");
        }
        let (fresh, same_log) = filled(3).await;
        catch_up(&fresh, &same_log, &rules, "fresh").await;
        let other = fresh.pool();
        crate::tables::assert_same(
            &crate::tables::rows(&other).await,
            &crate::tables::rows(&pool).await,
            what,
        );
        let intervals = "select count(*), max(seconds_before) from calendar_intervals";
        let ours: (i64, Option<f64>) = sqlx::query_as(intervals).fetch_one(&pool).await.unwrap();
        let theirs: (i64, Option<f64>) = sqlx::query_as(intervals).fetch_one(&other).await.unwrap();
        assert_eq!(ours, theirs, "{what}");
        other.close().await;
    }
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_only_in_the_log_is_folded_again_by_another_program() {
    let (database, log) = filled(6).await;
    let other = deliveries(&mut Chance::new(7))
        .into_iter()
        .map(|delivery| events::Delivery { account: "other".parse().unwrap(), ..delivery })
        .map(|delivery| Entry { delivery, partition_hash: 1 })
        .collect();
    log.append(other).await.unwrap();
    let rules = changes().remove(0).1;
    let pool = database.pool();
    catch_up(&database, &log, &rules, "first").await;
    let before = crate::tables::rows(&pool).await;
    assert!(
        before.iter().any(|row| row.starts_with("messages") && row.contains("\"account_id\": \"other\""))
    );
    // Once its account is known, a start folds nothing again.
    catch_up(&database, &log, &rules, "second").await;
    let adopted_at = "select max(adopted_at) from folded_rules";
    let adopted: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar(adopted_at).fetch_one(&pool).await.unwrap();
    catch_up(&database, &log, &rules, "third").await;
    let again: chrono::DateTime<chrono::Utc> = sqlx::query_scalar(adopted_at).fetch_one(&pool).await.unwrap();
    assert_eq!(adopted, again);

    // As another version of the program would have left it.
    sqlx::raw_sql(
        "update folded_rules set rules = rules + 1; update messages set text = 'of another version', row_hash = 0",
    )
    .execute(&pool)
    .await
    .unwrap();
    catch_up(&database, &log, &rules, "another program").await;
    crate::tables::assert_same(&before, &crate::tables::rows(&pool).await, "folded again");
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_still_runs_under_the_old_configuration_stops_and_says_what_to_do() {
    let (database, log) = filled(4).await;
    let mut both = changes().into_iter();
    let (old, new) = (both.next().unwrap().1, both.next().unwrap().1);
    catch_up(&database, &log, &old, "old").await;
    catch_up(&database, &log, &new, "new").await;
    let pool = database.pool();
    let conversation: String =
        sqlx::query_scalar("select conversation from requests limit 1").fetch_one(&pool).await.unwrap();
    mark(&pool, &conversation).await;
    let refused = projection::runner::fold_marked(&pool, &rules_of(&old), 100).await.unwrap_err().to_string();
    assert!(refused.contains("another configuration") && refused.contains("restart this one"), "{refused}");
    pool.close().await;
}

/// Waits until these are the rules of the account.
async fn adopted(pool: &PgPool, rules: &AccountRules) {
    let fingerprint = rules_of(rules).fingerprint("acme");
    wait_until("the rules are adopted", SOON, async || {
        let adopted: Option<i64> =
            sqlx::query_scalar("select rules from folded_rules where account_id = 'acme'")
                .fetch_optional(pool)
                .await
                .unwrap();
        adopted == Some(fingerprint)
    })
    .await;
}

/// It lives for an hour, however long the machine stands still; nobody shares partitions with it twice.
async fn lives(pool: &PgPool, owner: &str) {
    sqlx::query(
        "insert into ledger.lease_owners (scope, owner, expires_at) values ($1, $2, now() + interval '1 hour') \
         on conflict (scope, owner) do update set expires_at = excluded.expires_at",
    )
    .bind(store::LIVE)
    .bind(owner)
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_brings_back_what_was_replaced_only_stores_while_the_other_one_runs() {
    let (database, log) = filled(5).await;
    let pool = database.pool();
    let mut both = changes().into_iter();
    let (old, new) = (both.next().unwrap().1, both.next().unwrap().1);
    let before = Running::start(&database, &log, &old, "old");
    adopted(&pool, &old).await;
    settled(&pool, log.as_ref()).await;
    let other = Running::start(&database, &log, &new, "new");
    adopted(&pool, &new).await;
    // It meets the new rules with the next conversation that it folds, and its supervisor starts it again.
    let stopped = async {
        for n in 0.. {
            if before.running.is_finished() {
                break;
            }
            mark(&pool, &format!("nobody's {n}")).await;
            settled(&pool, log.as_ref()).await;
        }
        before.running.await.unwrap().unwrap_err().to_string()
    };
    let refused = tokio::time::timeout(SOON, stopped).await.unwrap();
    assert!(refused.contains("another configuration"), "{refused}");
    let again = Running::start(&database, &log, &old, "old again");

    let old_rules = rules_of(&old).fingerprint("acme");
    let contested = async |waited| {
        store::rules::contested(&pool, &[("acme", old_rules)], waited).await.unwrap().is_some()
    };
    lives(&pool, "new").await;
    assert!(contested(Duration::ZERO).await);
    let more = deliveries(&mut Chance::new(8));
    let entries = more.into_iter().map(|delivery| Entry { delivery, partition_hash: 1 }).collect();
    log.append(entries).await.unwrap();
    settled(&pool, log.as_ref()).await;
    adopted(&pool, &new).await;

    // The other one ends: nobody is contradicted.
    other.stop().await;
    adopted(&pool, &old).await;
    again.stop().await;

    // A change of mind a quarter of an hour later is one, whoever runs; but not of who has waited since.
    let running = Running::start(&database, &log, &new, "new again");
    adopted(&pool, &new).await;
    lives(&pool, "new again").await;
    assert!(contested(Duration::ZERO).await);
    sqlx::query("update folded_rules set adopted_at = adopted_at - interval '15 minutes'")
        .execute(&pool)
        .await
        .unwrap();
    assert!(!contested(Duration::ZERO).await && contested(Duration::from_mins(20)).await);
    running.stop().await;
    assert!(!contested(Duration::from_mins(20)).await, "nobody runs");

    // Who comes later with the same rules stands for them.
    let running = Running::start(&database, &log, &new, "a restart");
    let by = "select adopted_by from folded_rules where account_id = 'acme'";
    wait_until("it has them", SOON, async || {
        sqlx::query_scalar::<_, String>(by).fetch_one(&pool).await.unwrap() == "a restart"
    })
    .await;
    running.stop().await;
    pool.close().await;
}
