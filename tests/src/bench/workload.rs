//! What is sent, stored and read: the webhooks and the history of a simulated account.

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use events::delivery::partition_hash;
use events::{
    AccountId, Authenticity, Capture, Delivery, DeliveryIds, PagePart, Platform, Policy, Road, Signature,
};
use log::Entry;
use projection::calendar::Version;
use projection::{AccountRules, Calendar, Hours, Rules};
use serde_json::Value;
use simulator::business::Plan;
use simulator::chat2desk::api::{Call, Params, answer};
use simulator::chat2desk::control::{Register, register};
use simulator::chat2desk::{Account, World};

/// The account's id here; its token, which signs; the secret in the path of its hook.
pub(crate) const ACCOUNT: &str = "bench";
pub(crate) const TOKEN: &str = "bench-token";
pub(crate) const SECRET: &str = "bench-secret";

const ZONE: Tz = chrono_tz::Asia::Almaty;
const DAYS: u32 = 30;
const PAGE: usize = 200;

/// A webhook as the platform sends it.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    pub(crate) body: String,
    pub(crate) timestamp: i64,
    pub(crate) signature: String,
}

/// The same account, three ways.
#[derive(Debug)]
pub(crate) struct Workload {
    /// Message webhooks, to be posted.
    pub(crate) hooks: Vec<Hook>,
    /// All webhooks as they stand in the log, in the order of sending.
    pub(crate) webhooks: Vec<Entry>,
    /// The lists of the API, row by row, as a backfill appends them.
    pub(crate) rows: Vec<Entry>,
}

/// The configuration that the account is projected with.
pub(crate) fn rules() -> Rules {
    let office = vec![(9 * 3600, 13 * 3600), (14 * 3600, 18 * 3600)];
    let week =
        [office.clone(), office.clone(), office.clone(), office.clone(), office, Vec::new(), Vec::new()];
    let calendar = Calendar { versions: vec![Version { week, ..Version::default() }] };
    let rules = AccountRules {
        zone: ZONE,
        bots: ["7009".to_owned()].into(),
        hours: Some(Hours::new(&calendar, ZONE).into()),
        default_country: Some("KZ".to_owned()),
        ..AccountRules::default()
    };
    Rules::new([(ACCOUNT.to_owned(), rules)].into())
}

/// The account's id.
pub(crate) fn account() -> AccountId {
    ACCOUNT.parse().expect("a plain id")
}

