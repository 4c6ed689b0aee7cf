//! `trace`: from a row to the deliveries that told it, to their bytes in the log, and on to what was done about it.
//!
//! Owns: which rows lead where. Must not know: how they are stored ([`store::trace`]) or decoded.

mod asked;
mod written;

use std::collections::BTreeMap;

use anyhow::Context as _;
use events::{AccountId, DeliveryId};
use log::Place;
use serde::Serialize;
use serde_json::Value;
use store::trace::{self, Done, Telling, Traced};
use uuid::Uuid;

use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::rules;

pub(crate) use asked::Asked;
pub(crate) use written::{Format, written};

/// One row, what told it, and what came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    /// `message`, `request`, `score`, `lead`, `escalation`, or `delivery`.
    what: &'static str,
    /// The account.
    account: String,
    /// Its key.
    key: String,
    /// The row, every column of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Value>,
    /// The facts it was folded from.
    told_by: Vec<Telling>,
    /// Those deliveries, byte for byte.
    deliveries: Vec<Delivery>,
    /// How many more there are than are shown.
    deliveries_left_out: usize,
    /// Escalations that it caused.
    escalations: Vec<Value>,
    /// Its records in CRMs.
    crm_links: Vec<Value>,
    /// What was sent.
    effects: Vec<Done>,
}

/// A delivery in the log.
#[derive(Debug, Serialize)]
struct Delivery {
    id: Uuid,
    /// `None`: it is not in the log any more (erased).
    #[serde(flatten)]
    found: Option<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    partition: u32,
    offset: i64,
    road: String,
    received_at: chrono::DateTime<chrono::Utc>,
    /// The page that it is a part of, on the road of the backfill.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    /// Bytes of the body.
    bytes: usize,
    /// The body; what is no text is replaced.
    body: String,
}

/// Everything that is known of what was asked for, one trace for each row.
///
/// # Errors
/// When database or log do not answer.
pub(crate) async fn gather(
    installation: &Installation,
    configuration: &Configuration,
    asked: &Asked,
    account: Option<&AccountId>,
    deliveries: usize,
) -> anyhow::Result<Vec<Trace>> {
    let mut traces = Vec::new();
    if let Asked::Delivery(id) = asked {
        traces.extend(delivery(installation, configuration, *id).await?);
        return Ok(traces);
    }
    let known = configuration.accounts.iter().map(|account| &account.id);
    for account in account.map_or_else(|| known.collect(), |account| vec![account]) {
        for (what, key) in asked.rows() {
            let key = match what {
                Traced::Lead => trace::client_of_lead(&installation.pool, account.as_str(), key)
                    .await?
                    .unwrap_or_else(|| key.to_owned()),
                _ => key.to_owned(),
            };
            let rows = trace::rows(&installation.pool, what, account.as_str(), &key).await?;
            if !rows.is_empty() {
                traces.push(row(installation, what, account.as_str(), key, rows, deliveries).await?);
            }
        }
    }
    Ok(traces)
}

/// A row with everything around it.
async fn row(
    installation: &Installation,
    what: Traced,
    account: &str,
    key: String,
    rows: Vec<Value>,
    most: usize,
) -> anyhow::Result<Trace> {
    let pool = &installation.pool;
    let text = |name: &str| rows.first().and_then(|row| row[name].as_str()).unwrap_or_default().to_owned();
    let (told_by, valuations) = match what {
        Traced::Message => (trace::tellings(pool, account, "message", &key).await?, Vec::new()),
        Traced::Request => (
            trace::request_tellings(pool, account, &key).await?,
            trace::valuations_of(pool, account, &key).await?,
        ),
        Traced::Score => (trace::request_tellings(pool, account, &key).await?, vec![key.clone()]),
        Traced::Escalation => {
            (trace::request_tellings(pool, account, &text("cause")).await?, vec![text("cause")])
        }
        Traced::Lead => (trace::lead_tellings(pool, account, &key).await?, Vec::new()),
    };
    let mut subjects = match what {
        Traced::Escalation => vec![key.clone()],
        _ => trace::escalations_of(pool, account, &valuations).await?,
    };
    let mut escalations = Vec::new();
    if what != Traced::Escalation {
        for escalation in &subjects {
            escalations.extend(trace::rows(pool, Traced::Escalation, account, escalation).await?);
        }
    }
    let mut crm_links = Vec::new();
    if what == Traced::Lead {
        crm_links = trace::crm_links_of(pool, account, &text("lead_key")).await?;
        subjects.push(text("lead_key"));
    }
    let effects = trace::effects(pool, account, &subjects).await?;
    let (deliveries, deliveries_left_out) = deliveries(installation, &told_by, most).await?;
    Ok(Trace {
        what: what.word(),
        account: account.to_owned(),
        key,
        rows,
        told_by,
        deliveries,
        deliveries_left_out,
        escalations,
        crm_links,
        effects,
    })
}

