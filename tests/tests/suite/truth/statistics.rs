//! `report response-times --as chat2desk` against the platform's own statistics: its report `request_stats`, as the
//! backfill brought it. The simulator computes it from its own model, which knows nothing of our tables.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;
use simulator::chat2desk::Mishaps;
use store::report::{By, Query, Row, Vendor, response_times, response_times_of};

use super::{Roads, Seen, ZONE, until};

/// What the platform's rows of one day add up to.
#[derive(Debug, Default)]
struct Statistics {
    common: i64,
    surveys: i64,
    reactions: Vec<f64>,
    replies: i64,
    total_replies_time: f64,
    closed: Vec<f64>,
}

/// Numbers arrive as numbers, as text, or as `''`.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

impl Statistics {
    fn add(&mut self, row: &Value) {
        if row["request_type"] != "common" {
            self.surveys += 1;
            return;
        }
        self.common += 1;
        self.reactions.extend(number(&row["reaction_time"]));
        #[expect(clippy::cast_possible_truncation, reason = "a count")]
        let replies = number(&row["replies"]).unwrap() as i64;
        self.replies += replies;
        self.total_replies_time += number(&row["total_replies_time"]).unwrap();
        self.closed.extend(number(&row["request_time"]));
    }

    /// The list's times are whole seconds: each duration may be off by one, a reaction is exact.
    fn assert_are(&self, row: &Row, what: &str) {
        let mean = |of: &[f64]| (!of.is_empty()).then(|| of.iter().sum::<f64>() / of.len() as f64);
        let near = |a: Option<f64>, b: Option<f64>, within: f64| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= within,
            (a, b) => a == b,
        };
        let counts = |n: usize| i64::try_from(n).unwrap();
        assert_eq!((row.requests, row.left_out), (self.common, self.surveys), "{what}: requests");
        let first = row.first_response;
        assert_eq!(first.n, counts(self.reactions.len()), "{what}: reactions");
        assert!(
            near(first.mean, mean(&self.reactions), 1e-6),
            "{what}: {first:?} {:?}",
            mean(&self.reactions)
        );
        assert_eq!(row.reply.n, self.replies, "{what}: replies");
        let average = (self.replies > 0).then(|| self.total_replies_time / self.replies as f64);
        assert!(near(row.reply.mean, average, 1.0), "{what}: {:?} {average:?}", row.reply);
        assert_eq!(row.resolution.n, counts(self.closed.len()), "{what}: closed");
        assert!(near(row.resolution.mean, mean(&self.closed), 1.0), "{what}: {:?}", row.resolution);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chat2desks_own_statistics_come_out_by_its_rules_and_not_by_ours() {
    let seen = Seen::by(Roads { webhooks: false, backfill: true }, Mishaps::default()).await;
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("select body from ledger.deliveries where capture::text like '%request_stats%'")
            .fetch_all(&seen.pool)
            .await
            .unwrap();
    let rows: BTreeMap<String, Value> = bodies
        .iter()
        .map(|body| serde_json::from_slice::<Value>(body).unwrap())
        .filter(|row| row.get("reaction_time").is_some())
        .map(|row| (row["request_id"].to_string(), row))
        .collect();
    let (mut all, mut days) = (Statistics::default(), BTreeMap::<String, Statistics>::new());
    for row in rows.values() {
        all.add(row);
        days.entry(row["request_start_d"].as_str().unwrap().to_owned()).or_default().add(row);
    }
    assert!(all.reactions.len() > 50 && all.surveys > 5 && days.len() > 4, "a busy week: {all:?}");

    let acme = "acme".parse().unwrap();
    let query = |by, from, to| Query { account: &acme, from, to, by, target_seconds: 120.0, as_of: until() };
    let by_its_rules = async |by, from, to| {
        response_times_of(&seen.pool, Vendor::Chat2desk, ZONE.name(), &query(by, from, to)).await.unwrap()
    };
    all.assert_are(&by_its_rules(By::All, None, None).await[0], "all");
    let found = by_its_rules(By::Day, None, None).await;
    assert_eq!(found.len(), days.len(), "{found:?}");
    for row in &found {
        days[&row.key].assert_are(row, &row.key);
    }
    // One day alone, that of the change of the clocks.
    let sunday: Option<NaiveDate> = "2026-10-25".parse().ok();
    days["2026-10-25"].assert_are(&by_its_rules(By::All, sunday, sunday).await[0], "the sunday");

    // And this is why the numbers are not the same: bots answer, there, and cards of the company are requests.
    let ours = response_times(&seen.pool, &query(By::All, None, None)).await.unwrap().remove(0);
    assert!(ours.requests < all.common && ours.first_response.mean > found_mean(&all), "{ours:?}");
}

fn found_mean(statistics: &Statistics) -> Option<f64> {
    Some(statistics.reactions.iter().sum::<f64>() / statistics.reactions.len() as f64)
}