impl Workload {
    /// A business with so many clients over a month; the same every time.
    pub(crate) fn simulate(clients: u32) -> anyhow::Result<Self> {
        let until: DateTime<Utc> = "2026-01-31T18:00:00Z".parse()?;
        let account = Account::new(ACCOUNT, TOKEN, "Example Ltd", ZONE);
        let plan = Plan { account, clients, days: DAYS, seed: 1, until };
        let everything =
            Register { url: "http://bench".to_owned(), events: None, channels: Vec::new(), old: false };
        let (mut world, _) = plan.build_with(|world| {
            register(world, everything);
        });
        let sent = world.webhooks.outbox.take_due(until + TimeDelta::days(1), usize::MAX);
        let ids = DeliveryIds::seeded(1);
        let webhooks = sent.iter().map(|hook| {
            let at = DateTime::from_timestamp(hook.timestamp, 0).unwrap_or(until) + TimeDelta::seconds(1);
            let authenticity = Some(Authenticity { signature: Signature::Valid, policy: Policy::IfPresent });
            let content_type = Some("application/json".to_owned());
            let capture = Capture { authenticity, content_type, ..Capture::default() };
            entry(&ids, Road::Webhook, capture, hook.body.clone().into_bytes(), at)
        });
        let webhooks = webhooks.collect();
        let message =
            |body: &str| body.contains(r#""hook_type":"inbox""#) || body.contains(r#""hook_type":"outbox""#);
        let hooks = sent.into_iter().filter(|hook| message(&hook.body));
        let hooks =
            hooks.map(|hook| Hook { body: hook.body, timestamp: hook.timestamp, signature: hook.signature });
        let hooks = hooks.collect();
        let rows = history(&mut world, until, &ids)?;
        Ok(Self { hooks, webhooks, rows })
    }

    /// The deliveries again and again, each time with ids of its own, until there are `count`.
    pub(crate) fn repeated(&self, count: usize) -> impl Iterator<Item = Entry> {
        let ids = DeliveryIds::seeded(2);
        self.webhooks.iter().chain(&self.rows).cycle().take(count).map(move |entry| {
            let mut entry = entry.clone();
            entry.delivery.id = ids.next(entry.delivery.received_at);
            entry
        })
    }

    pub(crate) fn describe(&self) -> String {
        let mean = |entries: &[Entry]| {
            entries.iter().map(|entry| entry.delivery.body.len()).sum::<usize>() / entries.len().max(1)
        };
        let hook = self.hooks.iter().map(|hook| hook.body.len()).sum::<usize>() / self.hooks.len().max(1);
        format!(
            "A simulated account over {DAYS} days: {} webhooks of {} bytes (capture posts the {} message hooks among them, \
             {hook} bytes), {} rows of history of {} bytes.",
            self.webhooks.len(),
            mean(&self.webhooks),
            self.hooks.len(),
            self.rows.len(),
            mean(&self.rows)
        )
    }
}

fn entry(
    ids: &DeliveryIds,
    road: Road,
    capture: Capture,
    body: Vec<u8>,
    received_at: DateTime<Utc>,
) -> Entry {
    let account = account();
    let partition_hash = partition_hash(&account, ingest::chat2desk::envelope::identity(&body).as_deref());
    let id = ids.next(received_at);
    let platform = Platform::Chat2desk;
    Entry {
        delivery: Delivery { id, account, platform, road, received_at, capture, body: body.into() },
        partition_hash,
    }
}

/// All lists that a backfill reads.
fn history(world: &mut World, until: DateTime<Utc>, ids: &DeliveryIds) -> anyhow::Result<Vec<Entry>> {
    let mut rows = Vec::new();
    for list in ["operators", "operators_groups", "channels", "tags", "clients"] {
        pages(world, until, ids, list, &[], &mut rows)?;
    }
    let mut start_id = 0;
    loop {
        let query = [("start_id", start_id.to_string()), ("limit", PAGE.to_string())];
        let page = page(world, until, ids, "messages", &query, &mut rows)?;
        let Some(last) = page.last().and_then(|row| row["id"].as_i64()) else { break };
        start_id = last + 1;
    }
    pages(world, until, ids, "dialogs", &[], &mut rows)?;
    let today = until.with_timezone(&ZONE).date_naive();
    for day in (today - Days::new(DAYS.into())).iter_days().take_while(|day| *day <= today) {
        for report in ["request_stats", "rating"] {
            pages(
                world,
                until,
                ids,
                "statistics",
                &[("report", report.to_owned()), ("date", day.to_string())],
                &mut rows,
            )?;
        }
    }
    Ok(rows)
}

fn pages(
    world: &mut World,
    until: DateTime<Utc>,
    ids: &DeliveryIds,
    list: &str,
    query: &[(&str, String)],
    rows: &mut Vec<Entry>,
) -> anyhow::Result<()> {
    for offset in (0..).step_by(PAGE) {
        let mut query = query.to_vec();
        query.extend([("limit", PAGE.to_string()), ("offset", offset.to_string())]);
        if page(world, until, ids, list, &query, rows)?.len() < PAGE {
            break;
        }
    }
    Ok(())
}

/// One call; its rows become deliveries.
fn page(
    world: &mut World,
    until: DateTime<Utc>,
    ids: &DeliveryIds,
    list: &str,
    query: &[(&str, String)],
    rows: &mut Vec<Entry>,
) -> anyhow::Result<Vec<Value>> {
    let params = Params::new(query.iter().map(|(name, value)| ((*name).to_owned(), value.clone())), b"");
    let call = Call { method: "GET".into(), path: format!("/v1/{list}"), token: Some(TOKEN.into()), params };
    let mut answered = answer(world, &call, until);
    anyhow::ensure!(answered.status == 200, "{list}: {}", answered.body);
    let Value::Array(data) = answered.body["data"].take() else { anyhow::bail!("{list}: no rows") };
    let asked: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let asked = format!("{list}?{}", asked.join("&"));
    for (part, row) in (0..).zip(&data) {
        let capture = Capture {
            page: Some(asked.clone()),
            part: Some(PagePart::Row(part)),
            fetched_at: Some(until),
            ..Capture::default()
        };
        rows.push(entry(ids, Road::Backfill, capture, serde_json::to_vec(row)?, until));
    }
    Ok(data)
}
