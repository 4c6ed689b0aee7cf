//! What changed a published figure: compared, and named.

use chrono::{DateTime, NaiveDate, Utc};
use store::figures::{self, Candidate, Difference, FigureKey, Published, Restatement};
use store::{PgPool, StoreError};

/// Rank of the backfill's road in a fact's stamp.
const BACKFILL: i16 = events::Road::Backfill.rank();

/// Why rows may have changed, as far as the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// By what came since: the delivery is looked for and named.
    Deliveries,
    /// The configuration changed: what of it, in words ("the calendar of acme").
    Configuration(String),
    /// A rebuild has switched.
    Rebuild,
    /// A person was erased.
    Erased,
}

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restated {
    /// Frozen days whose rows had changed.
    pub days: usize,
    /// Figures of them that are others now.
    pub figures: usize,
}

/// Restates every published figure that is not what it was, for a cause that the caller knows: to be called at the end of
/// a rebuild, of folding again after a change of configuration, of an erasure. What the next look of a [`super::Publisher`]
/// finds is then caused by deliveries again.
///
/// # Errors
/// As of the store. What was not committed is found by the next look.
pub async fn restate(pool: &PgPool, now: DateTime<Utc>, cause: &Cause) -> Result<Restated, StoreError> {
    look(pool, now, cause, None).await
}

/// Looks at frozen days from `since` on. All in one transaction: a figure is restated once, whoever looks.
pub(super) async fn look(
    pool: &PgPool,
    now: DateTime<Utc>,
    cause: &Cause,
    since: Option<NaiveDate>,
) -> Result<Restated, StoreError> {
    let mut holding = store::begin(pool).await?;
    figures::lock(&mut holding).await?;
    // Begins after the lock was had: it sees what the holder before wrote, and one moment of the rows.
    let mut transaction = store::moment(pool).await?;
    let touched = figures::touched(&mut *transaction, since).await?;
    let mut restated = Restated { days: touched.len(), figures: 0 };
    let mut candidates: Option<Vec<Candidate>> = None;
    for day in &touched {
        let stood = figures::standing(&mut transaction, &day.account, day.day).await?;
        let settings = day.settings;
        let are =
            figures::of_day(&mut transaction, &day.account, day.day, settings.as_of, settings.target_seconds)
                .await?;
        let differences = figures::differences(&stood, &are);
        if !differences.is_empty() {
            // Looked for once, and only when there is something to explain.
            let candidates = match &mut candidates {
                Some(candidates) => candidates,
                none if *cause == Cause::Deliveries => {
                    none.insert(figures::candidates(&mut *transaction, &touched).await?)
                }
                none => none.insert(Vec::new()),
            };
            let restatements: Vec<Restatement> =
                differences.into_iter().map(|difference| named(difference, day, cause, candidates)).collect();
            figures::insert(&mut transaction, day, &restatements, now).await?;
            restated.figures += restatements.len();
            tracing::info!(account.id = %day.account, figures.day = %day.day, figures.count = restatements.len(),
                "published figures restated");
        }
        figures::looked_at(&mut transaction, day, now).await?;
    }
    store::commit(transaction).await?;
    store::commit(holding).await?;
    Ok(restated)
}

/// A difference with its cause.
fn named(difference: Difference, day: &Published, cause: &Cause, candidates: &[Candidate]) -> Restatement {
    let said = |cause, detail: Option<String>| (cause, detail, None);
    let (cause, detail, found) = match cause {
        _ if day.metric_version != events::METRIC_VERSION => {
            let detail = format!("version {} to {}", day.metric_version, events::METRIC_VERSION);
            said("metric_version", Some(detail))
        }
        Cause::Configuration(what) => said("configuration", Some(what.clone())),
        Cause::Rebuild => said("rebuild", None),
        Cause::Erased => said("erased", None),
        Cause::Deliveries => match culprit(&difference.0, day, candidates) {
            Some(found) => (road(found, day), None, Some(found)),
            // Nothing new was told of these requests: rows changed by another hand.
            None => said("unknown", None),
        },
    };
    Restatement {
        difference,
        cause,
        detail,
        delivery: found.map(|found| found.delivery_id),
        deliveries: found.map_or(0, |found| i32::try_from(found.deliveries).unwrap_or(i32::MAX)),
    }
}

