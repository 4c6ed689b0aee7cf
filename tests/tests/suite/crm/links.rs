//! Links, leads and runs on a real database.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use events::{Clock as _, SystemClock};
use serde_json::json;
use sqlx::PgPool;
use store::changes::{self, ChangeKind};
use store::crm_links::{self, Finding, Record, Reply, Settled};
use store::effects::{self, NewEffect};
use store::leads::{self, Scope};
use store::{crm_runs, effects::Lease, effects::Outcome};

use super::scene::{change, key, put_leads, with_leads};

const SALES: Scope<'_> = Scope { crm: "sales", accounts: None, mapping: 7 };

fn now() -> DateTime<Utc> {
    "2026-01-15T09:30:00Z".parse().unwrap()
}

async fn mark_all(pool: &PgPool, scope: Scope<'_>, is_whole: bool) -> (i64, i64) {
    let (mut looked_at, mut marked) = (0, 0);
    let mut after = (String::new(), String::new());
    loop {
        let mut connection = pool.acquire().await.unwrap();
        let from = (after.0.as_str(), after.1.as_str());
        let page = crm_links::mark_differing(&mut connection, scope, is_whole, from, 3, now()).await.unwrap();
        looked_at += page.looked_at;
        marked += page.marked;
        match (page.account_id, page.client_id) {
            (Some(account), Some(client)) => after = (account, client),
            _ => return (looked_at, marked),
        }
    }
}

async fn due(pool: &PgPool, at: DateTime<Utc>) -> Vec<leads::LinkedLead> {
    let mut connection = pool.acquire().await.unwrap();
    leads::due(&mut connection, SALES, "crm/sales", at, true, 100).await.unwrap()
}

async fn found(pool: &PgPool, rows: &[(String, i64, Finding)]) {
    let mut connection = pool.acquire().await.unwrap();
    crm_links::planned(&mut connection, "sales", rows, now()).await.unwrap();
}

async fn settle(pool: &PgPool, key: &str, seen: i64, reply: Reply) {
    let settled =
        Settled { lead_key: key.to_owned(), hash: 11, live_hash: 22, seen, is_recreated: false, reply };
    let mut connection = pool.acquire().await.unwrap();
    crm_links::settle(&mut connection, "sales", &[settled], now()).await.unwrap();
}

fn accepted(id: &str) -> Reply {
    Reply::Accepted { external_id: Some(id.to_owned()), url: Some(format!("https://crm.example.org/{id}")) }
}

