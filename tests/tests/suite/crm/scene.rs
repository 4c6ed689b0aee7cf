//! Leads in a database, CRMs beside it, and our side between them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatledger_tests::TestDatabase;
use chrono::{DateTime, Utc};
use crm_sync::{Choices, Crm, CrmError, Kind, Options, Progress, Schedule, Summary, Surroundings, Sync};
use events::{Clock, DeliveryIds, SystemClock};
use serde_json::Value;
use simulator::hubspot::HubSpot;
use simulator::receiver::Receiver;
use simulator::server::{Hosted, WorldClock, host};
use simulator::service::{Answer, Call, Service};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The app's token, with a canary in it.
pub(super) const TOKEN: &str = "pat-canary-token";
/// The secret of the webhook.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// A name that no log line may hold; every lead has it.
pub(super) const NAME: &str = "Canaryname";
/// The end of every phone.
pub(super) const PHONE: &str = "55501";

/// Serves a service with real time.
pub(super) async fn hosted<S: Service>(service: S) -> Hosted<S> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    host(service, listener, WorldClock::running(SystemClock.now())).unwrap()
}

/// HubSpot without anything in it.
pub(super) async fn hubspot() -> Hosted<HubSpot> {
    hosted(HubSpot::new(TOKEN)).await
}

/// Where contacts are written.
pub(super) const UPSERT: &str = "/crm/v3/objects/contacts/batch/upsert";

/// A receiver that checks signatures.
pub(super) async fn receiver() -> Hosted<Receiver> {
    hosted(Receiver::with_secret(SECRET)).await
}

/// `sales`, at a HubSpot; neither live nor scheduled.
pub(super) fn sales(hubspot: &Hosted<HubSpot>) -> Crm {
    let settings = crm_sync::hubspot::Settings {
        api_url: hubspot.url().parse().unwrap(),
        objects_path: crm_sync::hubspot::OBJECTS_PATH.to_owned(),
        token: TOKEN.to_owned(),
        choices: Choices::default(),
        batch: 100,
        timeout: Duration::from_mins(1),
    };
    Crm {
        name: "sales".to_owned(),
        kind: Kind::Hubspot(settings),
        accounts: None,
        live: false,
        schedule: None,
    }
}

/// `warehouse`, a receiver.
pub(super) fn warehouse(receiver: &Hosted<Receiver>) -> Crm {
    let settings = crm_sync::webhook::Settings {
        url: format!("{}/in", receiver.url()).parse().unwrap(),
        secrets: vec![SECRET.to_owned()],
        headers: Vec::new(),
        allow_private: true,
        choices: Choices::default(),
        batch: 100,
        timeout: Duration::from_mins(1),
    };
    Crm {
        name: "warehouse".to_owned(),
        kind: Kind::Webhook(settings),
        accounts: None,
        live: false,
        schedule: None,
    }
}

/// At two every night in Berlin.
pub(super) fn nightly() -> Option<Schedule> {
    Some(Schedule::parse("0 2 * * *", chrono_tz::Europe::Berlin).unwrap())
}

/// Our side with the machine's clock.
pub(super) fn sync(pool: &PgPool, crms: Vec<Crm>) -> Sync {
    sync_at(pool, Arc::new(SystemClock), crms)
}

/// Our side with a clock of the test's.
pub(super) fn sync_at(pool: &PgPool, clock: Arc<dyn Clock>, crms: Vec<Crm>) -> Sync {
    Sync::new(&Surroundings { pool: pool.clone(), clock, ids: DeliveryIds::random() }, crms).unwrap()
}

/// Sends all that differs.
pub(super) async fn once(sync: &Sync, crm: &str) -> Result<Summary, CrmError> {
    let told = |_: Progress| {};
    sync.once(crm, Options::default(), &told, &CancellationToken::new()).await
}

/// Writes leads `from..to` of the account `acme`, as a fold does, but for changes.
pub(super) async fn put_leads(pool: &PgPool, from: i64, to: i64) {
    sqlx::query(
        "insert into leads (account_id, client_id, lead_key, display_name, phone_e164, email, transports, tags, \
             operator_id, last_score, last_score_scale, last_score_at, first_message_at, last_message_at, dialog_url, row_hash) \
         select 'acme', n::text, 'chat2desk-acme-' || n, $3 || ' ' || n, '+7701' || lpad(n::text, 4, '0') || $4, \
             'person' || n || '@example.org', array['whatsapp'], array['vip'], '7001', 4, 5, \
             '2026-01-14T10:00:00Z', '2026-01-10T10:00:00Z', '2026-01-15T10:00:00Z', 'https://chat.example.org/d/' || n, n \
         from generate_series($1, $2 - 1) n",
    )
    .bind(from)
    .bind(to)
    .bind(NAME)
    .bind(PHONE)
    .execute(pool)
    .await
    .unwrap();
}

