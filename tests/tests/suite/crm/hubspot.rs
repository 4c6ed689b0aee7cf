//! HubSpot: exactly once, whatever befalls the calls; what one bad row and people's edits come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use crm_sync::{Choices, Crm, CrmError, Kind, LeadField, Options, Ownership, Progress};
use events::{Clock as _, ManualClock, SystemClock};
use simulator::hubspot::HubSpot;
use simulator::server::Hosted;
use simulator::service::{Fault, Misdeed};
use tokio_util::sync::CancellationToken;

use super::scene::{
    UPSERT, ask, assert_discreet, assert_each_once, calls, change, creates, edit, hubspot, key, once,
    property, put_leads, remembered, sales, sync, sync_at, with_leads,
};

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_leads_arrive_once_each_through_lost_answers_and_throttling() {
    let (_database, pool) = with_leads(2000).await;
    let hubspot = hubspot().await;
    hubspot.fault(Fault::sometimes("/crm", 0.1, Misdeed::LoseAnswer));
    hubspot.fault(Fault::sometimes("/crm", 0.05, Misdeed::TooMany { retry_after: None, policy: None }));
    hubspot.with(|hubspot| hubspot.settings.ten_secondly = 100_000);
    let sync = sync(&pool, vec![sales(&hubspot)]);
    let summary = once(&sync, "sales").await.unwrap();
    assert_eq!((summary.leads, summary.created, summary.updated), (2000, 2000, 0), "{summary:?}");
    assert_eq!((summary.unchanged, summary.dead, summary.waiting), (0, 0, 0), "{summary:?}");
    assert_each_once(&hubspot, 2000);
    hubspot.clear_faults();

    let upserts = calls(&hubspot, "POST batch/upsert");
    let again = once(&sync, "sales").await.unwrap();
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 2000));
    assert_eq!(calls(&hubspot, "POST batch/upsert"), upserts, "a second run sends nothing");
    let verified = sync.verify("sales", 100).await.unwrap();
    assert_eq!((verified.read, verified.good, verified.mismatches.len()), (100, 100, 0), "{verified:?}");
    assert_discreet(&remembered(&pool).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_bad_answer_ends_in_each_record_once() {
    let (_database, pool) = with_leads(250).await;
    let hubspot = hubspot().await;
    let locked = Misdeed::Refuse { status: 423, body: String::new(), retry_after: None };
    let short =
        Misdeed::TooMany { retry_after: Some(simulator::service::RetryAfter::Seconds(0)), policy: None };
    for misdeed in [
        Misdeed::LoseAnswer,
        Misdeed::CutAnswer,
        Misdeed::TruncatedJson,
        Misdeed::FailAfter { status: 502 },
        Misdeed::ServerError,
        Misdeed::Html,
        Misdeed::HangUp,
        short,
        locked,
    ] {
        hubspot.fault(Fault::at(UPSERT, misdeed));
    }
    hubspot.fault(Fault::at("/crm/v3/objects/contacts/batch/read", Misdeed::ServerError).after(2));
    let summary = once(&sync(&pool, vec![sales(&hubspot)]), "sales").await.unwrap();
    assert_eq!((summary.created, summary.dead, summary.waiting), (250, 0, 0), "{summary:?}");
    assert_each_once(&hubspot, 250);
}

/// A lead whose e-mail another contact has: it refuses its batch with 409.
async fn with_a_bad_row(count: i64, is_partial: bool) -> (sqlx::PgPool, Hosted<HubSpot>) {
    let (_database, pool) = with_leads(count).await;
    let hubspot = hubspot().await;
    hubspot.with(|hubspot| hubspot.settings.partial = is_partial);
    // A first lead makes the setup; then the contact of a person who has the address of another lead.
    put_leads(&pool, 5000, 5001).await;
    let only = Crm { accounts: Some(vec!["acme".to_owned()]), ..sales(&hubspot) };
    sqlx::query("update leads set account_id = 'aside' where client_id <> '5000'")
        .execute(&pool)
        .await
        .unwrap();
    once(&sync(&pool, vec![only]), "sales").await.unwrap();
    sqlx::query("update leads set account_id = 'acme'").execute(&pool).await.unwrap();
    edit(&hubspot, 5000, "email", "person42@example.org");
    (pool, hubspot)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_row_in_a_hundred_stops_no_other_and_is_a_dead_letter() {
    for is_partial in [false, true] {
        let (pool, hubspot) = with_a_bad_row(100, is_partial).await;
        let before = calls(&hubspot, "POST batch/upsert");
        let sync = sync(&pool, vec![sales(&hubspot)]);
        let summary = once(&sync, "sales").await.unwrap();
        assert_eq!((summary.created, summary.dead, summary.waiting), (99, 1, 0), "{summary:?}");
        let took = calls(&hubspot, "POST batch/upsert") - before;
        assert!(took <= if is_partial { 2 } else { 15 }, "{took} upserts");
        let letter = &summary.dead_letters[0];
        assert_eq!(letter.lead_key, key(42));
        assert!(letter.error.contains("CONFLICT"), "{}", letter.error);
        assert_discreet(&letter.error);
        assert!(creates(&hubspot).values().all(|times| *times == 1));

        // As it is it is not sent again, but stays a failure; changed, it goes.
        let upserts = calls(&hubspot, "POST batch/upsert");
        let again = once(&sync, "sales").await.unwrap();
        assert_eq!((again.dead, again.unchanged, calls(&hubspot, "POST batch/upsert")), (1, 100, upserts));
        change(&pool, "email = null", "client_id = '42'").await;
        let mended = once(&sync, "sales").await.unwrap();
        assert_eq!((mended.created, mended.dead), (1, 0), "{mended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_sent_again_when_somebody_asks() {
    let (pool, hubspot) = with_a_bad_row(10, false).await;
    sqlx::query("update leads set email = 'person42@example.org' where client_id = '7'")
        .execute(&pool)
        .await
        .unwrap();
    let sync = sync(&pool, vec![sales(&hubspot)]);
    assert_eq!(once(&sync, "sales").await.unwrap().dead, 1);
    edit(&hubspot, 5000, "email", "somebody@example.org");
    assert_eq!(once(&sync, "sales").await.unwrap().dead, 1, "nothing changed on our side");
    let (told, stop) = (|_: Progress| {}, CancellationToken::new());
    let asked = sync.once("sales", Options { retry_dead: true }, &told, &stop).await.unwrap();
    assert_eq!((asked.dead, asked.created), (0, 1), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_wrote_survives_and_what_is_ours_is_put_right() {
    let (_database, pool) = with_leads(3).await;
    let hubspot = hubspot().await;
    let sync_all = sync(&pool, vec![sales(&hubspot)]);
    once(&sync_all, "sales").await.unwrap();
    assert_eq!(property(&hubspot, 1, "firstname").as_deref(), Some("Canaryname 1"));
    edit(&hubspot, 1, "firstname", "Ann, the good one");
    edit(&hubspot, 1, "phone", "");
    edit(&hubspot, 1, "chat_tags", "spoiled");
    change(
        &pool,
        "display_name = 'Other', tags = array['b2b', 'vip'], phone_e164 = '+77019998877'",
        "client_id = '1'",
    )
    .await;

    let preview = sync_all.preview("sales").await.unwrap();
    assert_eq!((preview.creates, preview.updates, preview.unchanged), (0, 1, 2));
    let shown: BTreeMap<_, _> = preview.sample[0]
        .differences
        .iter()
        .map(|difference| (difference.field.as_str(), (difference.held.clone(), difference.is_kept)))
        .collect();
    assert_eq!(shown["firstname"], (Some("Ann, the good one".to_owned()), true));
    assert_eq!(shown["phone"], (None, false));
    assert_eq!(shown["chat_tags"], (Some("spoiled".to_owned()), false));
    assert_eq!(shown.len(), 3, "{shown:?}");

    assert_eq!(once(&sync_all, "sales").await.unwrap().updated, 1);
    assert_eq!(property(&hubspot, 1, "firstname").as_deref(), Some("Ann, the good one"));
    assert_eq!(property(&hubspot, 1, "phone").as_deref(), Some("+77019998877"), "it was empty");
    assert_eq!(property(&hubspot, 1, "chat_tags").as_deref(), Some("b2b;vip"));

    // Tags that are gone and scores that were withdrawn are cleared; a phone that is not known any more is not.
    change(&pool, "tags = '{}', last_score = null, phone_e164 = null", "client_id = '1'").await;
    once(&sync_all, "sales").await.unwrap();
    assert_eq!(property(&hubspot, 1, "chat_tags"), None);
    assert_eq!(property(&hubspot, 1, "chat_score"), None);
    assert_eq!(property(&hubspot, 1, "phone").as_deref(), Some("+77019998877"));

    // Who says that the name is ours gets ours.
    let Kind::Hubspot(mut settings) = sales(&hubspot).kind else { unreachable!() };
    settings.choices =
        Choices { ownership: BTreeMap::from([(LeadField::Name, Ownership::Ours)]), ..Choices::default() };
    let ours = sync(&pool, vec![Crm { kind: Kind::Hubspot(settings), ..sales(&hubspot) }]);
    once(&ours, "sales").await.unwrap();
    assert_eq!(property(&hubspot, 1, "firstname").as_deref(), Some("Other"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_ours_is_found_by_verify() {
    let (_database, pool) = with_leads(4).await;
    let hubspot = hubspot().await;
    let sync = sync(&pool, vec![sales(&hubspot)]);
    once(&sync, "sales").await.unwrap();
    edit(&hubspot, 2, "chat_score", "1");
    edit(&hubspot, 3, "firstname", "Ann");
    hubspot.with(|hubspot| {
        let id = hubspot.contacts.having("chat_client_key", &key(4)).unwrap().id;
        let now = SystemClock.now();
        assert_eq!(ask(hubspot, "DELETE", &format!("/{id}"), "", now).status, 204);
    });
    change(&pool, "tags = '{}'", "client_id = '1'").await;
    let found = sync.verify("sales", 100).await.unwrap();
    assert_eq!((found.read, found.changed, found.good), (2, 1, 1), "{found:?}");
    let mut wrong: Vec<_> =
        found.mismatches.iter().map(|mismatch| (mismatch.lead_key.clone(), mismatch.is_missing)).collect();
    wrong.sort();
    assert_eq!(wrong, [(key(2), false), (key(4), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_deleted_again_and_again_is_made_anew_once_a_day() {
    let (_database, pool) = with_leads(3).await;
    let hubspot = hubspot().await;
    let clock = ManualClock::at(SystemClock.now());
    let sync = sync_at(&pool, Arc::new(clock.clone()), vec![sales(&hubspot)]);
    once(&sync, "sales").await.unwrap();
    let deleted = async |tag: &str| {
        hubspot.with(|hubspot| {
            let id = hubspot.contacts.having("chat_client_key", &key(2)).unwrap().id;
            assert_eq!(ask(hubspot, "DELETE", &format!("/{id}"), "", SystemClock.now()).status, 204);
        });
        change(&pool, &format!("tags = array['{tag}']"), "client_id = '2'").await;
        clock.advance(chrono::Duration::minutes(1));
        once(&sync, "sales").await.unwrap()
    };
    let first = deleted("a").await;
    assert_eq!((first.created, first.dead), (1, 0), "{first:?}");
    let second = deleted("b").await;
    assert_eq!((second.created, second.dead), (0, 1), "{second:?}");
    assert!(second.dead_letters[0].error.contains("gone again"), "{:?}", second.dead_letters);
    assert_eq!(creates(&hubspot)[&key(2)], 2);
    clock.advance(chrono::Duration::hours(25));
    change(&pool, "tags = array['c']", "client_id = '2'").await;
    let next_day = once(&sync, "sales").await.unwrap();
    assert_eq!((next_day.created, next_day.dead), (1, 0), "{next_day:?}");
    deleted("d").await;
    let (told, stop) = (|_: Progress| {}, CancellationToken::new());
    let asked = sync.once("sales", Options { retry_dead: true }, &told, &stop).await.unwrap();
    assert_eq!((asked.created, asked.dead), (1, 0), "a person asks: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_does_not_fit_is_said_before_the_first_row() {
    let (_database, pool) = with_leads(3).await;
    let hubspot = hubspot().await;
    let sync = sync(&pool, vec![sales(&hubspot)]);
    let reason = async |sync: &crm_sync::Sync| match once(sync, "sales").await {
        Err(CrmError::Broken { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let token = hubspot.with(|hubspot| hubspot.settings.token.clone());
    hubspot.with(|hubspot| hubspot.settings.token = "another".to_owned());
    assert!(reason(&sync).await.contains("token"), "login");
    hubspot.with(|hubspot| {
        hubspot.settings.token = token;
        hubspot.settings.scopes.remove("crm.schemas.contacts.write");
    });
    assert!(reason(&sync).await.contains("crm.schemas.contacts.write"), "scopes");
    hubspot.with(|hubspot| {
        hubspot.settings.scopes.insert("crm.schemas.contacts.write".to_owned());
        hubspot.settings.scopes.remove("crm.objects.contacts.write");
    });
    assert!(reason(&sync).await.contains("crm.objects.contacts.write"), "scopes");
    hubspot.with(|hubspot| hubspot.settings.scopes.insert("crm.objects.contacts.write".to_owned()));
    assert_eq!(hubspot.with(|hubspot| hubspot.contacts.len()), 0, "not one row");

    let Kind::Hubspot(mut settings) = sales(&hubspot).kind else { unreachable!() };
    for (field, property, expected) in [
        (LeadField::Name, "first_nam", "there is no property \"first_nam\""),
        (LeadField::Score, "lifecyclestage", "of type enumeration and cannot hold score"),
        (LeadField::Key, "company", "is not unique"),
    ] {
        settings.choices.fields = BTreeMap::from([(field, property.to_owned())]);
        let odd = Crm { kind: Kind::Hubspot(settings.clone()), ..sales(&hubspot) };
        assert!(reason(&super::scene::sync(&pool, vec![odd])).await.contains(expected), "{expected}");
    }
    assert_eq!(once(&sync, "sales").await.unwrap().created, 3, "everything is mended");

    // Another company's token: the leads there would be taken for ours.
    hubspot.with(|hubspot| hubspot.settings.portal_id = 99);
    let other = super::scene::sync(&pool, vec![sales(&hubspot)]);
    assert!(reason(&other).await.contains("another name"), "account");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_somebody_deleted_is_nobodys_dead_letter_and_is_made_anew() {
    let (_database, pool) = with_leads(120).await;
    let hubspot = hubspot().await;
    let sync = sync(&pool, vec![sales(&hubspot)]);
    once(&sync, "sales").await.unwrap();
    hubspot.with(|hubspot| hubspot.schema.properties.remove("chat_operator"));
    change(&pool, "operator_id = '7002'", "true").await;
    let error = once(&sync, "sales").await.unwrap_err();
    assert!(
        matches!(&error, CrmError::Broken { reason, .. } if reason.contains("not there any more")),
        "{error}"
    );
    let summary = sync.once("sales", Options::default(), &|_| {}, &CancellationToken::new()).await;
    let summary = summary.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((summary.updated, summary.dead), (120, 0), "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing_and_says_what_would_be_done() {
    let (_database, pool) = with_leads(120).await;
    let hubspot = hubspot().await;
    let sync = sync(&pool, vec![sales(&hubspot)]);
    let preview = sync.preview("sales").await.unwrap();
    assert_eq!((preview.leads, preview.creates, preview.updates, preview.calls), (120, 120, 0, 4));
    assert_eq!((preview.sample.len(), preview.is_read), (10, false));
    assert!(preview.setup.iter().any(|step| step.contains("chat_client_key")), "{:?}", preview.setup);
    hubspot.with(|hubspot| {
        assert_eq!(hubspot.contacts.len(), 0);
        assert!(!hubspot.schema.properties.contains_key("chat_client_key"));
    });
    let links: i64 =
        sqlx::query_scalar("select count(*) from ledger.crm_links").fetch_one(&pool).await.unwrap();
    assert_eq!(links, 0);

    once(&sync, "sales").await.unwrap();
    put_leads(&pool, 300, 320).await;
    change(&pool, "tags = '{}'", "client_id in ('1', '2', '3')").await;
    let preview = sync.preview("sales").await.unwrap();
    assert_eq!((preview.creates, preview.updates, preview.unchanged), (20, 3, 117));
    assert!(preview.is_read && preview.sample.len() == 10);
    assert_eq!(preview.sample.iter().filter(|sample| sample.is_update).count(), 3, "both kinds are shown");
    assert!(preview.setup.is_empty(), "{:?}", preview.setup);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_day_ends_the_run_and_counts_against_no_lead() {
    let (_database, pool) = with_leads(3).await;
    let hubspot = hubspot().await;
    // Not just before midnight, where the wait is short enough to be waited for.
    let noon = ManualClock::at("2026-03-20T12:00:00Z".parse().unwrap());
    let sync = sync_at(&pool, Arc::new(noon.clone()), vec![sales(&hubspot)]);
    once(&sync, "sales").await.unwrap();
    change(&pool, "tags = '{}'", "client_id = '1'").await;
    hubspot
        .fault(Fault::at(UPSERT, Misdeed::TooMany { retry_after: None, policy: Some("DAILY".to_owned()) }));
    let limited = once(&sync, "sales").await.unwrap();
    assert_eq!((limited.updated, limited.waiting), (0, 1), "{limited:?}");
    let state = sync.state("sales").await.unwrap();
    assert!(state.target.paused_until > Some(noon.now()) && state.target.broken_since.is_none());
    assert_eq!((state.target.waiting, state.links.ok), (1, 2));
    let attempts: Vec<i32> = sqlx::query_scalar("select attempts from ledger.effects where status <> 'done'")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(attempts, [0], "a limit is nobody's failure");
}