#[tokio::test]
async fn leads_that_differ_are_marked_page_by_page_and_those_that_were_compared_are_not() {
    let (_database, pool) = with_leads(8).await;
    assert_eq!(mark_all(&pool, SALES, true).await, (8, 8));
    let leads = due(&pool, now()).await;
    assert_eq!(leads.len(), 8);
    assert!(leads.iter().all(|linked| linked.is_whole && linked.version == 0 && linked.lead.tags == ["vip"]));
    let rows: Vec<_> =
        leads.iter().map(|linked| (linked.lead.lead_key.clone(), linked.seen, Finding::Same)).collect();
    found(&pool, &rows).await;
    assert_eq!(mark_all(&pool, SALES, true).await, (8, 0), "compared");
    assert!(due(&pool, now()).await.is_empty());

    change(&pool, "tags = array['b2b']", "client_id in ('2', '5')").await;
    assert_eq!(mark_all(&pool, SALES, true).await, (8, 2), "rows changed");
    sqlx::query(
        "insert into operators (account_id, operator_id, name, is_bot, deleted, row_hash) \
         values ('acme', '7001', 'Olga', false, false, 5)",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(mark_all(&pool, SALES, true).await, (8, 8), "the operator has a name now");
    assert_eq!(due(&pool, now()).await[0].lead.operator_name.as_deref(), Some("Olga"));
    let other = Scope { mapping: 8, ..SALES };
    found(&pool, &rows).await;
    assert_eq!(mark_all(&pool, other, true).await, (8, 8), "another mapping");
    let nobody = ["zeta".to_owned()];
    assert_eq!(mark_all(&pool, Scope { accounts: Some(&nobody), ..SALES }, true).await, (0, 0));
}

#[tokio::test]
async fn a_change_marks_its_lead_once_for_each_crm_and_keeps_the_earliest_time() {
    let (_database, pool) = with_leads(3).await;
    change(&pool, "tags = array['b2b']", "client_id = '2'").await;
    change(&pool, "tags = array['c3c']", "client_id = '2'").await;
    let nobody = ["zeta".to_owned()];
    let mut transaction = store::begin(&pool).await.unwrap();
    let read = changes::read(&mut transaction, ChangeKind::Lead, 10).await.unwrap();
    assert_eq!(read.subjects.len(), 1);
    let soon = now() + Duration::seconds(2);
    for (scope, expected) in [
        (SALES, 1),
        (Scope { crm: "warehouse", ..SALES }, 1),
        (Scope { crm: "other", accounts: Some(&nobody), ..SALES }, 0),
    ] {
        let marked = crm_links::mark_changed(&mut transaction, scope, &read.subjects, soon, now()).await;
        assert_eq!(marked.unwrap(), expected, "{}", scope.crm);
    }
    let later = now() + Duration::seconds(9);
    let again = crm_links::mark_changed(&mut transaction, SALES, &read.subjects, later, now()).await.unwrap();
    assert_eq!(again, 0, "an earlier mark stays");
    changes::clear(&mut transaction, &read).await.unwrap();
    store::commit(transaction).await.unwrap();

    assert!(due(&pool, now()).await.is_empty(), "not before its time");
    let leads = due(&pool, soon).await;
    assert_eq!(leads.len(), 1);
    assert_eq!((leads[0].lead.lead_key.clone(), leads[0].is_whole), (key(2), false));

    sqlx::query("delete from leads where client_id = '2'").execute(&pool).await.unwrap();
    assert!(due(&pool, soon).await.is_empty());
    assert_eq!(crm_links::unmark_gone(&pool, "sales", soon).await.unwrap(), 1);
    assert_eq!(crm_links::counts(&pool, "sales").await.unwrap().marked, 0);
}

#[tokio::test]
async fn a_lead_with_an_open_effect_waits_and_its_mark_stays() {
    let (_database, pool) = with_leads(1).await;
    mark_all(&pool, SALES, true).await;
    let seen = due(&pool, now()).await[0].seen;
    let effect = NewEffect {
        key: "crm/sales/1/1".to_owned(),
        account: "acme".to_owned(),
        target: "crm/sales".to_owned(),
        subject: key(1),
        version: 4,
        body: b"{}".to_vec(),
        due_at: now(),
    };
    let mut transaction = store::begin(&pool).await.unwrap();
    effects::intend(&mut transaction, &[effect], now()).await.unwrap();
    let row = (key(1), seen, Finding::Sent { version: 4 });
    crm_links::planned(&mut transaction, "sales", &[row], now()).await.unwrap();
    store::commit(transaction).await.unwrap();
    mark_all(&pool, SALES, true).await;
    assert!(due(&pool, now()).await.is_empty());
    let work = crm_links::work(&pool, "sales", "crm/sales", now()).await.unwrap();
    assert_eq!((work.due, work.open), (1, 1));

    let lease = Lease { owner: "w", until: now() + Duration::seconds(9) };
    let claimed = effects::claim(&pool, "crm/sales", 9, &lease, "m1", now()).await.unwrap();
    let done = [(claimed[0].key.clone(), Outcome::Done)];
    let mut connection = pool.acquire().await.unwrap();
    effects::settle(&mut connection, "w", &done, now()).await.unwrap();
    settle(&pool, &key(1), seen, accepted("77")).await;
    // A link that was lost still knows the versions that were sent.
    sqlx::query("update ledger.crm_links set version = 0").execute(&pool).await.unwrap();
    let again = due(&pool, now()).await;
    assert_eq!((again.len(), again[0].version), (1, 4));
    assert_eq!((again[0].external_id.as_deref(), again[0].accepted_hash), (Some("77"), Some(11)));
}

#[tokio::test]
async fn each_answer_moves_the_link_on() {
    let (_database, pool) = with_leads(5).await;
    mark_all(&pool, SALES, true).await;
    let leads = due(&pool, now()).await;
    let rows: Vec<_> = leads
        .iter()
        .map(|linked| (linked.lead.lead_key.clone(), linked.seen, Finding::Sent { version: 1 }))
        .collect();
    found(&pool, &rows).await;
    let at = now() + Duration::seconds(5);
    let error = || "why".to_owned();
    for (client, reply) in [
        (1, accepted("901")),
        (2, Reply::Dead { error: error() }),
        (3, Reply::Failed { error: error(), at }),
        (4, Reply::Open { error: Some(error()), at }),
    ] {
        let seen = leads.iter().find(|linked| linked.lead.lead_key == key(client)).unwrap().seen;
        settle(&pool, &key(client), seen, reply).await;
    }
    let counts = crm_links::counts(&pool, "sales").await.unwrap();
    assert_eq!((counts.ok, counts.dead, counts.failed, counts.pending, counts.marked), (1, 1, 1, 2, 0));
    let dead = crm_links::dead(&pool, "sales", 10).await.unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (dead[0].lead_key.clone(), dead[0].last_error.clone(), dead[0].attempts),
        (key(2), Some(error()), 1)
    );
    let records = crm_links::records(&pool, "sales", &[&key(1), &key(2), "nobody"]).await.unwrap();
    let records: BTreeSet<_> = records.into_iter().collect();
    let record = |client, external_id: Option<&str>| Record {
        lead_key: key(client),
        external_id: external_id.map(str::to_owned),
        was_accepted: external_id.is_some(),
        recreated_at: None,
    };
    assert_eq!(records, BTreeSet::from([record(1, Some("901")), record(2, None)]));
    assert_eq!(crm_links::sample(&pool, "sales", 1, 10).await.unwrap(), [key(1)]);
    // Settled leads need no look until they change; open ones were not seen yet.
    assert_eq!(mark_all(&pool, SALES, true).await, (5, 3));
    assert_eq!(crm_links::mark_dead(&pool, "sales", now()).await.unwrap(), 1);
    let again = due(&pool, now()).await;
    let dead = again.iter().find(|linked| linked.lead.lead_key == key(2)).unwrap();
    assert_eq!(dead.refused_hash, None, "it may be sent as it is");
    assert_eq!(dead.refused_live_hash, None);
}

