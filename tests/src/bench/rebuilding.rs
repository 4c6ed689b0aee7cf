//! A rebuild of all tables, next to what one would write in SQL: COPY the bodies, unpack their JSON, window functions.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use chatledger_tests::{DatabaseServer, TestDatabase};
use chrono::{DateTime, Utc};
use log::{Entry, Log, PostgresLog};
use projection::rebuild::{Control, Progress};
use projection::{Rebuild, Rules};
use serde_json::{Map, Value, json};
use store::PgPool;
use store::generations::state::Phase;
use tokio_util::sync::CancellationToken;

use crate::capture::PARTITIONS;
use crate::report::{Figure, Report};
use crate::workload::{ACCOUNT, Workload, rules};
use crate::{machine, median, say};

/// The steps of the baseline; each may be read as one would write it by hand.
const BASELINE: [(&str, &str); 4] = [
    (
        "unpack",
        "create table plain_facts as
         select account_id, received_at, b->>'hook_type' as hook_type,
                coalesce(b->>'message_id', case when b ? 'type' and b ? 'created' then b->>'id' end) as message_id,
                b->>'type' as type, b->>'client_id' as client_id, b->>'channel_id' as channel_id,
                b->>'dialog_id' as dialog_id, coalesce(b->>'request_id', b->>'last_request_id') as request_id,
                nullif(b->>'operator_id', '0') as operator_id, b->>'transport' as transport, b->>'text' as text,
                coalesce((b->>'event_time')::timestamptz, (replace(b->>'created', ' UTC', 'Z'))::timestamptz, received_at) as at,
                b->>'label' as label, b->'client'->>'phone' as phone, b->'client'->>'name' as name
         -- Parsed once a row.
         from (select account_id, received_at, body::jsonb as b from plain_bodies offset 0) unpacked",
    ),
    (
        "messages",
        "create table plain_messages as
         select distinct on (account_id, message_id) account_id, message_id, client_id, channel_id, dialog_id,
                coalesce(request_id, max(request_id) over (partition by account_id, message_id)) as request_id,
                operator_id, transport, text, type, at
         from plain_facts where message_id is not null
         order by account_id, message_id, received_at desc",
    ),
    (
        "turns",
        "create table plain_turns as
         with marked as (
             select *, type = 'from_client' as asks,
                    lag(type) over w is distinct from 'from_client' and type = 'from_client' as begins
             from plain_messages
             window w as (partition by account_id, client_id, channel_id, request_id order by at, message_id)),
         numbered as (
             select *, sum(begins::int) over (partition by account_id, client_id, channel_id, request_id
                                              order by at, message_id) as turn_no
             from marked)
         select account_id, request_id, client_id, channel_id, turn_no,
                min(at) filter (where asks) as asked_at,
                min(at) filter (where not asks and operator_id is not null) as answered_at,
                min(operator_id) filter (where not asks) as operator_id,
                extract(epoch from min(at) filter (where not asks and operator_id is not null)
                                   - min(at) filter (where asks)) as reply_seconds
         from numbered where turn_no > 0 group by 1, 2, 3, 4, 5",
    ),
    (
        "requests",
        "create table plain_requests as
         with closed as (
             select account_id, request_id, max(at) as closed_at from plain_facts
             where hook_type = 'close_request' group by 1, 2),
         talked as (
             select account_id, request_id, min(client_id) as client_id, min(channel_id) as channel_id,
                    min(at) as opened_at, min(at) filter (where type = 'from_client') as first_client_message_at,
                    count(*) filter (where type = 'from_client') as client_messages,
                    count(*) filter (where operator_id is not null) as operator_messages
             from plain_messages where request_id is not null group by 1, 2),
         turned as (
             select account_id, request_id, count(answered_at) as answered, avg(reply_seconds) as average,
                    min(answered_at) as first_reply_at
             from plain_turns group by 1, 2)
         select *, lag(request_id) over (partition by account_id, client_id, channel_id order by opened_at) as previous
         from talked left join closed using (account_id, request_id) left join turned using (account_id, request_id)",
    ),
];

