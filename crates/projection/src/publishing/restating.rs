//! What changed a published figure: compared, and named.

use chrono::{DateTime, NaiveDate, Utc};
use store::figures::{self, Candidate, Cause, Difference, FigureKey, Pending, Published, Restatement};
use store::{PgPool, StoreError};

/// Rank of the backfill's road in a fact's stamp.
const BACKFILL: i16 = events::Road::Backfill.rank();
/// Days whose rows are read by one statement.
const DAYS: usize = 31;

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restated {
    /// Frozen days whose rows had changed.
    pub days: usize,
    /// Figures of them that are others now.
    pub figures: usize,
}

/// Restates what has changed so far, under the causes that are known so far: to be called before rows are changed on purpose
/// (other rules, a rebuild, an erasure), so that what had changed already keeps its own cause. `account`: only this one's.
/// Accounts of which something is pending are left out: whether that is folded is for the publisher to know.
///
/// # Errors
/// As of the store. What was committed stays.
pub async fn look_before(
    pool: &PgPool,
    now: DateTime<Utc>,
    account: Option<&str>,
) -> Result<Restated, StoreError> {
    let known = figures::pending(pool).await?;
    let look = Look { pool, now, since: None, known: &known, is_settling: false };
    match account {
        Some(account) => look.account(account).await,
        None => look.all().await,
    }
}

/// Restates what a change has made of published figures that noted `cause` ([`figures::note`]) and is folded wholly.
///
/// # Errors
/// As of the store. What was committed stays; the cause too, and the next look goes on.
pub async fn look_after(pool: &PgPool, now: DateTime<Utc>, cause: Cause) -> Result<Restated, StoreError> {
    let mut known = figures::pending(pool).await?;
    known.retain(|one| one.cause == cause.as_str());
    Look { pool, now, since: None, known: &known, is_settling: true }.all().await
}

/// A look at frozen days. Each day is a transaction of its own: a look that breaks off keeps what it did, and the next one
/// does the rest.
pub(super) struct Look<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) now: DateTime<Utc>,
    /// The first day, for accounts of which nothing is pending.
    pub(super) since: Option<NaiveDate>,
    /// Causes that were noted and whose effect is folded.
    pub(super) known: &'a [Pending],
    /// Their effect is looked at whole with this.
    pub(super) is_settling: bool,
}

/// What came of a day.
enum Looked {
    /// So many figures are others.
    Restated(usize),
    /// Another process has looked meanwhile.
    Same,
    /// Rows change on purpose and may not be folded yet; or another process has settled why they did.
    Later,
}

