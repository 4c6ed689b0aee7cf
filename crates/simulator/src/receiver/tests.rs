use chrono::TimeZone;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 2, 0, 0).unwrap()
}

fn leads(items: &[(&str, u64)]) -> Value {
    let item = |(key, version): &(&str, u64)| {
        json!({"key": key, "version": version, "changed_at": "2026-10-01T01:59:58Z", "op": "upsert",
            "fields": {"name": format!("{key} at {version}")}})
    };
    json!({"type": "lead.upserted", "schema": 1, "items": items.iter().map(item).collect::<Vec<_>>()})
}

fn post(id: &str, body: &Value) -> Call {
    let body = body.to_string().into_bytes();
    let timestamp = now().timestamp().to_string();
    let signature = signature::sign(SECRET, id, &timestamp, &body).unwrap();
    let headers = [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Call { method: "POST".into(), path: "/hooks/leads".into(), headers, body, ..Call::default() }
}

fn fates(receiver: &Receiver) -> Vec<Fate> {
    receiver.received().iter().map(|one| one.fate).collect()
}

/// From the test suite of the specification's own libraries.
#[test]
fn the_signature_is_that_of_the_specification() {
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let signed = signature::sign(SECRET, id, "1614265330", br#"{"test": 2432232314}"#);
    assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
}

#[test]
fn what_is_signed_by_a_good_secret_is_taken_and_nothing_else() {
    let mut receiver = Receiver::with_secret(SECRET);
    let good = post("msg_1", &leads(&[("a", 1)]));
    let mut changed = good.clone();
    changed.body.push(b' ');
    assert_eq!(receiver.answer(&changed, now()).status, 401);
    let mut bare = good.clone();
    bare.headers.truncate(1);
    assert_eq!(receiver.answer(&bare, now()).status, 401);
    let mut rotated = good.clone();
    rotated.headers[2].1 = format!("v1,AAAA v2,xyz {}", good.headers[2].1);
    assert_eq!(receiver.answer(&rotated, now()).status, 200, "one of several signatures is enough");
    let verdicts: Vec<_> = receiver.received().iter().map(|one| one.signature).collect();
    assert_eq!(verdicts, [Verdict::Wrong, Verdict::Missing, Verdict::Valid]);
    receiver.script.tolerance_seconds = Some(300);
    let late = receiver.answer(&post("msg_2", &leads(&[])), now() + TimeDelta::seconds(301));
    assert_eq!(late.status, 401);
    assert_eq!(fates(&receiver), [Fate::Refused, Fate::Refused, Fate::Taken, Fate::Refused]);
    assert_eq!(receiver.leads.by_key["a"].version, 1);
}

#[test]
fn a_repeat_is_answered_like_the_first_and_changes_nothing() {
    let mut receiver = Receiver::new();
    receiver.script.results = true;
    let first = receiver.answer(&post("msg_1", &leads(&[("a", 1)])), now());
    assert_eq!(first.body, json!({"results": [{"key": "a", "status": "ok"}]}).to_string());
    assert_eq!(receiver.answer(&post("msg_1", &leads(&[("a", 1)])), now()), first);
    assert_eq!(receiver.deliveries()["msg_1"], Deliveries { requests: 2, taken: 1, same_bytes: true });
    assert_eq!(receiver.answer(&post("msg_1", &leads(&[("a", 2)])), now()).status, 409);
    assert!(!receiver.deliveries()["msg_1"].same_bytes);
    assert_eq!((receiver.leads.applied, receiver.taken().count()), (1, 1));
    assert_eq!(receiver.received()[1].json()["items"][0]["key"], "a");
}

#[test]
fn an_older_version_is_passed_over_and_a_delete_makes_room_for_a_new_one() {
    let mut receiver = Receiver::new();
    for (number, (key, version)) in [("a", 2), ("a", 1), ("a", 2), ("b", 1)].into_iter().enumerate() {
        assert_eq!(
            receiver.answer(&post(&format!("msg_{number}"), &leads(&[(key, version)])), now()).status,
            200
        );
    }
    assert_eq!((receiver.leads.applied, receiver.leads.stale), (2, 2));
    let gone =
        json!({"type": "lead.upserted", "items": [{"key": "a", "version": 3, "op": "delete"}, {"key": "c"}]});
    receiver.answer(&post("msg_gone", &gone), now());
    receiver.answer(&post("msg_back", &leads(&[("a", 4)])), now());
    let a = &receiver.leads.by_key["a"];
    assert_eq!((a.creates, a.deleted, &a.fields["name"]), (2, false, &json!("a at 4")));
    assert_eq!(receiver.leads.unreadable, 1);
}

#[test]
fn items_and_whole_requests_are_answered_by_script() {
    let mut receiver = Receiver::new();
    let refuse = ItemScript { retry: false, message: "phone required".into(), times: None };
    let busy = ItemScript { retry: true, message: "busy".into(), times: Some(1) };
    receiver.script.items = BTreeMap::from([("a".to_owned(), refuse), ("b".to_owned(), busy)]);
    let batch = post("msg_1", &leads(&[("a", 1), ("b", 1), ("c", 1)]));
    let body: Value = serde_json::from_str(&receiver.answer(&batch, now()).body).unwrap();
    assert_eq!(
        body["results"],
        json!([
            {"key": "a", "status": "error", "retry": false, "message": "phone required"},
            {"key": "b", "status": "error", "retry": true, "message": "busy"},
            {"key": "c", "status": "ok"},
        ])
    );
    assert_eq!(receiver.leads.by_key.keys().collect::<Vec<_>>(), ["c"]);
    receiver.answer(&batch, now());
    assert_eq!(
        receiver.leads.by_key.keys().collect::<Vec<_>>(),
        ["b", "c"],
        "the second time it was not busy"
    );

    receiver.script = Script { status: 503, retry_after: Some(RetryAfter::Seconds(7)), ..Script::default() };
    let away = receiver.answer(&post("msg_2", &leads(&[("d", 1)])), now());
    assert_eq!((away.status, &away.headers), (503, &vec![("retry-after", "7".to_owned())]));
    assert!(!receiver.leads.by_key.contains_key("d"));
    receiver.script = serde_json::from_value(json!({"status": 202})).unwrap();
    assert_eq!(receiver.answer(&post("msg_2", &leads(&[("d", 1)])), now()).status, 202);
    assert_eq!(receiver.deliveries()["msg_2"].taken, 1);
}
