use chrono::TimeZone as _;
use serde_json::json;
use store::escalations::{Escalation, Scored, Status};
use uuid::Uuid;

use super::*;

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap()
}

fn escalation() -> Escalation {
    Escalation {
        account: "acme".to_owned(),
        key: "acme/low-score/880/1".to_owned(),
        rule: "low-score".to_owned(),
        episode: 1,
        cause: "880".to_owned(),
        request_key: Some("870".to_owned()),
        client_id: Some("5".to_owned()),
        operator_id: Some("7001".to_owned()),
        score: Some(1.0),
        scale: Some(5.0),
        label: None,
        given_at: at(),
        delivery_id: None,
        status: Status::Open,
        owner: None,
        close_reason: None,
        due_at: None,
        opened_at: at(),
        updated_at: at(),
        timeline: json!([]),
    }
}

fn scored() -> Scored {
    Scored {
        account: "acme".to_owned(),
        valuation: "880".to_owned(),
        scale_id: String::new(),
        request_key: Some("870".to_owned()),
        client_id: "5".to_owned(),
        operator_id: Some("7001".to_owned()),
        score: 1.0,
        scale: 5.0,
        label: None,
        comment: Some("<b>bad</b>\nBcc: all@example.org".to_owned()),
        given_at: at(),
        withdrawn_at: None,
        delivery_id: Uuid::nil(),
        operator_name: Some("Иван\r\nBcc: x@example.org".to_owned()),
        client_name: Some("Ann & <script>".to_owned()),
        dialog_url: Some("https://web.example.org/chat?id=1&x=2".to_owned()),
    }
}

fn mail(event: Event, thread: Option<String>) -> Mail {
    let (escalation, scored) = (escalation(), scored());
    let telling =
        Telling { event, escalation: &escalation, scored: Some(&scored), by: None, reason: None, at: at() };
    Mail::new(&telling, chrono_tz::Asia::Almaty, "boss@example.org", thread)
}

fn bytes(mail: &Mail, link: Option<&str>) -> String {
    let from: Mailbox = "Chatledger <alerts@example.org>".parse().unwrap();
    let to: Mailbox = mail.to.parse().unwrap();
    String::from_utf8(mail.bytes(&from, to, "key/opened", at(), link).unwrap()).unwrap()
}

#[test]
fn a_mail_says_who_what_and_when_and_nobody_can_write_into_its_headers() {
    let mail = mail(Event::Opened, None);
    assert_eq!(mail.subject, "Low score: 1 of 5 for Иван Bcc: x@example.org");
    assert!(mail.text.contains("Client: Ann & <script>\n"), "{}", mail.text);
    assert!(mail.text.contains("Given at: 2026-10-01 13:00:00 +05\n"), "{}", mail.text);
    assert!(mail.html.contains("Ann &amp; &lt;script&gt;") && !mail.html.contains("<b>"), "{}", mail.html);
    assert!(mail.html.contains("href=\"https://web.example.org/chat?id=1&amp;x=2\""), "{}", mail.html);
    let bytes = bytes(&mail, None);
    let (headers, _) = bytes.split_once("\r\n\r\n").unwrap();
    assert!(!headers.contains("\r\nBcc"), "{headers}");
    assert!(headers.contains("Auto-Submitted: auto-generated"), "{headers}");
    assert!(headers.contains("Date: Thu, 01 Oct 2026 08:00:00 +0000"), "{headers}");
}

#[test]
fn the_same_mail_goes_out_each_time_and_the_link_only_in_the_opening() {
    let opened = mail(Event::Opened, None);
    let link = Some("https://x.org/ack/s/k");
    assert_eq!(bytes(&opened, link), bytes(&opened, link));
    assert_eq!(bytes(&opened, link).matches("https://x.org/ack/s/k").count(), 2);
    let kept: Mail = serde_json::from_slice(&serde_json::to_vec(&opened).unwrap()).unwrap();
    assert_eq!(kept, opened);
    let withdrawn = mail(Event::Withdrawn, Some("key/opened".to_owned()));
    let bytes = bytes(&withdrawn, link);
    assert!(!bytes.contains("/ack/"), "{bytes}");
    assert!(bytes.contains(&format!("In-Reply-To: <{}@example.org>", message_id("key/opened"))), "{bytes}");
}

#[test]
fn a_link_that_is_no_web_address_is_left_out() {
    let (escalation, mut scored) = (escalation(), scored());
    scored.dialog_url = Some("javascript:alert(1)".to_owned());
    let telling = Telling {
        event: Event::Opened,
        escalation: &escalation,
        scored: Some(&scored),
        by: None,
        reason: None,
        at: at(),
    };
    let mail = Mail::new(&telling, Tz::UTC, "boss@example.org", None);
    assert!(!mail.html.contains("javascript") && !mail.text.contains("javascript"));
}

#[test]
fn a_message_id_tells_nothing_and_is_stable() {
    assert_eq!(message_id("a"), message_id("a"));
    assert_ne!(message_id("a"), message_id("b"));
    assert_eq!(message_id("acme/x").len(), "msg_".len() + 32);
}