#[tokio::test]
async fn what_just_changed_goes_before_what_a_comparison_of_all_found() {
    let (_database, pool) = with_leads(4).await;
    mark_all(&pool, SALES, true).await;
    change(&pool, "tags = '{}'", "client_id = '3'").await;
    let mut transaction = store::begin(&pool).await.unwrap();
    let read = changes::read(&mut transaction, ChangeKind::Lead, 10).await.unwrap();
    let soon = now() + Duration::seconds(2);
    crm_links::mark_changed(&mut transaction, SALES, &read.subjects, soon, now()).await.unwrap();
    store::commit(transaction).await.unwrap();
    mark_all(&pool, SALES, true).await;

    let keys = |leads: &[leads::LinkedLead]| -> Vec<String> {
        leads.iter().map(|linked| linked.lead.lead_key.clone()).collect()
    };
    let all = due(&pool, now()).await;
    assert_eq!(keys(&all), [key(3), key(1), key(2), key(4)]);
    assert!(all[0].is_whole, "the comparison's wish stays");
    let mut connection = pool.acquire().await.unwrap();
    let some = leads::due(&mut connection, SALES, "crm/sales", now(), false, 100).await.unwrap();
    assert_eq!(keys(&some), [key(3)], "those of the comparison are left for later");
    let row = (key(3), some[0].seen, Finding::SameForNow);
    found(&pool, &[row]).await;
    assert_eq!(mark_all(&pool, SALES, true).await, (4, 4));
    assert_eq!(keys(&due(&pool, now()).await), [key(1), key(2), key(3), key(4)], "now it is one of many");
}

