//! The program itself: killed while it sends, told the wrong token, and what it says.

use std::time::Duration;

use chatledger_tests::{Home, TestDatabase, wait_until};
use simulator::hubspot::HubSpot;
use simulator::receiver::Receiver;
use simulator::server::Hosted;
use simulator::service::{Fault, Misdeed};

use super::scene::{
    NAME, SECRET, TOKEN, UPSERT, assert_discreet, assert_each_once, calls, change, edit, hubspot, merge,
    property, put_leads, receiver, with_leads,
};

/// What SIGABRT is called in an exit status.
const ABORTED: i32 = 6;

fn crm(hubspot: &Hosted<HubSpot>, receiver: &Hosted<Receiver>) -> String {
    format!(
        "[database]\nurl_env = \"DATABASE_URL\"\nconnections = 8\n\
         [[crm]]\nname = \"sales\"\nkind = \"hubspot\"\ntoken_env = \"HUBSPOT_TOKEN\"\napi_url = \"{}\"\ntimeout_seconds = 2\n\
         [[crm]]\nname = \"warehouse\"\nkind = \"webhook\"\nurl = \"{}/in\"\nsecret_env = \"LEADS_SECRET\"\n\
         allow_private = true\ntimeout_seconds = 2\n",
        hubspot.url(),
        receiver.url()
    )
}

