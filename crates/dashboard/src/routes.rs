//! The addresses: the page, the rows behind its figures, and both as JSON.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::NaiveDate;
use events::AccountId;
use serde::Serialize;
use serde_json::json;
use store::PgPool;
use store::dashboard::waiting;
use store::report::{self, By, response_times};

use crate::asked::{Asked, Parameters, grouping};
use crate::figures::{Crms, Figures, Pipeline, low};
use crate::page::{self, Frame};
use crate::recent::Recent;
use crate::rows::{Kind, MOST, Table};
use crate::{DashboardError, Settings, assets, headers};

/// A page that takes longer is an answer of its own.
const PATIENCE: Duration = Duration::from_secs(15);

struct Shared {
    pool: PgPool,
    settings: Settings,
    recent: Recent<(AccountId, NaiveDate, NaiveDate), Figures>,
}

/// The page at `/`, its files at `/assets/…`, rows at `/rows/…`, JSON at `/api/…`. Reads only. Whoever merges it says
/// who may see it: it shows people's names.
pub fn router(pool: PgPool, settings: Settings) -> Router {
    Router::new()
        .route("/", get(dashboard))
        .route("/rows/{kind}", get(rows))
        .route("/api/today", get(today))
        .route("/api/response-times", get(times))
        .route("/api/scores", get(scores))
        .route("/api/waiting", get(people))
        .route("/api/low-scores", get(low_scores))
        .route("/api/crm", get(crm))
        .route("/api/pipeline", get(pipeline))
        .with_state(Arc::new(Shared { pool, settings, recent: Recent::new() }))
        .merge(assets::router())
        .layer(axum::middleware::map_response(headers::guarded))
}

/// The parameters; an address that cannot be read is told in our own words.
struct Wanted(Parameters);

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = DashboardError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, DashboardError> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(parameters)| Self(parameters)).map_err(|_| DashboardError::Unreadable("the address"))
    }
}

impl IntoResponse for DashboardError {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({ "error": self.to_string() }))).into_response()
    }
}

type Answer = Result<Response, DashboardError>;

/// Lets nobody wait for ever.
async fn in_time<T>(reading: impl Future<Output = Result<T, DashboardError>>) -> Result<T, DashboardError> {
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or(Err(DashboardError::Unavailable))
}

async fn dashboard(State(shared): State<Arc<Shared>>, wanted: Result<Wanted, DashboardError>) -> Response {
    let Shared { pool, settings, recent } = &*shared;
    let shown = async {
        let asked = Asked::new(settings, &wanted?.0)?;
        let key = (asked.account.id.clone(), asked.from, asked.to);
        let reading = Box::pin(Figures::read(pool, settings, &asked));
        let figures = in_time(recent.get(key, Instant::now(), reading)).await?;
        Ok(page::dashboard(&Frame::new(settings, &asked), &figures))
    };
    shown.await.unwrap_or_else(|error: DashboardError| page::failed(&error)).into_response()
}

async fn rows(
    State(shared): State<Arc<Shared>>,
    Path(kind): Path<String>,
    wanted: Result<Wanted, DashboardError>,
) -> Response {
    let Shared { pool, settings, .. } = &*shared;
    let shown = async {
        let Wanted(parameters) = wanted?;
        let asked = Asked::new(settings, &parameters)?;
        let kind = Kind::named(&kind)?;
        let format = parameters.format.as_deref();
        let most = if format.is_some() { MOST.file } else { MOST.page };
        let table = in_time(Table::read(pool, kind, &asked, &parameters, most)).await?;
        match format {
            None => Ok(page::rows(&Frame::new(settings, &asked), kind, &parameters, &table)),
            Some("json") => Ok(Json(table.json()).into_response()),
            Some("csv") => Ok(csv(&asked, kind, &table)),
            Some(_) => Err(DashboardError::Unreadable("the format")),
        }
    };
    shown.await.unwrap_or_else(|error: DashboardError| page::failed(&error)).into_response()
}

fn csv(asked: &Asked<'_>, kind: Kind, table: &Table) -> Response {
    // Both parts are of our own alphabet.
    let name = format!("attachment; filename=\"{}-{}.csv\"", asked.account.id, kind.as_str());
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, table.csv()).into_response()
}

/// As `chatledger report … --format json` has it.
#[derive(Serialize)]
struct Document<R> {
    metric_version: i16,
    r#as: &'static str,
    by: Option<&'static str>,
    from: NaiveDate,
    to: NaiveDate,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_seconds: Option<f64>,
    rows: Vec<R>,
}

impl<R> Document<R> {
    fn new(asked: &Asked<'_>, by: By, target_seconds: Option<f64>, rows: Vec<R>) -> Self {
        let by = (by != By::All).then(|| by.as_str());
        let (from, to) = (asked.from, asked.to);
        Self {
            metric_version: events::METRIC_VERSION,
            r#as: "chatledger",
            by,
            from,
            to,
            target_seconds,
            rows,
        }
    }
}

async fn times(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let by = grouping(parameters.by.as_deref())?;
    let rows = in_time(async { Ok(response_times(&shared.pool, &asked.query(by)).await?) }).await?;
    Ok(Json(Document::new(&asked, by, Some(asked.target_seconds), rows)).into_response())
}

async fn scores(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let by = grouping(parameters.by.as_deref())?;
    let rows = in_time(async { Ok(report::scores(&shared.pool, &asked.scores(by)).await?) }).await?;
    Ok(Json(Document::new(&asked, by, None, rows)).into_response())
}

async fn today(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let account = asked.account.id.as_str();
    let (rows, scores, now) = in_time(async {
        let mut reading = store::snapshot(&shared.pool).await?;
        let rows = response_times(&mut *reading, &asked.query(By::All)).await?;
        let scores = report::scores(&mut *reading, &asked.scores(By::All)).await?;
        let now = report::waiting(&mut *reading, account).await?;
        Ok((rows, scores, now))
    })
    .await?;
    Ok(Json(json!({
        "account": account,
        "time_zone": asked.account.zone.name(),
        "metric_version": events::METRIC_VERSION,
        "as_of": asked.as_of(),
        "from": asked.from,
        "to": asked.to,
        "target_seconds": asked.target_seconds,
        "response_times": rows.first(),
        "scores": scores.first(),
        "waiting": { "requests": now.requests, "since": now.since },
    }))
    .into_response())
}

async fn people(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let account = asked.account.id.as_str();
    let lines = in_time(async { Ok(waiting(&shared.pool, account, MOST.file).await?) }).await?;
    Ok(Json(json!({ "account": account, "as_of": asked.now, "rows": lines })).into_response())
}

async fn low_scores(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let lines = in_time(async { low(&mut *store::snapshot(&shared.pool).await?, &asked).await }).await?;
    Ok(Json(json!({ "account": asked.account.id, "rows": lines })).into_response())
}

async fn crm(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let crms = in_time(async {
        Crms::read(&mut *store::snapshot(&shared.pool).await?, &shared.settings, &asked).await
    });
    Ok(Json(crms.await?).into_response())
}

async fn pipeline(State(shared): State<Arc<Shared>>, Wanted(parameters): Wanted) -> Answer {
    let asked = Asked::new(&shared.settings, &parameters)?;
    let pipeline = in_time(async {
        Pipeline::read(&mut *store::snapshot(&shared.pool).await?, &shared.settings, &asked).await
    });
    Ok(Json(pipeline.await?).into_response())
}
