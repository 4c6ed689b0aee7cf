//! `chatledger escalation list|ack|close`.

use chatledger_tests::Home;
use store::escalations::Status;

use crate::escalating::{Receiver, Scene, WEBHOOK_SECRET, escalator, key, yesterday};
use crate::ledger::{NOBODY, account, home_on};

fn home(scene: &Scene, receiver: &Receiver) -> Home {
    let escalation = format!(
        "{}[[escalation]]\nname = \"low-score\"\nwhen = {{ score_at_most = 2 }}\nnotify = [\"ops\"]\n\
         [[notifier]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"{}\"\nallow_private = true\nsecret_env = \"OPS_SECRET\"\n",
        account(NOBODY, "history = \"none\""),
        receiver.url,
    );
    home_on(&scene.database, "partitions = 1", &escalation).with("OPS_SECRET", WEBHOOK_SECRET)
}

#[tokio::test(flavor = "multi_thread")]
async fn escalations_are_listed_acknowledged_and_closed_from_the_command_line() {
    let (scene, receiver) = (Scene::new().await, Receiver::new().await);
    scene.low("880").await;
    scene.score("old", 1.0, yesterday(), false).await;
    escalator(&scene.pool, "w", vec![receiver.notifier("ops")]).evaluate().await.unwrap();
    let home = home(&scene, &receiver);
    let list =
        async |more: &[&str]| home.run(&[&["escalation", "list"], more].concat()).await.succeeded().stdout;

    let table = list(&[]).await;
    assert!(
        table.contains(&key("880", 1)) && table.contains("open") && table.contains("historic"),
        "{table}"
    );
    assert!(!table.contains("Canary"), "ids only: {table}");
    let json: serde_json::Value =
        serde_json::from_str(&list(&["--status", "open", "--format", "json"]).await).unwrap();
    assert_eq!((json.as_array().unwrap().len(), &json[0]["escalation_key"]), (1, &key("880", 1).into()));
    let csv = list(&["--status", "historic,closed", "--format", "csv"]).await;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.lines().nth(1).unwrap().starts_with(&key("old", 1)), "{csv}");

    let acked = home.run(&["escalation", "ack", &key("880", 1), "--by", "Ann"]).await.succeeded().stdout;
    assert!(acked.contains("acknowledged"), "{acked}");
    let again = home.run(&["escalation", "ack", &key("880", 1), "--by", "Bob"]).await.succeeded().stdout;
    assert!(again.contains("already acknowledged by Ann"), "{again}");
    let closed =
        home.run(&["escalation", "close", &key("880", 1), "--reason", "called"]).await.succeeded().stdout;
    assert!(closed.contains("closed"), "{closed}");
    let late = home.run(&["escalation", "ack", &key("880", 1)]).await;
    assert!(late.code() == Some(1) && late.stderr.contains("is closed"), "{}", late.stderr);
    let unknown = home.run(&["escalation", "close", "acme/x/1/1", "--reason", "x"]).await;
    assert!(unknown.code() == Some(2) && unknown.stderr.contains("escalation list"), "{}", unknown.stderr);

    let found = scene.find("880", 1).await.unwrap();
    assert_eq!((found.status, found.close_reason.as_deref()), (Status::Closed, Some("called")));
    let keys: Vec<_> = scene.effects().await.into_keys().collect();
    let told = ["acknowledged", "closed", "opened"].map(|event| format!("{}/{event}/ops", key("880", 1)));
    assert_eq!(keys, told, "webhooks hear of it");
}