/// Changes a column of some leads, as a fold does: with the hash, and with a change for those who wait for it.
pub(super) async fn change(pool: &PgPool, set: &str, wherever: &str) {
    let sql = format!(
        "with done as (update leads set {set}, row_hash = row_hash + 1000000 where {wherever} returning account_id, client_id) \
         insert into changes (kind, account_id, subject) select 'lead', account_id, client_id from done"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// A fresh database with so many leads.
pub(super) async fn with_leads(count: i64) -> (TestDatabase, PgPool) {
    let database = chatledger_tests::database().await;
    let pool = database.pool();
    put_leads(&pool, 1, count + 1).await;
    (database, pool)
}

/// Our key of a lead.
pub(super) fn key(client: i64) -> String {
    format!("chat2desk-acme-{client}")
}

/// How often a contact was made with each of our keys; the probe of the setup is left out.
pub(super) fn creates(hubspot: &Hosted<HubSpot>) -> BTreeMap<String, u64> {
    let mut creates = hubspot.with(|hubspot| hubspot.contacts.creates("chat_client_key").clone());
    creates.remove("chatledger-probe");
    creates
}

/// A property of the contact with our key.
pub(super) fn property(hubspot: &Hosted<HubSpot>, client: i64, name: &str) -> Option<String> {
    hubspot.with(|hubspot| {
        hubspot.contacts.having("chat_client_key", &key(client))?.properties.get(name).cloned()
    })
}

/// A person edits the contact with our key.
pub(super) fn edit(hubspot: &Hosted<HubSpot>, client: i64, name: &str, value: &str) {
    let properties = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let done = hubspot.with(|hubspot| {
        let id = hubspot.contacts.having("chat_client_key", &key(client)).map(|contact| contact.id);
        id.is_some_and(|id| hubspot.edit(id, &properties, SystemClock.now()))
    });
    assert!(done, "there is no contact of {client}");
}

/// A call below the contacts, by somebody with the token.
pub(super) fn ask(hubspot: &mut HubSpot, method: &str, path: &str, body: &str, now: DateTime<Utc>) -> Answer {
    let call = Call {
        method: method.to_owned(),
        path: format!("/crm/v3/objects/contacts{path}"),
        headers: vec![("authorization".to_owned(), format!("Bearer {TOKEN}"))],
        body: body.as_bytes().to_vec(),
        ..Call::default()
    };
    hubspot.answer(&call, now)
}

/// A person merges the contact of `loser` into that of `winner`.
pub(super) fn merge(hubspot: &Hosted<HubSpot>, winner: i64, loser: i64) {
    hubspot.with(|hubspot| {
        let [winner, loser] = [winner, loser]
            .map(|client| hubspot.contacts.having("chat_client_key", &key(client)).unwrap().id);
        let body = format!(r#"{{"primaryObjectId":"{winner}","objectIdToMerge":"{loser}"}}"#);
        assert_eq!(ask(hubspot, "POST", "/merge", &body, SystemClock.now()).status, 200);
    });
}

/// Calls of a route so far.
pub(super) fn calls(hubspot: &Hosted<HubSpot>, route: &str) -> u64 {
    hubspot.with(|hubspot| hubspot.tally.calls.get(route).copied().unwrap_or(0))
}

/// Every record is there, none was made twice.
#[track_caller]
pub(super) fn assert_each_once(hubspot: &Hosted<HubSpot>, count: usize) {
    let creates = creates(hubspot);
    assert_eq!(creates.len(), count, "records");
    assert!(creates.values().all(|times| *times == 1), "made twice: {creates:?}");
    assert_eq!(
        hubspot.with(|hubspot| hubspot.contacts.len()),
        count,
        "the probe is gone, and there is nobody else"
    );
}

/// Fails when somebody's data or a secret stands in a text.
#[track_caller]
pub(super) fn assert_discreet(text: &str) {
    for canary in [NAME, PHONE, TOKEN, SECRET, "canary", "person1", "@example.org", "chat.example.org"] {
        assert!(!text.contains(canary), "{canary:?} in: {text}");
    }
}

/// Everything that `ledger` holds of effects and links, as text.
pub(super) async fn remembered(pool: &PgPool) -> String {
    let rows: Vec<Value> = sqlx::query_scalar(
        "select to_jsonb(e) || jsonb_build_object('body', convert_from(coalesce(e.body, ''), 'UTF8')) from ledger.effects e \
         union all select to_jsonb(k) - 'url' from ledger.crm_links k union all select to_jsonb(t) from ledger.targets t",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    rows.iter().map(|row| format!("{row}\n")).collect()
}