impl Look<'_> {
    /// Looks at every account; one that fails does not keep the others waiting.
    pub(super) async fn all(&self) -> Result<Restated, StoreError> {
        let mut restated = Ok(Restated::default());
        for account in figures::accounts(self.pool).await? {
            match (&mut restated, self.account(&account).await) {
                (Ok(all), Ok(found)) => {
                    all.days += found.days;
                    all.figures += found.figures;
                }
                (Ok(_), Err(error)) => restated = Err(error),
                (Err(_), _) => {}
            }
        }
        restated
    }

    async fn account(&self, account: &str) -> Result<Restated, StoreError> {
        let known: Vec<&Pending> = self.known.iter().filter(|one| one.account_id == account).collect();
        if !self.is_settling && !known.is_empty() {
            return Ok(Restated::default());
        }
        let ids: Vec<i64> = known.iter().map(|one| one.cause_id).collect();
        let known = Known::of(&known);
        let since = if known.is_some() { None } else { self.since };
        let mut restated = Restated::default();
        for days in figures::frozen(self.pool, account, since).await?.chunks(DAYS) {
            let (Some(&first), Some(&last)) = (days.first(), days.last()) else { continue };
            let touched = figures::touched(self.pool, account, first..=last).await?;
            for day in &touched {
                match self.day(day, &touched, known.as_ref(), &ids).await? {
                    Looked::Restated(figures) => {
                        restated.days += 1;
                        restated.figures += figures;
                    }
                    Looked::Same => {}
                    Looked::Later => return Ok(restated),
                }
            }
        }
        if self.is_settling && !ids.is_empty() {
            figures::settled(self.pool, &ids).await?;
        }
        Ok(restated)
    }

    /// Compares one day and writes down what differs. A figure is restated once, whoever looks.
    async fn day(
        &self,
        day: &Published,
        touched: &[Published],
        known: Option<&Known>,
        ids: &[i64],
    ) -> Result<Looked, StoreError> {
        let mut holding = store::begin(self.pool).await?;
        figures::lock(&mut holding).await?;
        // Begins after the lock was had: it sees what the holder before wrote, and one moment of the rows.
        let mut transaction = store::moment(self.pool).await?;
        let account = day.account.as_str();
        if !figures::is_pending(&mut *transaction, account, ids).await? {
            return Ok(Looked::Later);
        }
        let Some(day) = figures::touched(&mut *transaction, account, day.day..=day.day).await?.pop() else {
            return Ok(Looked::Same);
        };
        // Rows of other definitions are not folded yet.
        if !self.is_settling && day.metric_version != events::METRIC_VERSION {
            return Ok(Looked::Later);
        }
        let stood = figures::standing(&mut transaction, &day.account, day.day).await?;
        let are =
            figures::of_day(&mut transaction, &day.account, day.day, &day.dimensions, day.settings).await?;
        let differences = figures::differences(&stood, &are);
        let figures = differences.len();
        if figures > 0 {
            // Looked for only when there is something to explain.
            let of_day = match known {
                Some(_) => Vec::new(),
                None => figures::candidates(&mut *transaction, std::slice::from_ref(&day)).await?,
            };
            let of_others = match known {
                None if of_day.is_empty() => figures::candidates(&mut *transaction, touched).await?,
                _ => Vec::new(),
            };
            let named = |difference| named(difference, &day, known, (&of_day, &of_others));
            let restatements: Vec<Restatement> = differences.into_iter().map(named).collect();
            figures::insert(&mut transaction, &day, &restatements, self.now).await?;
            tracing::info!(account.id = %day.account, figures.day = %day.day, figures.count = figures,
                "published figures restated");
        }
        figures::looked_at(&mut transaction, &day, self.now).await?;
        store::commit(transaction).await?;
        store::commit(holding).await?;
        Ok(Looked::Restated(figures))
    }
}

/// Why the rows of an account were changed on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    cause: String,
    detail: Option<String>,
}

