//! Reads the rows of each kind.

use store::PgPool;
use store::dashboard::{
    CrmRecord, DaysOf, RejectLine, RequestLine, Requests, ScoreLine, Scores, WaitingLine, Which, crm_records,
    rejects, requests, scores, waiting,
};

use super::{Cell, Kind, Table};
use crate::DashboardError;
use crate::asked::{Asked, Parameters, grouping};
use crate::written::since;

impl Table {
    /// Reads at most `most` rows.
    ///
    /// # Errors
    /// [`DashboardError::Unavailable`] when the database does not answer; [`DashboardError::Unreadable`].
    pub(crate) async fn read(
        pool: &PgPool,
        kind: Kind,
        asked: &Asked<'_>,
        parameters: &Parameters,
        most: i64,
    ) -> Result<Self, DashboardError> {
        let (account, columns) = (asked.account.id.as_str(), kind.columns());
        Ok(match kind {
            Kind::Requests => {
                let of = asked.query(grouping(parameters.by.as_deref())?);
                let which = which(parameters.which.as_deref())?;
                let key = parameters.key.as_deref();
                let lines = requests(pool, &Requests { of, key, which, limit: most }).await?;
                let total = lines.first().map_or(0, |line| line.total);
                Self { columns, rows: lines.into_iter().map(request).collect(), total }
            }
            Kind::Waiting => {
                let total = store::report::waiting(pool, account).await?.requests;
                let lines = waiting(pool, account, most).await?;
                let row = |line| waits(line, asked);
                Self { columns, rows: lines.into_iter().map(row).collect(), total }
            }
            Kind::Scores => {
                let days_of = match parameters.of.as_deref() {
                    None | Some("request") => DaysOf::Request,
                    Some("given") => DaysOf::Giving,
                    Some(_) => return Err(DashboardError::Unreadable("whose days")),
                };
                let (from, to) = (Some(asked.from), Some(asked.to));
                let sentiment = parameters.sentiment.as_deref();
                let chosen = Scores { account, from, to, days_of, sentiment, limit: most };
                let lines = scores(pool, &chosen).await?;
                let total = lines.first().map_or(0, |line| line.total);
                Self { columns, rows: lines.into_iter().map(score).collect(), total }
            }
            Kind::Crm => {
                let (crm, status) = (parameters.crm.as_deref(), parameters.status.as_deref());
                let lines = crm_records(pool, account, crm, status, most).await?;
                let total = lines.first().map_or(0, |line| line.total);
                Self { columns, rows: lines.into_iter().map(record).collect(), total }
            }
            Kind::Rejects => {
                let lines = rejects(pool, account, parameters.reason.as_deref(), most).await?;
                let total = lines.first().map_or(0, |line| line.total);
                Self { columns, rows: lines.into_iter().map(reject).collect(), total }
            }
        })
    }
}

fn which(name: Option<&str>) -> Result<Which, DashboardError> {
    let Some(name) = name else { return Ok(Which::default()) };
    let found = Which::ALL.into_iter().find(|which| which.as_str() == name);
    found.ok_or(DashboardError::Unreadable("which requests"))
}

impl Kind {
    /// The names of its columns.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Requests => REQUESTS,
            Self::Waiting => WAITING,
            Self::Scores => SCORES,
            Self::Crm => CRM,
            Self::Rejects => REJECTS,
        }
    }
}

const REQUESTS: &[&str] = &[
    "request",
    "began",
    "client",
    "dialog",
    "operator",
    "channel",
    "transport",
    "first_question",
    "first_response",
    "first_response_business",
    "resolution",
    "closed",
    "close_reason",
    "left_out",
    "client_id",
    "started_by_delivery",
    "ended_by_delivery",
];

fn request(line: RequestLine) -> Vec<Cell> {
    let state = line.first_state.map(|state| state.replace('_', " "));
    vec![
        line.request_key.into(),
        line.began_at.into(),
        line.client.into(),
        link(line.web_url),
        line.operator.into(),
        line.channel.into(),
        line.transport.into(),
        state.into(),
        seconds(line.frt_customer_seconds),
        seconds(line.frt_customer_business_seconds),
        seconds(line.resolution_seconds),
        line.closed_at.into(),
        line.close_reason.into(),
        line.left_out.into(),
        line.client_id.into(),
        line.started_by_delivery.map(|id| id.to_string()).into(),
        line.ended_by_delivery.map(|id| id.to_string()).into(),
    ]
}

const WAITING: &[&str] = &[
    "waited",
    "since",
    "client",
    "dialog",
    "operator",
    "channel",
    "transport",
    "first_question",
    "request",
    "client_id",
];

fn waits(line: WaitingLine, asked: &Asked<'_>) -> Vec<Cell> {
    vec![
        Cell::Seconds(since(line.waiting_since, asked.now)),
        line.waiting_since.into(),
        line.client.into(),
        link(line.web_url),
        line.operator.into(),
        line.channel.into(),
        line.transport.into(),
        if line.is_first { "yes".into() } else { "no".into() },
        line.request_key.into(),
        line.client_id.into(),
    ]
}

const SCORES: &[&str] = &[
    "given",
    "score",
    "of",
    "sentiment",
    "label",
    "client",
    "dialog",
    "operator",
    "channel",
    "escalation",
    "rule",
    "owner",
    "request",
    "valuation_request",
    "client_id",
    "escalation_key",
    "delivery",
];

fn score(line: ScoreLine) -> Vec<Cell> {
    vec![
        line.given_at.into(),
        Cell::Number(line.score),
        Cell::Number(line.scale),
        line.sentiment.into(),
        line.label.into(),
        line.client.into(),
        link(line.web_url),
        line.operator.into(),
        line.channel.into(),
        line.escalation.into(),
        line.rule.into(),
        line.owner.into(),
        line.request_key.into(),
        line.valuation_request_key.into(),
        line.client_id.into(),
        line.escalation_key.into(),
        line.delivery_id.to_string().into(),
    ]
}

const CRM: &[&str] = &[
    "crm",
    "client",
    "status",
    "record",
    "accepted",
    "attempts",
    "next_attempt",
    "last_error",
    "changed",
    "lead_key",
    "external_id",
];

fn record(line: CrmRecord) -> Vec<Cell> {
    vec![
        line.crm.into(),
        line.client.into(),
        line.status.into(),
        link(line.url),
        line.accepted_at.into(),
        Cell::Number(line.attempts.into()),
        line.next_attempt_at.into(),
        line.last_error.into(),
        line.updated_at.into(),
        line.lead_key.into(),
        line.external_id.into(),
    ]
}

const REJECTS: &[&str] = &["received", "road", "reason", "detail", "delivery", "part"];

fn reject(line: RejectLine) -> Vec<Cell> {
    vec![
        line.received_at.into(),
        line.road.into(),
        line.reason.into(),
        line.detail.into(),
        line.delivery_id.to_string().into(),
        Cell::Number(line.part.into()),
    ]
}

fn seconds(seconds: Option<f64>) -> Cell {
    seconds.map_or(Cell::Nothing, Cell::Seconds)
}

fn link(url: Option<String>) -> Cell {
    url.map_or(Cell::Nothing, Cell::Link)
}
