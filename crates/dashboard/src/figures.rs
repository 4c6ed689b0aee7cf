//! All that the page shows, read in one transaction: its figures agree with each other.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::Serialize;
use store::PgPool;
use store::budgets::{self, Budget};
use store::cursors::{self, Cursor};
use store::dashboard::{
    CrmCounts, CrmRecord, DaysOf, RejectCount, RoadLine, ScoreLine, Scores, TargetLine, WaitingLine,
    crm_counts, last_read_at, latest_crm_records, leads, reject_counts, roads, scores, targets, waiting,
};
use store::report::{self, By, Row, ScoresRow, Waiting, response_times};

use crate::asked::Asked;
use crate::{DashboardError, Settings};

/// People shown in a list of the page; its rows have all.
pub(crate) const PEOPLE: usize = 12;
/// Days of the chart and of the list of low scores.
pub(crate) const DAYS: u64 = 14;
/// Records of the CRMs shown.
const RECORDS: i64 = 6;

/// What the page shows of one account.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The period, one row.
    pub(crate) all: Row,
    /// Its hours.
    pub(crate) hours: Vec<Row>,
    /// The last [`DAYS`] days, whatever the period.
    pub(crate) days: Vec<Row>,
    /// By operator.
    pub(crate) operators: Vec<Row>,
    /// By channel.
    pub(crate) channels: Vec<Row>,
    /// Scores of the period.
    pub(crate) scores: ScoresRow,
    /// Low scores of the last [`DAYS`] days.
    pub(crate) low: Vec<ScoreLine>,
    /// Who waits now, in figures.
    pub(crate) waiting: Waiting,
    /// The longest of them.
    pub(crate) people: Vec<WaitingLine>,
    /// The CRMs.
    pub(crate) crms: Crms,
    /// The pipeline.
    pub(crate) pipeline: Pipeline,
}

/// How the CRMs stand.
#[derive(Debug, Serialize)]
pub(crate) struct Crms {
    /// Leads of the account.
    pub(crate) leads: i64,
    /// By CRM: those that are configured, and those that have records.
    pub(crate) crms: Vec<CrmLine>,
    /// What changed last.
    pub(crate) latest: Vec<CrmRecord>,
}

/// A CRM.
#[derive(Debug, Default, Serialize)]
pub(crate) struct CrmLine {
    /// Its records.
    #[serde(flatten)]
    pub(crate) counts: CrmCounts,
    /// How it takes them.
    pub(crate) target: TargetLine,
}

/// How deliveries flow.
#[derive(Debug, Serialize)]
pub(crate) struct Pipeline {
    /// Deliveries in the log that are not read; `null`: not known.
    pub(crate) unread: Option<i64>,
    /// Marks of what has to be folded, of all accounts.
    pub(crate) marks: i64,
    /// When something was read last, of all accounts.
    pub(crate) last_read_at: Option<DateTime<Utc>>,
    /// By road.
    pub(crate) roads: Vec<RoadLine>,
    /// By reason.
    pub(crate) rejects: Vec<RejectCount>,
    /// How far the past was read.
    pub(crate) cursors: Vec<CursorLine>,
    /// This month's calls.
    pub(crate) quota: Option<QuotaLine>,
    /// Receivers of effects.
    pub(crate) targets: Vec<TargetLine>,
}

/// A walk of the backfill.
#[derive(Debug, Serialize)]
pub(crate) struct CursorLine {
    /// Its name.
    pub(crate) walk: String,
    /// When it read a page last.
    pub(crate) updated_at: DateTime<Utc>,
}

/// Calls of a month.
#[derive(Debug, Serialize)]
pub(crate) struct QuotaLine {
    /// Its first day.
    pub(crate) month: NaiveDate,
    /// Our own.
    pub(crate) used: i64,
    /// The platform's limit.
    pub(crate) call_limit: Option<i64>,
    /// What is left of it, by the platform's last word.
    pub(crate) calls_left: Option<i64>,
}