/// The deliveries behind tellings, each once, by receipt: the first and the last ones where there are many.
async fn deliveries(
    installation: &Installation,
    told_by: &[Telling],
    most: usize,
) -> anyhow::Result<(Vec<Delivery>, usize)> {
    let mut ids: Vec<Uuid> = Vec::new();
    for telling in told_by {
        if !ids.contains(&telling.delivery_id) {
            ids.push(telling.delivery_id);
        }
    }
    let left_out = ids.len().saturating_sub(most);
    if left_out > 0 {
        ids.drain(most.div_ceil(2)..most.div_ceil(2) + left_out);
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.push(Delivery { id, found: find(installation, id).await?.map(|(found, _)| found) });
    }
    Ok((found, left_out))
}

async fn find(
    installation: &Installation,
    id: Uuid,
) -> anyhow::Result<Option<(Found, Option<events::Delivery>)>> {
    let record = installation.log.find(DeliveryId(id)).await.context("the log cannot be read")?;
    Ok(record.map(|record| {
        let Place { partition, offset } = record.place;
        let delivery = record.delivery.ok();
        let found = Found {
            partition,
            offset,
            road: delivery.as_ref().map_or("unknown", |delivery| delivery.road.as_str()).to_owned(),
            received_at: delivery.as_ref().map_or_else(Default::default, |delivery| delivery.received_at),
            page: delivery.as_ref().and_then(|delivery| delivery.capture.page.clone()),
            bytes: delivery.as_ref().map_or(0, |delivery| delivery.body.len()),
            body: delivery
                .as_ref()
                .map_or_else(String::new, |delivery| String::from_utf8_lossy(&delivery.body).into_owned()),
        };
        (found, delivery)
    }))
}

/// A delivery: its bytes, the facts that it tells, and the row of each.
async fn delivery(
    installation: &Installation,
    configuration: &Configuration,
    id: Uuid,
) -> anyhow::Result<Option<Trace>> {
    let Some((found, Some(delivery))) = find(installation, id).await? else { return Ok(None) };
    let account = delivery.account.as_str().to_owned();
    let rules = rules::projection(configuration);
    let decoded = projection::decode::decode(&delivery, rules.of(&account));
    let mut told_by = Vec::new();
    let mut wanted: BTreeMap<(&'static str, String), Traced> = BTreeMap::new();
    for observation in &decoded.observations {
        let kind = observation.fact.kind();
        told_by.extend(trace::tellings(&installation.pool, &account, kind, &observation.key).await?);
        if let Some((what, key)) = asked::row_of(&observation.fact, &observation.key) {
            wanted.insert((what.word(), key), what);
        }
    }
    let (mut rows, mut subjects) = (Vec::new(), Vec::new());
    for ((_, key), what) in wanted {
        if what == Traced::Score {
            subjects.extend(
                trace::escalations_of(&installation.pool, &account, std::slice::from_ref(&key)).await?,
            );
        }
        for row in trace::rows(&installation.pool, what, &account, &key).await? {
            subjects.extend(row["lead_key"].as_str().map(str::to_owned));
            rows.push(row);
        }
    }
    for rejection in &decoded.rejections {
        rows.push(serde_json::json!({"rejected": rejection.reason.as_str(), "detail": rejection.detail}));
    }
    let mut escalations = Vec::new();
    for escalation in &subjects {
        escalations.extend(trace::rows(&installation.pool, Traced::Escalation, &account, escalation).await?);
    }
    let effects = trace::effects(&installation.pool, &account, &subjects).await?;
    Ok(Some(Trace {
        what: "delivery",
        account,
        key: id.to_string(),
        rows,
        told_by,
        deliveries: vec![Delivery { id, found: Some(found) }],
        deliveries_left_out: 0,
        escalations,
        crm_links: Vec::new(),
        effects,
    }))
}