impl Known {
    /// Of several a change of configuration goes first; the others are named beside it.
    fn of(pending: &[&Pending]) -> Option<Self> {
        let is_configuration = |one: &&&Pending| one.cause == Cause::Configuration.as_str();
        let main = pending.iter().find(is_configuration).or_else(|| pending.first())?;
        let mut words: Vec<String> = Vec::new();
        for one in pending {
            let word = match &one.detail {
                Some(detail) if one.cause == main.cause => detail.clone(),
                Some(detail) => format!("{} {detail}", one.cause),
                None if one.cause == main.cause => continue,
                None => one.cause.clone(),
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Some(Self { cause: main.cause.clone(), detail: (!words.is_empty()).then(|| words.join("; ")) })
    }
}

/// A difference with its cause. Candidates are those of the day, and those of other days that changed.
fn named(
    difference: Difference,
    day: &Published,
    known: Option<&Known>,
    (of_day, of_others): (&[Candidate], &[Candidate]),
) -> Restatement {
    let said = |cause: &str, detail: Option<String>| (cause.to_owned(), detail, None);
    let (cause, detail, found) = if day.metric_version != events::METRIC_VERSION {
        let detail = format!("version {} to {}", day.metric_version, events::METRIC_VERSION);
        said("metric_version", Some(detail))
    } else if let Some(what) = changed_hours(&difference.0, day) {
        said(Cause::Configuration.as_str(), Some(format!("{what} of {}", day.account)))
    } else if let Some(Known { cause, detail }) = known {
        said(cause, detail.clone())
    } else if let Some(found) = culprit(&difference.0, of_day).or_else(|| of_others.first()) {
        (road(found, day).to_owned(), None, Some(found))
    } else {
        // Nothing new was told of these requests: rows changed by another hand.
        said("unknown", None)
    };
    Restatement {
        difference,
        cause,
        detail,
        delivery: found.map(|found| found.delivery_id),
        deliveries: found.map_or(0, |found| i32::try_from(found.deliveries).unwrap_or(i32::MAX)),
    }
}

/// What of the operators' hours changed, where a figure is computed by them: turns, and by operator the first response.
fn changed_hours((dimension, _, metric): &FigureKey, day: &Published) -> Option<&'static str> {
    let is_of_operators = metric.starts_with("reply_business.")
        || dimension == "operator" && metric.starts_with("first_response_business.");
    match day.hours {
        _ if !is_of_operators => None,
        figures::OperatorHours { have_calendars_changed: true, .. } => Some("operator_calendar"),
        figures::OperatorHours { have_members_changed: true, .. } => Some("operator_groups"),
        _ => None,
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

/// The last delivery of a day that touched what the figure counts; else the last one. Where there is none, another day
/// changed with it (a request that has moved). Candidates come the last delivery first.
fn culprit<'a>(figure: &FigureKey, candidates: &'a [Candidate]) -> Option<&'a Candidate> {
    let (dimension, key, _) = figure;
    let counts = |one: &&Candidate| match dimension.as_str() {
        "operator" => one.operators.contains(key),
        "channel" => one.channel == *key,
        "transport" => one.transport == *key,
        "hour" => one.hour.to_string() == *key,
        "tag" => one.tags.contains(key) || key.is_empty() && one.tags.is_empty(),
        _ => true,
    };
    candidates.iter().find(counts).or_else(|| candidates.first())
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
            tags: vec!["611".into()],
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
            dimensions: figures::DIMENSIONS.to_vec(),
            digest: String::new(),
            hours: figures::OperatorHours::default(),
        }
    }

    #[test]
    fn the_delivery_that_touched_what_a_figure_counts_is_named_before_any_other() {
        let of_day = [candidate("2026-01-15", "7002", 2), candidate("2026-01-15", "7001", 1)];
        let of_others = [candidate("2026-01-14", "7001", 3)];
        let found = |dimension: &str, key: &str, of_day: &[Candidate]| {
            let figure = (dimension.to_owned(), key.to_owned(), "requests".to_owned());
            named((figure, None, Some(1.0)), &published(), None, (of_day, &of_others))
        };
        let delivery = |one: &Restatement| one.delivery.map(|id| id.as_u128());
        assert_eq!(delivery(&found("operator", "7001", &of_day)), Some(1));
        assert_eq!(delivery(&found("operator", "7009", &of_day)), Some(2), "the last one of the day");
        assert_eq!(delivery(&found("all", "all", &of_day)), Some(2));
        assert_eq!(delivery(&found("tag", "611", &of_day)), Some(2));
        assert_eq!(delivery(&found("all", "all", &[])), Some(3));
    }

    #[test]
    fn hours_of_operators_are_the_cause_of_figures_that_are_computed_by_them_and_of_no_others() {
        let hours =
            figures::OperatorHours { have_members_changed: true, ..figures::OperatorHours::default() };
        let day = Published { hours, ..published() };
        let cause = |dimension: &str, metric: &str| {
            let figure = (dimension.to_owned(), "7001".to_owned(), metric.to_owned());
            named((figure, None, Some(1.0)), &day, None, (&[], &[])).cause
        };
        assert_eq!(cause("operator", "first_response_business.mean"), "configuration");
        assert_eq!(cause("channel", "first_response_business.mean"), "unknown");
        assert_eq!(cause("channel", "reply_business.mean"), "configuration");
        assert_eq!(cause("operator", "reply.mean"), "unknown");
    }

    #[test]
    fn of_several_known_causes_the_configuration_goes_first_and_all_are_named() {
        let pending = |cause: &str, detail: Option<&str>| Pending {
            cause_id: 1,
            account_id: "acme".into(),
            cause: cause.into(),
            detail: detail.map(str::to_owned),
        };
        let (rebuild, bots) =
            (pending("rebuild", None), pending("configuration", Some("bot_operators of acme")));
        let known = |cause: &str, detail: Option<&str>| {
            Some(Known { cause: cause.into(), detail: detail.map(str::to_owned) })
        };
        assert_eq!(Known::of(&[]), None);
        assert_eq!(Known::of(&[&rebuild]), known("rebuild", None));
        let both = known("configuration", Some("rebuild; bot_operators of acme"));
        assert_eq!(Known::of(&[&rebuild, &bots, &bots]), both);
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
