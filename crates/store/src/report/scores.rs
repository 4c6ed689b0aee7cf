//! `report scores`: how satisfied customers were, and how sure that is.

use chrono::NaiveDate;
use events::AccountId;
use serde::Serialize;
use sqlx::PgExecutor;

use super::By;
use crate::StoreError;

/// What is asked.
#[derive(Clone, Debug)]
pub struct ScoresQuery<'a> {
    /// The account.
    pub account: &'a AccountId,
    /// First local day; open where absent.
    pub from: Option<NaiveDate>,
    /// Last local day, inclusive; open where absent.
    pub to: Option<NaiveDate>,
    /// What a row stands for.
    pub by: By,
}

/// One row of the report, serialised as the report's JSON has it. Shares are from 0 to 1; `None` where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScoresRow {
    /// What it stands for.
    pub key: String,
    /// The same, for people.
    pub label: String,
    /// Contacts that were closed, and so could be rated.
    pub requests: i64,
    /// Scores that were given and not taken back.
    pub rated: i64,
    /// Of them good: at least 0.8 of the scale.
    pub good: i64,
    /// Between.
    pub neutral: i64,
    /// At most 0.4 of the scale.
    pub bad: i64,
    /// CSAT: good / rated.
    pub csat: Option<f64>,
    /// Lower bound of it (Wilson, 95 %).
    pub low: Option<f64>,
    /// Upper bound.
    pub high: Option<f64>,
    /// Rated contacts / closed contacts; none when scores are more than contacts (those of another day's close).
    pub response_rate: Option<f64>,
    /// Mean score; none where scales differ.
    pub mean_score: Option<f64>,
    /// The best possible score.
    #[serde(skip)]
    pub scale: Option<f64>,
}

#[derive(sqlx::FromRow)]
struct Line {
    key: String,
    label: String,
    requests: i64,
    rated: i64,
    rated_requests: i64,
    good: i64,
    neutral: i64,
    bad: i64,
    mean_score: Option<f64>,
    scale: Option<f64>,
}

/// The report. Days and hours come in their order, everything else the most rated first; by [`By::All`] there is always
/// exactly one row.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn scores(
    executor: impl PgExecutor<'_>,
    query: &ScoresQuery<'_>,
) -> Result<Vec<ScoresRow>, StoreError> {
    let lines: Vec<Line> = sqlx::query_as(include_str!("scores.sql"))
        .bind(query.account.as_str())
        .bind(query.from)
        .bind(query.to)
        .bind(query.by.as_str())
        .fetch_all(executor)
        .await?;
    Ok(lines.into_iter().map(row).collect())
}

fn row(line: Line) -> ScoresRow {
    let bounds = wilson(line.good, line.rated);
    ScoresRow {
        csat: share(line.good, line.rated),
        low: bounds.map(|bounds| bounds.0),
        high: bounds.map(|bounds| bounds.1),
        response_rate: share(line.rated_requests, line.requests).filter(|rate| *rate <= 1.0),
        key: line.key,
        label: line.label,
        requests: line.requests,
        rated: line.rated,
        good: line.good,
        neutral: line.neutral,
        bad: line.bad,
        mean_score: line.mean_score,
        scale: line.scale,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl ScoresRow {
    /// The same row as LiveChat shows it: its score stands in `csat`, and has no bounds of its own.
    pub fn as_livechat(self) -> Self {
        Self { csat: livechat_score(self.good, self.bad), low: None, high: None, ..self }
    }
}

/// LiveChat's score of satisfaction: the lower bound of good / (good + bad), carefully (Z = 2.69), so that few scores
/// count for little. Neutral ones are none to LiveChat. `None` without any (design.md 7.5).
pub fn livechat_score(good: i64, bad: i64) -> Option<f64> {
    const Z: f64 = 2.69;
    let p = share(good, good + bad)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of scores are far below 2^53")]
    let n = (good + bad) as f64;
    let k = Z * Z / (4.0 * n);
    Some((p + 2.0 * k - Z * ((k / n + p * (1.0 - p)) / n).sqrt()) / (1.0 + 4.0 * k))
}

/// The Wilson score interval at 95 %: where the share of all customers lies, judged by `good` of `n` who answered.
pub fn wilson(good: i64, n: i64) -> Option<(f64, f64)> {
    /// Of the normal distribution, two-sided 95 %.
    const Z: f64 = 1.959_963_984_540_054;
    let p = share(good, n)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
    let n = n as f64;
    let z2 = Z * Z / n;
    let middle = p + z2 / 2.0;
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt();
    // Rounding must not put the share itself outside of its bounds.
    Some((((middle - half) / (1.0 + z2)).clamp(0.0, p), ((middle + half) / (1.0 + z2)).clamp(p, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_bounds_are_those_of_the_textbook() {
        // Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20: 0 to 0.1611; 1 of 29: 0.0061 to 0.1718.
        for (good, n, low, high) in [(81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (found_low, found_high) = wilson(good, n).unwrap();
            assert!(
                (found_low - low).abs() < 5e-5 && (found_high - high).abs() < 5e-5,
                "{found_low} {found_high}"
            );
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn livechats_score_is_that_of_its_examples() {
        for (good, bad, expected) in [(0, 2, 0.114_735), (13, 6, 0.423_267)] {
            let found = livechat_score(good, bad).unwrap();
            assert!((found - expected).abs() < 5e-7, "{good} good, {bad} bad: {found}");
        }
        assert_eq!(livechat_score(0, 0), None);
        let row = ScoresRow { rated: 20, good: 13, neutral: 1, bad: 6, ..ScoresRow::default() }.as_livechat();
        assert_eq!((row.csat, row.low, row.high), (livechat_score(13, 6), None, None));
    }
}