/// Rebuilds so many deliveries, and writes the baseline's tables, in turn and so often, each in a database of its own.
pub(crate) async fn measure(
    workload: &Workload,
    count: usize,
    rounds: usize,
    databases: &DatabaseServer,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut ours, mut baseline, mut facts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (told, plain) = round(workload, count, databases).await?;
        ours.push(told["seconds"].as_f64().context("seconds")?);
        baseline.push(plain["seconds"].as_f64().context("seconds")?);
        facts.push(json!({"ours": told, "plain sql": plain}));
    }
    let pool = databases.database().await.pool();
    sqlx::raw_sql("alter system reset autovacuum").execute(&pool).await?;
    sqlx::raw_sql("select pg_reload_conf()").execute(&pool).await?;
    pool.close().await;
    report.figure(Figure {
        name: "rebuild".to_owned(),
        ours: count as f64 / median(ours),
        baseline: count as f64 / median(baseline),
        against: "plain SQL without keys and indexes: COPY of the bodies, JSON unpacked into columns, messages, turns and \
                  requests by window functions"
            .to_owned(),
    });
    report.fact("rebuild", json!({"deliveries": count, "rounds": facts}));
    Ok(())
}

async fn round(
    workload: &Workload,
    count: usize,
    databases: &DatabaseServer,
) -> anyhow::Result<(Value, Value)> {
    let accounts = accounts(workload, count);
    say(&format!("rebuild: {count} deliveries of {accounts} accounts go into the log"));
    let (ours, other) = (databases.database().await, databases.database().await);
    let pool = ours.pool();
    let log = PostgresLog::open(pool.clone(), PARTITIONS).await?;
    let mut all = entries(workload, count).peekable();
    while all.peek().is_some() {
        log.append(all.by_ref().take(5000).collect()).await?;
    }
    // A log as it is some time after it was written. The server's own vacuum would come for it at some moment of the minute, beside
    // whoever is measured then.
    sqlx::raw_sql("alter system set autovacuum = off").execute(&pool).await?;
    sqlx::raw_sql("select pg_reload_conf()").execute(&pool).await?;
    sqlx::raw_sql("vacuum (analyze) ledger.deliveries").execute(&pool).await?;
    on_the_disk(&pool).await?;

    let server = databases.pid();
    let before = machine::cpu_seconds_below(server);
    let mut told = in_a_process(&ours, accounts, server).await?;
    told["cpu_seconds of Postgres"] = json!(machine::cpu_seconds_below(server) - before);
    say(&format!("rebuild: ours: {told}"));
    told["rows"] = rows(&pool).await?;
    on_the_disk(&pool).await?;

    let before = machine::cpu_seconds_below(server);
    let mut plain = baseline(&other.pool(), workload, count).await?;
    let seconds: f64 = plain.values().filter_map(Value::as_f64).sum();
    plain.insert("seconds".to_owned(), json!(seconds));
    plain.insert("cpu_seconds of Postgres".to_owned(), json!(machine::cpu_seconds_below(server) - before));
    let plain = Value::from(plain);
    say(&format!("rebuild: plain sql: {plain}"));
    // Else the server would tidy up what this round leaves, beside the next one.
    for left in [pool, other.pool()] {
        sqlx::raw_sql("drop schema chat, ledger cascade").execute(&left).await?;
        left.close().await;
    }
    Ok((told, plain))
}

/// Nothing that was written before is still on its way to the disk while the next one is measured.
async fn on_the_disk(pool: &PgPool) -> anyhow::Result<()> {
    sqlx::raw_sql("checkpoint").execute(pool).await?;
    let synced = tokio::process::Command::new("sync").status().await?;
    anyhow::ensure!(synced.success(), "sync: {synced}");
    Ok(())
}

fn accounts(workload: &Workload, count: usize) -> usize {
    count.div_ceil((workload.webhooks.len() + workload.rows.len()).max(1))
}

/// The account's deliveries, as those of several accounts.
fn entries(workload: &Workload, count: usize) -> impl Iterator<Item = Entry> {
    let ids = events::DeliveryIds::seeded(3);
    let each = workload.webhooks.len() + workload.rows.len();
    workload.webhooks.iter().chain(&workload.rows).cycle().take(count).enumerate().map(move |(n, entry)| {
        let mut entry = entry.clone();
        entry.delivery.id = ids.next(entry.delivery.received_at);
        entry.delivery.account = name(n / each).parse().expect("a plain id");
        entry
    })
}

fn name(account: usize) -> String {
    format!("{ACCOUNT}{account}")
}

