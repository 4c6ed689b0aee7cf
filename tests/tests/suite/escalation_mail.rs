//! Mails through a real server: TLS, login, refusals, an outage, and what may come twice.

use chatledger_tests::{SmtpServer, wait_until};
use chrono::TimeDelta;
use escalation::{Channel, Email, EmailSettings, Notifier};
use events::{Clock as _, SystemClock};
use store::effects;
use store::escalations::Status;
use tokio::net::TcpListener;

use crate::escalating::{Receiver, Running, SOON, Scene, escalator, key, links};

fn email(server: &SmtpServer, url: &str, to: &[&str]) -> Notifier {
    let settings = EmailSettings {
        url: url.parse().unwrap(),
        to: to.iter().map(|to| (*to).to_owned()).collect(),
        from: None,
        root_certificate: Some(std::fs::read(server.certificate()).unwrap()),
    };
    Notifier { name: "mail".to_owned(), channel: Channel::Email(Box::new(Email::new(&settings).unwrap())) }
}

async fn mails(server: &SmtpServer, count: usize) -> Vec<String> {
    wait_until(&format!("{count} mails came"), SOON, async || server.mails().len() >= count).await;
    server.mails()
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let found = mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no {name} in {mail}"))
}

async fn reason(scene: &Scene) -> Option<String> {
    effects::target_state(&scene.pool, "notifier/mail", SystemClock.now()).await.unwrap().reason
}

#[tokio::test]
async fn a_mail_goes_over_tls_with_a_login_one_for_each_address_and_its_withdrawal_joins_the_thread() {
    let (scene, server) = (Scene::new().await, SmtpServer::start().await);
    let to = ["Boss <boss@example.org>", "deputy@example.org"];
    let running =
        Running::start(escalator(&scene.pool, "w", vec![email(&server, &server.url("secret"), &to)]));
    scene.low("880").await;
    let opened = mails(&server, 2).await;
    scene.until("880", 1, Status::Notified).await;
    for mail in &opened {
        assert_eq!(header(mail, "Subject"), "Low score: 1 of 5 for Olga Operator");
        assert_eq!(header(mail, "From"), "Chatledger <chatledger@example.org>");
        assert!(mail.contains("with esmtpsa"), "TLS and a login: {mail}");
        assert!(
            mail.contains("Client: Canary Client") && mail.contains("https://web.example.org/chat/30"),
            "{mail}"
        );
        assert!(mail.replace("=\n", "").replace("=\r\n", "").contains(&links().of(&key("880", 1))), "{mail}");
    }
    let receivers: Vec<_> = opened.iter().map(|mail| header(mail, "Envelope-to")).collect();
    assert!(
        receivers.contains(&"boss@example.org") && receivers.contains(&"deputy@example.org"),
        "{receivers:?}"
    );
    scene.score("880", 1.0, SystemClock.now(), true).await;
    let all = mails(&server, 4).await;
    running.stop().await;
    for mail in all.iter().filter(|mail| header(mail, "Subject").starts_with("Withdrawn")) {
        let thread = header(mail, "In-Reply-To");
        let first = opened.iter().find(|one| header(one, "Message-ID") == thread).unwrap();
        assert_eq!(header(first, "Envelope-to"), header(mail, "Envelope-to"));
        assert!(!mail.contains("/ack/"), "{mail}");
    }
    assert_eq!(server.mails().len(), 4);
}