#[tokio::test]
async fn a_refusal_is_remembered_without_what_changes_with_every_message() {
    let (_database, pool) = with_leads(1).await;
    mark_all(&pool, SALES, true).await;
    let seen = due(&pool, now()).await[0].seen;
    settle(&pool, &key(1), seen, Reply::Dead { error: "why".to_owned() }).await;
    let dead = due(&pool, now()).await;
    assert_eq!((dead[0].refused_hash, dead[0].refused_live_hash), (Some(11), Some(22)));
    found(&pool, &[(key(1), seen + 1, Finding::RefusedForNow)]).await;
    let counts = crm_links::counts(&pool, "sales").await.unwrap();
    assert_eq!((counts.dead, counts.marked), (1, 0));
    assert_eq!(crm_links::dead(&pool, "sales", 1).await.unwrap()[0].last_error.as_deref(), Some("why"));
    settle(&pool, &key(1), seen, accepted("901")).await;
    mark_all(&pool, Scope { mapping: 8, ..SALES }, true).await;
    let mended = due(&pool, now()).await;
    assert_eq!((mended[0].refused_hash, mended[0].refused_live_hash), (None, None));
}

#[tokio::test]
async fn pages_and_keys_give_leads_with_what_was_accepted_of_them() {
    let (_database, pool) = with_leads(5).await;
    put_leads(&pool, 20, 21).await;
    settle(&pool, &key(3), 1, accepted("9")).await;
    let mut all = Vec::new();
    let mut after = (String::new(), String::new());
    loop {
        let page = leads::page(&pool, SALES, (&after.0, &after.1), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = (last.lead.account_id.clone(), last.lead.client_id.clone());
        all.extend(page);
    }
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|linked| linked.accepted_hash.is_none()), "a link that is not there is not made");
    mark_all(&pool, SALES, true).await;
    settle(&pool, &key(3), 1, accepted("9")).await;
    let some = leads::by_keys(&pool, SALES, &[key(3), key(20), "nobody".to_owned()]).await.unwrap();
    let ids: Vec<_> = some.iter().map(|linked| linked.external_id.as_deref()).collect();
    assert_eq!(ids, [None, Some("9")]);
}

#[tokio::test]
async fn a_run_is_begun_once_and_a_setup_is_what_was_saved_last() {
    let (_database, pool) = with_leads(0).await;
    let due = SystemClock.now();
    assert_eq!(crm_runs::last(&pool, "sales").await.unwrap(), None);
    assert!(crm_runs::begin(&pool, "sales", now()).await.unwrap());
    assert!(!crm_runs::begin(&pool, "sales", now()).await.unwrap());
    assert!(crm_runs::begin(&pool, "sales", due).await.unwrap());
    assert_eq!(crm_runs::last(&pool, "sales").await.unwrap().unwrap().finished_at, None);
    crm_runs::finish(&pool, "sales", due, &json!({"leads": 3}), now()).await.unwrap();
    let last = crm_runs::last(&pool, "sales").await.unwrap().unwrap();
    assert_eq!((last.due_at, last.finished_at, last.outcome), (due, Some(now()), Some(json!({"leads": 3}))));

    assert_eq!(crm_runs::setup(&pool, "sales").await.unwrap(), None);
    for fingerprint in [1, -2] {
        let setup = crm_runs::Setup { identity: Some("24".to_owned()), fingerprint };
        crm_runs::save_setup(&pool, "sales", &setup, now()).await.unwrap();
        assert_eq!(crm_runs::setup(&pool, "sales").await.unwrap(), Some(setup));
    }
}