/// Fetched, late, or only what went on after the day was frozen.
fn road(found: &Candidate, day: &Published) -> &'static str {
    if found.rank == BACKFILL {
        "refetch"
    } else if found.observed_at > day.frozen_at {
        "continued"
    } else {
        "late_delivery"
    }
}

/// The last delivery that touched what the figure counts; else the last of its day; else that of another day that changed
/// with it (a request that has moved). Candidates come the last delivery first.
fn culprit<'a>(figure: &FigureKey, day: &Published, candidates: &'a [Candidate]) -> Option<&'a Candidate> {
    let (dimension, key, _) = figure;
    let of_account = || candidates.iter().filter(|one| one.account_id == day.account.as_str());
    let of_day = || of_account().filter(|one| one.day == day.day);
    let counts = |one: &&Candidate| match dimension.as_str() {
        "operator" => one.operators.contains(key),
        "channel" => one.channel == *key,
        "transport" => one.transport == *key,
        "hour" => one.hour.to_string() == *key,
        _ => true,
    };
    of_day().find(counts).or_else(|| of_day().next()).or_else(|| of_account().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(day: &str, operator: &str, id: u128) -> Candidate {
        Candidate {
            account_id: "acme".into(),
            day: day.parse().unwrap(),
            operators: vec![operator.into()],
            channel: "12".into(),
            transport: "telegram".into(),
            hour: 9,
            delivery_id: uuid::Uuid::from_u128(id),
            received_at: "2026-01-16T09:00:00Z".parse().unwrap(),
            observed_at: "2026-01-15T09:00:00Z".parse().unwrap(),
            rank: 1,
            deliveries: 1,
        }
    }

    fn published() -> Published {
        let frozen_at = "2026-01-16T03:00:00Z".parse().unwrap();
        Published {
            account: "acme".parse().unwrap(),
            day: "2026-01-15".parse().unwrap(),
            settings: figures::Settings { as_of: frozen_at, target_seconds: 120.0 },
            metric_version: events::METRIC_VERSION,
            frozen_at,
            looked_at: frozen_at,
            digest: String::new(),
        }
    }

    #[test]
    fn the_delivery_that_touched_what_a_figure_counts_is_named_before_any_other() {
        let candidates = [
            candidate("2026-01-14", "7001", 3),
            candidate("2026-01-15", "7002", 2),
            candidate("2026-01-15", "7001", 1),
        ];
        let figure =
            |dimension: &str, key: &str| (dimension.to_owned(), key.to_owned(), "requests".to_owned());
        let found = |figure: &FigureKey| {
            culprit(figure, &published(), &candidates).map(|one| one.delivery_id.as_u128())
        };
        assert_eq!(found(&figure("operator", "7001")), Some(1));
        assert_eq!(found(&figure("operator", "7009")), Some(2), "the last one of the day");
        assert_eq!(found(&figure("all", "all")), Some(2));
        assert_eq!(
            culprit(&figure("all", "all"), &published(), &candidates[..1])
                .map(|one| one.delivery_id.as_u128()),
            Some(3)
        );
    }

    #[test]
    fn late_fetched_and_continued_are_told_apart() {
        let late = candidate("2026-01-15", "7001", 1);
        assert_eq!(road(&late, &published()), "late_delivery");
        assert_eq!(road(&Candidate { rank: BACKFILL, ..late.clone() }, &published()), "refetch");
        let after = Candidate { observed_at: "2026-01-16T08:00:00Z".parse().unwrap(), ..late };
        assert_eq!(road(&after, &published()), "continued");
    }
}