#[tokio::test]
async fn tls_from_the_first_byte_works_and_a_certificate_that_nobody_vouches_for_does_not() {
    let (scene, server) = (Scene::new().await, SmtpServer::start().await);
    let settings = EmailSettings {
        url: server.tls_url().parse().unwrap(),
        to: vec!["boss@example.org".to_owned()],
        from: None,
        root_certificate: None,
    };
    let stranger = Notifier {
        name: "mail".to_owned(),
        channel: Channel::Email(Box::new(Email::new(&settings).unwrap())),
    };
    let running = Running::start(escalator(&scene.pool, "a", vec![stranger]));
    scene.low("880").await;
    wait_until("tls fails", SOON, async || reason(&scene).await.as_deref() == Some("smtp tls failed")).await;
    running.stop().await;
    assert!(server.mails().is_empty());
    let known = email(&server, &server.tls_url(), &["boss@example.org"]);
    let running = Running::start(escalator(&scene.pool, "b", vec![known]));
    mails(&server, 1).await;
    scene.until("880", 1, Status::Notified).await;
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_password_needs_a_person_and_nothing_is_lost_meanwhile() {
    let (scene, server) = (Scene::new().await, SmtpServer::start().await);
    let wrong = email(&server, &server.url("wrong"), &["boss@example.org"]);
    let running = Running::start(escalator(&scene.pool, "a", vec![wrong]));
    scene.low("880").await;
    scene.low("881").await;
    wait_until("the login is refused", SOON, async || {
        reason(&scene).await.as_deref() == Some("smtp login: status 535")
    })
    .await;
    running.stop().await;
    let state = effects::target_state(&scene.pool, "notifier/mail", SystemClock.now()).await.unwrap();
    assert!(state.broken_since.is_some() && (state.waiting, state.dead) == (2, 0), "{state:?}");
    let right = email(&server, &server.url("secret"), &["boss@example.org"]);
    let running = Running::start(escalator(&scene.pool, "b", vec![right]));
    mails(&server, 2).await;
    scene.until("880", 1, Status::Notified).await;
    scene.until("881", 1, Status::Notified).await;
    running.stop().await;
    assert_eq!(reason(&scene).await, None, "it is well again");
}

#[tokio::test]
async fn a_refused_address_holds_up_no_other_and_one_that_is_put_off_is_tried_again() {
    let (scene, server) = (Scene::new().await, SmtpServer::start().await);
    let to = ["reject@example.org", "defer@example.org", "boss@example.org"];
    let running =
        Running::start(escalator(&scene.pool, "w", vec![email(&server, &server.url("secret"), &to)]));
    scene.low("880").await;
    mails(&server, 1).await;
    scene.until("880", 1, Status::Notified).await;
    let outcomes = async || -> Vec<(String, i32, Option<String>)> {
        let sql = "select status, attempts, last_error from ledger.effects order by status";
        sqlx::query_as(sql).fetch_all(&scene.pool).await.unwrap()
    };
    wait_until("it was tried again", SOON, async || {
        outcomes().await.iter().any(|(_, attempts, error)| {
            *attempts >= 2 && error.as_deref() == Some("smtp recipient: status 451")
        })
    })
    .await;
    running.stop().await;
    let outcomes = outcomes().await;
    assert_eq!(outcomes[0], ("dead".to_owned(), 1, Some("smtp recipient: status 550".to_owned())));
    assert_eq!(outcomes[1], ("done".to_owned(), 0, None));
    assert_eq!(server.mails().len(), 1);
    assert_eq!(reason(&scene).await, None, "the server is not to blame");
}

#[tokio::test]
async fn a_server_that_is_away_gets_its_mails_when_it_is_back_without_a_hand_and_delays_no_webhook() {
    let (scene, mut server, receiver) =
        (Scene::new().await, SmtpServer::start().await, Receiver::new().await);
    let notifiers =
        vec![email(&server, &server.url("secret"), &["boss@example.org"]), receiver.notifier("ops")];
    let running = Running::start(escalator(&scene.pool, "w", notifiers));
    scene.low("v0").await;
    mails(&server, 1).await;
    server.stop();
    for n in 1..6 {
        scene.low(&format!("v{n}")).await;
    }
    receiver.until(6).await;
    wait_until("the server is known to be away", SOON, async || reason(&scene).await.is_some()).await;
    server.start_again().await;
    mails(&server, 6).await;
    // It asks for patience, which is nobody's fault.
    server.refuse(true);
    scene.low("v6").await;
    receiver.until(7).await;
    wait_until("it asks for patience", SOON, async || {
        reason(&scene).await.as_deref() == Some("smtp connection: status 451")
    })
    .await;
    server.refuse(false);
    mails(&server, 7).await;
    wait_until("all is settled", SOON, async || {
        scene.effects().await.values().all(|status| status == "done")
    })
    .await;
    running.stop().await;
    assert_eq!(server.mails().len(), 7, "none twice");
}

/// Whether twenty webhooks came before the first of the mails beside them, which hangs, was given up.
async fn webhooks_pass_a_mail_that_hangs() -> bool {
    let (scene, server, receiver) = (Scene::new().await, SmtpServer::start().await, Receiver::new().await);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://alerts:secret@localhost:{}", silent.local_addr().unwrap().port());
    let notifiers = vec![email(&server, &url, &["boss@example.org"]), receiver.notifier("ops")];
    let running = Running::start(escalator(&scene.pool, "w", notifiers));
    scene.low("v0").await;
    // It hangs in its first mail now.
    let (_held, _) = silent.accept().await.unwrap();
    for n in 1..20 {
        scene.low(&format!("v{n}")).await;
    }
    receiver.until(20).await;
    let given_up = "select count(*) from ledger.effects where target = 'notifier/mail' and attempts > 0";
    let given_up: i64 = sqlx::query_scalar(given_up).fetch_one(&scene.pool).await.unwrap();
    drop((running, silent));
    given_up == 0
}

#[tokio::test]
async fn a_mail_server_that_never_says_a_word_delays_no_webhook() {
    // A machine that stands still for as long as a mail may take says nothing: once more.
    assert!(webhooks_pass_a_mail_that_hangs().await || webhooks_pass_a_mail_that_hangs().await);
}

/// The one case in which a mail comes twice: the process died between the server's word and ours.
#[tokio::test]
async fn a_crash_before_the_outcome_is_written_repeats_a_mail_once_with_the_same_id() {
    let (scene, server) = (Scene::new().await, SmtpServer::start().await);
    let one =
        || escalator(&scene.pool, "w", vec![email(&server, &server.url("secret"), &["boss@example.org"])]);
    scene.low("880").await;
    let first = one();
    first.evaluate().await.unwrap();
    let body: Vec<u8> =
        sqlx::query_scalar("select body from ledger.effects").fetch_one(&scene.pool).await.unwrap();
    let running = Running::start(first);
    mails(&server, 1).await;
    scene.until("880", 1, Status::Notified).await;
    running.stop().await;
    // As the dead process left it: claimed, sent, not settled.
    sqlx::query(
        "update ledger.effects set status = 'in_flight', body = $1, settled_at = null, leased_by = 'dead', \
         leased_until = $2",
    )
    .bind(&body)
    .bind(SystemClock.now() - TimeDelta::seconds(1))
    .execute(&scene.pool)
    .await
    .unwrap();
    let running = Running::start(one());
    let twice = mails(&server, 2).await;
    wait_until("it is settled", SOON, async || scene.effects().await.values().all(|status| status == "done"))
        .await;
    running.stop().await;
    assert_eq!(server.mails().len(), 2);
    let ids: Vec<_> = twice.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(header(&twice[0], "Date"), header(&twice[1], "Date"));
}