impl Figures {
    /// Reads them.
    ///
    /// # Errors
    /// [`DashboardError::Unavailable`] when the database does not answer.
    pub(crate) async fn read(
        pool: &PgPool,
        settings: &Settings,
        asked: &Asked<'_>,
    ) -> Result<Self, DashboardError> {
        let mut reading = store::snapshot(pool).await?;
        let account = asked.account.id.as_str();
        let last = asked.last_days(DAYS);
        let all = response_times(&mut *reading, &asked.query(By::All)).await?;
        let scored = report::scores(&mut *reading, &asked.scores(By::All)).await?;
        let figures = Self {
            all: all.into_iter().next().unwrap_or_default(),
            hours: response_times(&mut *reading, &asked.query(By::Hour)).await?,
            days: response_times(&mut *reading, &last.query(By::Day)).await?,
            operators: response_times(&mut *reading, &asked.query(By::Operator)).await?,
            channels: response_times(&mut *reading, &asked.query(By::Channel)).await?,
            scores: scored.into_iter().next().unwrap_or_default(),
            low: low(&mut reading, asked).await?,
            waiting: report::waiting(&mut *reading, account).await?,
            people: waiting(&mut *reading, account, PEOPLE.try_into().unwrap_or(i64::MAX)).await?,
            pipeline: Pipeline::read(&mut reading, settings, asked).await?,
            crms: Crms::read(&mut reading, settings, asked).await?,
        };
        store::commit(reading).await?;
        Ok(figures)
    }
}

/// Low scores of the last [`DAYS`] days, as many as the page shows.
pub(crate) async fn low(
    reading: &mut store::PgConnection,
    asked: &Asked<'_>,
) -> Result<Vec<ScoreLine>, DashboardError> {
    let last = asked.last_days(DAYS);
    let asked = Scores {
        account: asked.account.id.as_str(),
        from: Some(last.from),
        to: Some(last.to),
        days_of: DaysOf::Giving,
        sentiment: Some("bad"),
        limit: PEOPLE.try_into().unwrap_or(i64::MAX),
    };
    Ok(scores(reading, &asked).await?)
}

impl Crms {
    pub(crate) async fn read(
        reading: &mut store::PgConnection,
        settings: &Settings,
        asked: &Asked<'_>,
    ) -> Result<Self, DashboardError> {
        let account = asked.account.id.as_str();
        let (counts, targets) =
            (crm_counts(&mut *reading, account).await?, targets(&mut *reading, account).await?);
        let mut names: Vec<&str> = settings.crms.iter().map(String::as_str).collect();
        names.extend(
            counts
                .iter()
                .map(|count| count.crm.as_str())
                .filter(|crm| settings.crms.iter().all(|configured| configured != crm)),
        );
        let line = |name: &str| {
            let named = || CrmCounts { crm: name.to_owned(), ..CrmCounts::default() };
            let target = format!("crm/{name}");
            CrmLine {
                counts: counts.iter().find(|count| count.crm == name).cloned().unwrap_or_else(named),
                target: targets.iter().find(|line| line.target == target).cloned().unwrap_or_default(),
            }
        };
        Ok(Self {
            crms: names.into_iter().map(line).collect(),
            leads: leads(&mut *reading, account).await?,
            latest: latest_crm_records(&mut *reading, account, RECORDS).await?,
        })
    }
}

impl Pipeline {
    pub(crate) async fn read(
        reading: &mut store::PgConnection,
        settings: &Settings,
        asked: &Asked<'_>,
    ) -> Result<Self, DashboardError> {
        let id = &asked.account.id;
        let month = asked.today.with_day(1).unwrap_or(asked.today);
        let budgets = budgets::budgets(&mut *reading, std::slice::from_ref(id), month).await?;
        let quota = |(_, budget): (_, Budget)| QuotaLine {
            month: budget.month,
            used: budget.used,
            call_limit: budget.call_limit,
            calls_left: budget.calls_left,
        };
        let cursor = |cursor: Cursor| CursorLine { walk: cursor.walk, updated_at: cursor.updated_at };
        Ok(Self {
            unread: (settings.unread)(),
            marks: store::folding::waiting(&mut *reading).await?,
            last_read_at: last_read_at(&mut *reading).await?,
            roads: roads(&mut *reading, id.as_str(), asked.today).await?,
            rejects: reject_counts(&mut *reading, id.as_str()).await?,
            cursors: cursors::cursors(&mut *reading, id).await?.into_iter().map(cursor).collect(),
            quota: budgets.into_iter().next().map(quota),
            targets: targets(&mut *reading, id.as_str()).await?,
        })
    }
}
