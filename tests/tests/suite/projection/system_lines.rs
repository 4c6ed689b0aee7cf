//! System facts in the tables: they are there to be read, and count as nobody's question or answer.

use serde_json::{Value, json};

use super::account::{at, iso, webhook};
use super::{Chance, project};

#[tokio::test(flavor = "multi_thread")]
async fn system_lines_are_rows_and_nobodys_question_or_answer() {
    let said = |second: u32, hook: &str, id: u32, fields: &Value| {
        let mut body = json!({"hook_type": hook, "message_id": id, "transport": "external", "client_id": 5, "channel_id": 12,
            "dialog_id": 41, "request_id": 77, "text": "text", "event_time": iso(at(second))});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        webhook(second, &body)
    };
    let deliveries = [
        said(0, "inbox", 1, &json!({"type": "from_client"})),
        said(5, "inbox", 2, &json!({"type": "from_client", "is_menu": "1010"})),
        said(10, "outbox", 3, &json!({"type": "autoreply"})),
        said(20, "outbox", 4, &json!({"type": "to_client", "text": "WhatsApp client not found."})),
        said(30, "outbox", 5, &json!({"type": "hologram", "operator_id": 7001, "mood": "good"})),
        said(90, "outbox", 6, &json!({"type": "to_client", "operator_id": 7001})),
        said(120, "inbox", 7, &json!({"type": "from_client", "text": "c2d: dialog closed"})),
    ];
    let database = project(&deliveries, 2, 2, &mut Chance::new(1)).await;
    let pool = database.pool();
    let kinds: Vec<(String, String)> =
        sqlx::query_as("select message_id, author_kind from messages order by message_id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let kinds: Vec<(&str, &str)> = kinds.iter().map(|(id, kind)| (id.as_str(), kind.as_str())).collect();
    assert_eq!(
        kinds,
        [
            ("1", "client"),
            ("2", "client"),
            ("3", "automation"),
            ("4", "system"),
            ("5", "other"),
            ("6", "operator"),
            ("7", "system")
        ]
    );
    let request: Value =
        sqlx::query_scalar("select to_jsonb(r) from requests r").fetch_one(&pool).await.unwrap();
    for (column, wanted) in [
        ("client_messages", json!(2)),
        ("operator_messages", json!(1)),
        ("automation_messages", json!(1)),
        ("turns_answered", json!(1)),
        ("turns_unanswered", json!(0)),
        ("frt_customer_seconds", json!(90.0)),
        ("resolution_seconds", json!(120.0)),
        ("waiting_since", Value::Null),
        ("transport", json!("external")),
    ] {
        assert_eq!(request[column].as_f64(), wanted.as_f64(), "{column} of {request}");
        assert!(wanted.is_f64() || wanted.is_u64() || request[column] == wanted, "{column} of {request}");
    }
    let state: String = sqlx::query_scalar("select state from dialogs").fetch_one(&pool).await.unwrap();
    assert_eq!(state, "closed");
    // What was not known is kept with the fact.
    let extra: Value = sqlx::query_scalar(
        "select registers::jsonb -> 'extra' from facts where kind = 'message' and fact_key = '5'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(extra, json!({"type": "hologram", "mood": "good"}));
}