async fn in_a_process(
    database: &TestDatabase,
    accounts: usize,
    server: Option<i32>,
) -> anyhow::Result<Value> {
    let output = tokio::process::Command::new("/proc/self/exe")
        .args(["--child-rebuild", &database.url, &accounts.to_string(), &server.unwrap_or(0).to_string()])
        .arg(&database.folder)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?
        .wait_with_output()
        .await?;
    anyhow::ensure!(output.status.success(), "rebuild: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Rebuilds as `chatledger rebuild` would.
pub(crate) async fn child(url: &str, accounts: usize, server: i32, folder: &Path) -> anyhow::Result<Value> {
    let pool = store::pool(url, store::LIVE, 8)?;
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(pool.clone(), PARTITIONS).await?);
    let of_one = rules();
    let rules = Rules::new((0..accounts).map(|n| (name(n), of_one.of(ACCOUNT).clone())).collect());
    let rebuild = Rebuild::new(log, pool.clone(), rules, "bench", folder);
    let control = Control::new(CancellationToken::new());
    let started = Instant::now();
    // When each phase was seen first, and the processor time until then: of this process, of the server.
    let seen = std::sync::Mutex::new(Vec::<(Phase, [f64; 3])>::new());
    let times = || {
        [started.elapsed().as_secs_f64(), machine::cpu_seconds(), machine::cpu_seconds_below(Some(server))]
    };
    let show = |moment: Progress| {
        let mut seen = seen.lock().expect("one at a time");
        if seen.last().is_none_or(|(phase, _)| *phase != moment.phase) {
            seen.push((moment.phase, times()));
        }
    };
    let work = async {
        rebuild.build(false, &control).await?;
        let built = started.elapsed().as_secs_f64();
        rebuild.follow(&control, async || Ok(())).await?;
        let followed = started.elapsed().as_secs_f64();
        rebuild.switch(&control).await.map(|_| (built, followed))
    };
    let (built, followed) = control.beside(&pool, &show, Box::pin(work)).await?;
    let ended = times();
    let seen = seen.into_inner()?;
    let ends = seen.iter().skip(1).map(|(_, times)| *times).chain([ended]);
    let phases: Map<String, Value> = seen
        .iter()
        .zip(ends)
        .map(|((phase, begins), ends)| {
            let [seconds, own, server] = [0, 1, 2].map(|n| ((ends[n] - begins[n]) * 10.0).round() / 10.0);
            let told = json!({"seconds": seconds, "cpu": own, "cpu of Postgres": server});
            (phase.word().to_owned(), told)
        })
        .collect();
    let seconds = ended[0];
    Ok(json!({
        "seconds": seconds,
        "phases": phases,
        "built after": built,
        "followed after": followed,
        "peak_mib": machine::peak_mib(),
        "cpu_seconds": machine::cpu_seconds(),
    }))
}

async fn baseline(pool: &PgPool, workload: &Workload, count: usize) -> anyhow::Result<Map<String, Value>> {
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql(
        "set work_mem = '64MB'; set statement_timeout = 0; \
         create table plain_bodies (account_id text, received_at timestamptz, body text)",
    )
    .execute(&mut *connection)
    .await?;
    let mut seconds = Map::new();
    let started = Instant::now();
    let mut copy = connection.copy_in_raw("copy plain_bodies from stdin (format binary)").await?;
    let mut bytes = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for entry in entries(workload, count) {
        row(&mut bytes, entry.delivery.account.as_str(), entry.delivery.received_at, &entry.delivery.body)?;
        if bytes.len() > 1 << 18 {
            copy.send(std::mem::take(&mut bytes)).await?;
        }
    }
    bytes.extend((-1_i16).to_be_bytes());
    copy.send(bytes).await?;
    copy.finish().await?;
    seconds.insert("copy".to_owned(), json!(started.elapsed().as_secs_f64()));
    for (step, statement) in BASELINE {
        let started = Instant::now();
        sqlx::query(statement).execute(&mut *connection).await?;
        seconds.insert(step.to_owned(), json!(started.elapsed().as_secs_f64()));
    }
    Ok(seconds)
}

fn row(out: &mut Vec<u8>, account: &str, at: DateTime<Utc>, body: &[u8]) -> anyhow::Result<()> {
    out.extend(3_i16.to_be_bytes());
    for text in [account.as_bytes(), &(at.timestamp_micros() - 946_684_800_000_000).to_be_bytes(), body] {
        out.extend(i32::try_from(text.len())?.to_be_bytes());
        out.extend_from_slice(text);
    }
    Ok(())
}

/// How many rows each table has.
async fn rows(pool: &PgPool) -> anyhow::Result<Value> {
    let found: Vec<(String, i64)> = sqlx::query_as(
        "select relname::text, greatest(reltuples, 0)::bigint from pg_class \
         where relnamespace = 'chat'::regnamespace and relkind = 'r' and reltuples > 0 order by 1",
    )
    .fetch_all(pool)
    .await?;
    Ok(found.into_iter().map(|(table, rows)| (table, json!(rows))).collect::<Map<_, _>>().into())
}
