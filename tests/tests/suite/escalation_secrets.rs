//! No secret, no name and no word of a client in a log line, in an error, or in what the ledger keeps.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use chatledger_tests::{SmtpServer, wait_until};
use escalation::{Channel, Email, EmailSettings, Notifier};
use events::{Clock as _, SystemClock};
use store::escalations::Status;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::escalating::{Receiver, Running, SOON, Scene, escalator, links};

/// Keeps every line of every level of every crate.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut lines = self.0.lock().unwrap();
        lines.push('\n');
        event.record(&mut Fields(&mut lines));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

// One thread, so that the lines of every task are heard here.
#[tokio::test(flavor = "current_thread")]
async fn nothing_secret_or_personal_is_logged_or_kept() {
    let (scene, server) = (Scene::new().await, SmtpServer::start().await);
    let lines = Everything::default();
    let listening = tracing::subscriber::set_default(lines.clone());
    let good = Receiver::new().await;
    let bad = Receiver::answering(|before| match before {
        0 => StatusCode::INTERNAL_SERVER_ERROR,
        1 => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    })
    .await;
    let mail = |name: &str, password: &str, to: &str| {
        let settings = EmailSettings {
            url: server.url(password).parse().unwrap(),
            to: vec![to.to_owned()],
            from: None,
            root_certificate: Some(std::fs::read(server.certificate()).unwrap()),
        };
        Notifier { name: name.to_owned(), channel: Channel::Email(Box::new(Email::new(&settings).unwrap())) }
    };
    let notifiers = vec![
        good.notifier("good"),
        bad.notifier("bad"),
        mail("mail", "secret", "canary-receiver@example.org"),
        mail("reject", "secret", "reject@example.org"),
        mail("login", "canary-password", "canary-receiver@example.org"),
    ];
    let shown = format!("{notifiers:?} {:?}", links());
    let running = Running::start(escalator(&scene.pool, "w", notifiers));
    scene.low("880").await;
    scene.until("880", 1, Status::Notified).await;
    wait_until("everybody was told or refused", SOON, async || {
        let settled = |status: &String| ["done", "dead"].contains(&status.as_str());
        scene.effects().await.iter().all(|(key, status)| key.contains("/login/") || settled(status))
    })
    .await;
    scene.score("880", 1.0, SystemClock.now(), true).await;
    scene.until("880", 1, Status::Withdrawn).await;
    wait_until("the withdrawal was told", SOON, async || good.received().len() == 2).await;
    running.stop().await;
    drop(listening);
    let kept: Vec<String> = sqlx::query_scalar(
        "select e::text from ledger.effects e union all select e::text from ledger.escalations e \
         union all select t::text from ledger.targets t",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    let said = lines.0.lock().unwrap().clone();
    assert!(
        said.contains("notified") && said.contains("refused") && said.contains("login"),
        "there are lines: {said}"
    );
    let link = links().of("acme/low-score/880/1");
    let signature = link.split('/').nth(4).unwrap();
    for canary in ["Canary", "canary", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "Olga", signature] {
        assert!(!said.contains(canary), "{canary} in a line: {said}");
        assert!(!shown.contains(canary), "{canary} in {shown}");
        assert!(!kept.join("\n").contains(canary), "{canary} in the ledger: {kept:?}");
    }
}