fn home(database: &TestDatabase, configuration: &str) -> Home {
    Home::new(configuration)
        .with("DATABASE_URL", &database.url)
        .with("HUBSPOT_TOKEN", TOKEN)
        .with("LEADS_SECRET", SECRET)
        .with("CHATLEDGER_LOG", "debug,sqlx=warn,hyper=info")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_leads_arrive_once_each_although_the_program_is_killed_three_times() {
    let (database, pool) = with_leads(2000).await;
    let (hubspot, receiver) = (hubspot().await, receiver().await);
    hubspot.with(|hubspot| hubspot.settings.ten_secondly = 100_000);
    hubspot.fault(Fault::sometimes("/crm", 0.1, Misdeed::LoseAnswer));
    hubspot.fault(Fault::sometimes("/crm", 0.05, Misdeed::TooMany { retry_after: None, policy: None }));
    receiver.fault(Fault::sometimes("/in", 0.1, Misdeed::LoseAnswer));
    receiver.fault(Fault::sometimes("/in", 0.05, Misdeed::TooMany { retry_after: None, policy: None }));
    let home = home(&database, &crm(&hubspot, &receiver));
    for name in ["sales", "warehouse"] {
        let sent = || match name {
            "sales" => hubspot.with(|hubspot| hubspot.contacts.len()),
            _ => receiver.with(|receiver| receiver.leads.by_key.len()),
        };
        for batches in [3, 6, 5] {
            let hold = |path| Fault::at(path, Misdeed::Hold { name: "middle".to_owned() }).after(batches);
            match name {
                "sales" => hubspot.fault(hold(UPSERT)),
                _ => receiver.fault(hold("/in")),
            }
            let process = home.start(&["sync", "--once", "--crm", name]).await;
            wait_until("it is in the middle", Duration::from_secs(60), async || {
                hubspot.held() + receiver.held() > 0
            })
            .await;
            assert_discreet(&process.stderr());
            process.kill().await;
            assert!(sent() < 2000, "it was killed before its end");
            hubspot.release("middle");
            receiver.release("middle");
        }
        let ended = home.run(&["sync", "--once", "--crm", name, "--format", "json"]).await;
        assert_discreet(&ended.stderr);
        let said = ended.json();
        let summary = &said["crms"][0]["summary"];
        assert_eq!((summary["dead"].as_u64(), summary["waiting"].as_u64()), (Some(0), Some(0)), "{said}");
        assert_eq!(sent(), 2000);
    }
    assert_each_once(&hubspot, 2000);
    receiver.with(|receiver| {
        assert_eq!((receiver.leads.applied, receiver.leads.stale), (2000, 0));
        assert!(receiver.deliveries().values().all(|one| one.same_bytes && one.taken == 1));
    });
    let before = (calls(&hubspot, "POST batch/upsert"), receiver.with(|receiver| receiver.received().len()));
    let again = home.run(&["sync", "--once", "--format", "json"]).await.json();
    for one in again["crms"].as_array().unwrap() {
        assert_eq!(one["summary"]["unchanged"], 2000, "{again}");
    }
    let after = (calls(&hubspot, "POST batch/upsert"), receiver.with(|receiver| receiver.received().len()));
    assert_eq!(before, after, "a second run sends nothing");
    drop(pool);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_point_sends_the_same_bytes_again_and_nothing_twice() {
    for point in ["crm.planned", "crm.claimed", "crm.answered", "crm.settled"] {
        let (database, _pool) = with_leads(150).await;
        let (hubspot, receiver) = (hubspot().await, receiver().await);
        let home = home(&database, &crm(&hubspot, &receiver));
        for name in ["sales", "warehouse"] {
            let failpoints = format!("{point}=return");
            let variables = [("FAILPOINTS", failpoints.as_str())];
            let ended = home.start_with(&["sync", "--once", "--crm", name], &variables).await.ended().await;
            let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
            assert_eq!(signal, Some(ABORTED), "{point}: {}", ended.stderr);
            home.run(&["sync", "--once", "--crm", name]).await.succeeded();
        }
        assert_each_once(&hubspot, 150);
        receiver.with(|receiver| {
            assert_eq!((receiver.leads.applied, receiver.leads.stale), (150, 0), "{point}");
            let deliveries = receiver.deliveries();
            assert!(
                deliveries.values().all(|one| one.same_bytes && one.taken == 1),
                "{point}: {deliveries:?}"
            );
            let repeated = deliveries.values().filter(|one| one.requests > 1).count();
            // One more where the machine stands still for two seconds.
            let expected = usize::from(point == "crm.answered");
            assert!((expected..=expected + 1).contains(&repeated), "{point}: {repeated}");
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_one_clear_line_and_a_diff_shows_what_would_be_sent() {
    let (database, pool) = with_leads(12).await;
    let (hubspot, receiver) = (hubspot().await, receiver().await);
    let home = home(&database, &crm(&hubspot, &receiver)).with("CHATLEDGER_LOG", "error");
    hubspot.with(|hubspot| hubspot.settings.token = "another".to_owned());
    let ended = home.run(&["sync", "--once", "--crm", "sales"]).await;
    assert_eq!(ended.code(), Some(1));
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{}", ended.stderr);
    assert!(
        lines[0].starts_with("error: crm sales: the token is not accepted: check token_env"),
        "{}",
        lines[0]
    );
    assert_discreet(&ended.stderr);
    hubspot.with(|hubspot| hubspot.settings.token = TOKEN.to_owned());

    let shown = home.run(&["sync", "--dry-run", "--crm", "sales"]).await.succeeded();
    assert!(shown.stdout.contains("12 leads: 12 to create"), "{}", shown.stdout);
    assert!(shown.stdout.contains(&format!("firstname              {NAME} 1")), "{}", shown.stdout);
    let shown = home.run(&["sync", "--once", "--verify"]).await.succeeded();
    assert!(shown.stdout.contains("sales: 12 of 12 records are as they should be"), "{}", shown.stdout);
    change(&pool, "tags = array['b2b']", "client_id = '3'").await;
    let shown = home.run(&["sync", "--dry-run"]).await.succeeded();
    assert!(shown.stdout.contains("vip → b2b"), "{}", shown.stdout);
    let state = home.run(&["sync", "--format", "json"]).await.json();
    assert_eq!(
        (state["crms"][0]["state"]["state"].as_str(), state["crms"][0]["state"]["ok"].as_i64()),
        (Some("well"), Some(12))
    );
    assert_eq!(home.run(&["sync", "--crm", "nobody"]).await.code(), Some(2));

    // A record that was merged away there comes back as a new one, which is told.
    merge(&hubspot, 1, 2);
    change(&pool, "tags = '{}'", "client_id = '2'").await;
    let told = home.start_with(&["sync", "--once", "--crm", "sales"], &[("CHATLEDGER_LOG", "warn")]).await;
    let told = told.ended().await.succeeded();
    assert!(told.stderr.contains("the old one was merged or deleted there"), "{}", told.stderr);
    assert!(told.stderr.contains("lead.key=\"chat2desk-acme-2\""), "{}", told.stderr);
    assert_discreet(&told.stderr);

    // One bad row: exit code 1, and the others are there.
    edit(&hubspot, 7, "email", "taken@example.com");
    put_leads(&pool, 50, 53).await;
    change(&pool, "email = 'taken@example.com'", "client_id = '51'").await;
    let ended = home.run(&["sync", "--once", "--crm", "sales"]).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("error: crm sales: 1 lead is refused"), "{}", ended.stderr);
    assert!(ended.stdout.contains("chat2desk-acme-51  status 409: CONFLICT"), "{}", ended.stdout);
    assert_eq!(property(&hubspot, 52, "chat_tags").as_deref(), Some("vip"));
    for text in [&ended.stderr, &ended.stdout] {
        assert!(!text.contains("taken@"), "{text}");
    }
    assert_discreet(&home.run(&["sync", "--format", "json"]).await.succeeded().stdout);
}
