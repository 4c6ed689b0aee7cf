//! `ledger.published_figures` and `ledger.restatements`: what was said to people, and what was said otherwise later.
//!
//! A day is frozen once. Its `digest` sums the hashes of the rows that its figures are computed from, with that of the
//! account's calendar, and beside it stand hashes of the operators' hours: as long as they are the same, nothing can have
//! changed, and looking costs one grouped read of four tables, and nothing in the fold. Where one differs the figures are computed again, by the functions of the
//! reports, and compared.
//!
//! The functions run in the caller's transaction. Who changes something takes [`lock`] first.

mod causes;
mod days;
mod pending;
mod restating;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use events::AccountId;
use sqlx::PgConnection;

use crate::report::{self, By, Query, ScoresQuery};
use crate::{StoreError, marks};

pub use causes::{Candidate, candidates};
pub use days::{
    OperatorHours, Published, Settings, accounts, frozen, published_account, touched, unpublished,
};
pub use pending::{Cause, Pending, is_pending, note, pending, settled};
pub use restating::{Restatement, freeze, insert, looked_at, standing};

/// What a figure is: dimension (`all`, `operator`, `channel`, `transport`, `hour`, `tag`), key, metric.
pub type FigureKey = (String, String, String);

/// Figures of one day. What has no value is not there.
pub type Figures = BTreeMap<FigureKey, f64>;

/// By these a day's figures are frozen.
pub const DIMENSIONS: [By; 6] = [By::All, By::Operator, By::Channel, By::Transport, By::Hour, By::Tag];

/// Lets one caller at a time publish or restate, and keeps a rebuild from switching meanwhile, until the transaction
/// ends. What is read for it should be read in another transaction that begins afterwards.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    crate::folding::join_generation(connection).await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(marks::PUBLISHING_LOCK).execute(connection).await?;
    Ok(())
}

/// The figures of an account's local day by these dimensions, as the reports have them now, with waiting as of the end of
/// the day.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer.
pub async fn of_day(
    connection: &mut PgConnection,
    account: &AccountId,
    day: NaiveDate,
    dimensions: &[By],
    Settings { as_of, target_seconds }: Settings,
) -> Result<Figures, StoreError> {
    let mut figures = Figures::new();
    for by in dimensions.iter().copied() {
        let query = Query { account, from: Some(day), to: Some(day), by, target_seconds, as_of };
        for row in report::response_times(&mut *connection, &query).await? {
            let mut put = putter(&mut figures, by, &row.key);
            // That there were none is a figure only over all.
            let requests = if by == By::All { whole(row.requests) } else { some(row.requests) };
            put("requests", requests);
            put("left_out", some(row.left_out));
            for (name, summary) in row.summaries() {
                for (what, value) in [
                    ("n", some(summary.n)),
                    ("mean", summary.mean),
                    ("p50", summary.p50),
                    ("p90", summary.p90),
                    ("p95", summary.p95),
                    ("max", summary.max),
                    ("within_target", summary.within_target),
                    ("unanswered", some(summary.unanswered)),
                    ("waiting", some(summary.waiting)),
                ] {
                    put(&format!("{name}.{what}"), value);
                }
            }
        }
        let query = ScoresQuery { account, from: Some(day), to: Some(day), by };
        for row in report::scores(&mut *connection, &query).await? {
            let mut put = putter(&mut figures, by, &row.key);
            for (what, value) in [
                ("scores.closed", some(row.requests)),
                ("scores.rated", some(row.rated)),
                ("scores.good", some(row.good)),
                ("scores.neutral", some(row.neutral)),
                ("scores.bad", some(row.bad)),
                ("scores.csat", row.csat),
                ("scores.response_rate", row.response_rate),
                ("scores.mean_score", row.mean_score),
            ] {
                put(what, value);
            }
        }
    }
    Ok(figures)
}

fn putter<'a>(figures: &'a mut Figures, by: By, key: &'a str) -> impl FnMut(&str, Option<f64>) + 'a {
    move |metric, value| {
        if let Some(value) = value {
            figures.insert((by.as_str().to_owned(), key.to_owned(), metric.to_owned()), value);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn whole(count: i64) -> Option<f64> {
    Some(count as f64)
}

/// A count of nothing is not there.
fn some(count: i64) -> Option<f64> {
    whole(count).filter(|_| count > 0)
}

/// Whether a figure counts something: what is not there is 0 then.
fn is_count(metric: &str) -> bool {
    let last = metric.rsplit('.').next().unwrap_or(metric);
    const COUNTS: [&str; 10] =
        ["requests", "left_out", "n", "unanswered", "waiting", "closed", "rated", "good", "neutral", "bad"];
    COUNTS.contains(&last)
}

/// A figure that is not what it was: key, old, new.
pub type Difference = (FigureKey, Option<f64>, Option<f64>);

/// What differs between the figures as they stood and as they are. The last digits of a mean depend on the order in
/// which it was summed: that is no difference.
pub fn differences(stood: &Figures, are: &Figures) -> Vec<Difference> {
    let same = |old: Option<f64>, new: Option<f64>| match (old, new) {
        (Some(old), Some(new)) => (old - new).abs() <= 1e-9 * old.abs().max(new.abs()).max(1.0),
        (old, new) => old.is_none() && new.is_none(),
    };
    let keys: std::collections::BTreeSet<&FigureKey> = stood.keys().chain(are.keys()).collect();
    keys.into_iter()
        .map(|key| {
            let value =
                |figures: &Figures| figures.get(key).copied().or_else(|| is_count(&key.2).then_some(0.0));
            (key.clone(), value(stood), value(are))
        })
        .filter(|(_, old, new)| !same(*old, *new))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digits_of_a_sum_are_no_difference_and_no_count_is_a_count_of_0() {
        let figures = |values: &[(&str, f64)]| -> Figures {
            values
                .iter()
                .map(|(metric, value)| (("all".into(), "all".into(), (*metric).into()), *value))
                .collect()
        };
        let stood = figures(&[("mean", 100.1), ("reply.n", 3.0), ("gone", 1.0), ("bad", 0.0)]);
        let are = figures(&[("mean", 100.1 + 1e-12), ("reply.n", 4.0), ("new", 2.0), ("requests", 2.0)]);
        let found: Vec<_> = differences(&stood, &are)
            .into_iter()
            .map(|((_, _, metric), old, new)| (metric, old, new))
            .collect();
        assert_eq!(
            found,
            [
                ("gone".to_owned(), Some(1.0), None),
                ("new".to_owned(), None, Some(2.0)),
                ("reply.n".to_owned(), Some(3.0), Some(4.0)),
                ("requests".to_owned(), Some(0.0), Some(2.0)),
            ]
        );
    }
}
