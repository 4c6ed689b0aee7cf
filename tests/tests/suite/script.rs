//! The class that `accounts script` prints, under a real Python interpreter, against the real program.

use std::process::Stdio;

use chatledger_tests::{Home, database};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::ledger::{NOBODY, SOON, account, assert_accounted, home_on, http, projected};

/// What the company has today: an answer that suppresses the menu, a mistake, a handler of its own.
const EXISTING: &str = "class Handler:
    def new_message_handler(self, input_data, c2d):
        if input_data['message']['is_menu'] is None:
            return('not send menu')

    def manually_handler(self, input_data, c2d):
        raise ValueError('their own mistake')

    def lottery_handler(self, input_data, c2d):
        return 'own'
";

/// Stands in for the vendor: loads the script, makes a handler for each event, and says what it answered and how long
/// that took.
const VENDOR: &str = "
import json, sys, time
script = {'__name__': 'script'}
with open(sys.argv[1], encoding='utf-8') as file:
    exec(compile(file.read(), sys.argv[1], 'exec'), script)
for line in sys.stdin:
    name, data = json.loads(line)
    started = time.time()
    try:
        answer = getattr(script['Handler'](), name)(data, None)
    except Exception as error:
        answer = 'raised ' + str(error)
    print(json.dumps([answer, time.time() - started]), flush=True)
";

struct Vendor {
    process: Child,
    ask: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Vendor {
    /// Prints the class for `url`, and loads it.
    async fn with_script(home: &Home, url: &str) -> Self {
        let (existing, script) = (home.path().join("existing.py"), home.path().join("script.py"));
        std::fs::write(&existing, EXISTING).unwrap();
        let arguments = ["accounts", "script", "--url", url, "--existing", existing.to_str().unwrap()];
        let printed = home.run(&arguments).await.succeeded();
        assert!(printed.stderr.contains("secret"), "{}", printed.stderr);
        assert!(printed.stdout.starts_with(EXISTING.trim_end()), "{}", printed.stdout);
        std::fs::write(&script, printed.stdout).unwrap();
        let mut process = Command::new("python3")
            .args(["-W", "error", "-c", VENDOR, script.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("python3, which scripts/setup provides: {error}"));
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { ask: process.stdin.take().unwrap(), said, process }
    }

    /// Calls a handler: its answer, and the seconds that it took.
    async fn call(&mut self, handler: &str, input: &Value) -> (Value, f64) {
        self.ask.write_all(format!("{}\n", json!([handler, input])).as_bytes()).await.unwrap();
        let said = tokio::time::timeout(SOON, self.said.next_line()).await;
        let said = said.unwrap().unwrap().unwrap();
        serde_json::from_str(&said).unwrap()
    }

    /// The process ends as one does that has nothing more to do.
    async fn ends(self) {
        let Self { mut process, ask, .. } = self;
        drop(ask);
        assert!(tokio::time::timeout(SOON, process.wait()).await.unwrap().unwrap().success());
    }
}

fn input(more: &Value) -> Value {
    let mut input = json!({"client": {"id": 330_001, "phone": "77015550142", "name": "Client One", "assigned_name": "One"},
        "channel": {"id": 12, "name": "first"}, "dialogID": 410_001});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn message(id: u64, is_menu: &Value) -> Value {
    input(&json!({"message": {"id": id, "is_menu": is_menu, "dialogID": 410_001, "operatorID": null,
        "text": "Где мой заказ? 🙂", "transport": "telegram", "photo": null}}))
}

/// Each of the 14 handlers, in both spellings where there are two; and what it answers.
fn events() -> Vec<(&'static str, Value, Value)> {
    let request = json!({"request": {"id": 8_800_001}, "requestID": 8_800_001});
    let tagged = input(&json!({"request": {"id": 8_800_001}, "tag": {"id": 601, "label": "delivery"}}));
    let quiet = |name, input| (name, input, Value::Null);
    vec![
        quiet("new_request_handlers", input(&request)),
        quiet("new_request_handler", input(&request)),
        quiet("new_message_handler", message(900_001, &json!(1010))),
        ("new_message_handler", message(900_002, &Value::Null), json!("not send menu")),
        quiet("chat_bot_not_triggered_handler", message(900_002, &Value::Null)),
        quiet("before_sending_message_handler", input(&json!({"message": {"text": "not yet"}}))),
        quiet("dialog_transfer_handler", input(&json!({"operatorID": 7002}))),
        quiet("add_tag_to_request_handler", tagged.clone()),
        quiet("delete_tag_from_request_handler", tagged),
        quiet("client_updated_handler", json!({"client": {"id": "330001", "assigned_name": "Uno"}})),
        quiet("qr_code_result_handler", json!({"qr": "x"})),
        quiet("request_phone_handler", json!({})),
        ("manually_handler", json!(["anything", {"n": 1}]), json!("raised their own mistake")),
        quiet("before_closing_dialog_handler", input(&json!({}))),
        quiet("after_closing_dialog_handler", input(&json!({}))),
    ]
}

async fn told(pool: &PgPool) -> Vec<(String, i64)> {
    sqlx::query_as(
        "select capture ->> 'event', count(*) from ledger.deliveries where road = 'script' group by 1 order by 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn one<T>(pool: &PgPool, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_handler_arrives_once_and_is_folded_and_the_companys_own_answers_stay() {
    let database = database().await;
    let home = home_on(&database, "partitions = 3", &account(NOBODY, "history = \"none\""));
    let up = home.up().await;
    let mut vendor = Vendor::with_script(&home, &up.url("/")).await;
    let events = events();
    for (handler, input, answer) in &events {
        assert_eq!(vendor.call(handler, input).await.0, *answer, "{handler}");
    }
    assert_eq!(vendor.call("auto_checking_handler", &json!({"time": "now"})).await.0, Value::Null);
    assert_eq!(vendor.call("lottery_handler", &json!({})).await.0, json!("own"), "what we do not know stays");
    let pool = database.pool();
    projected(&pool, events.len() as i64).await;
    // Its last act is to bring what waits: nothing does.
    vendor.ends().await;

    let mut wanted: std::collections::BTreeMap<String, i64> = std::collections::BTreeMap::new();
    for (handler, ..) in &events {
        *wanted.entry((*handler).to_owned()).or_default() += 1;
    }
    assert_eq!(told(&pool).await, wanted.into_iter().collect::<Vec<_>>(), "each once");
    let metrics = http().get(up.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let heartbeat = metrics.lines().find(|line| line.contains("heartbeat") && line.contains("script"));
    assert!(heartbeat.is_some_and(|line| line.ends_with(" 1")), "{heartbeat:?}");

    let item: Option<String> = one(&pool, "select menu_item from messages where message_id = '900001'").await;
    assert_eq!(item.as_deref(), Some("1010"));
    let messages = "select count(*) from messages where request_key = '8800001' and author_kind = 'client'";
    assert_eq!(one::<i64>(&pool, messages).await, 2, "what matched no chatbot was known already");
    let asked = "select count(*) from turns join messages on sent_at = asked_at and message_id = '900002'";
    assert_eq!(one::<i64>(&pool, asked).await, 1, "the menu's choice asks nothing");
    let holder: Option<String> = one(&pool, "select holder_operator_id from requests").await;
    assert_eq!(holder.as_deref(), Some("7002"));
    let tags = "select count(*) from request_tags where tag_id = '601' and label = 'delivery' and removed_at >= added_at";
    assert_eq!(one::<i64>(&pool, tags).await, 1);
    let name: Option<String> =
        one(&pool, "select assigned_name from clients where client_id = '330001'").await;
    assert_eq!(name.as_deref(), Some("Uno"));
    assert_eq!(one::<String>(&pool, "select state from dialogs where dialog_id = '410001'").await, "closed");
    let kept = "select string_agg(registers::jsonb ->> 'name', ' ' order by registers::jsonb ->> 'name') from facts \
                where kind = 'unknown'";
    assert_eq!(
        one::<String>(&pool, kept).await,
        "before_closing_dialog_handler before_sending_message_handler manually_handler qr_code_result_handler \
         request_phone_handler"
    );
    let fates = assert_accounted(&home, &pool).await;
    assert_eq!((fates.decoded, fates.appended), (events.len() as i64, events.len() as i64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_hangs_holds_up_no_chat_and_gets_everything_when_it_is_back() {
    let database = database().await;
    let configuration = account(NOBODY, "history = \"none\"");
    let home = home_on(&database, "partitions = 3", &configuration);
    // Connections are taken, and nobody answers.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hanging.local_addr().unwrap();
    let mut vendor = Vendor::with_script(&home, &format!("http://{address}")).await;
    let events = events();
    let mut calls = events.len() as i64;
    for (handler, input, answer) in &events {
        let (answered, seconds) = vendor.call(handler, input).await;
        assert_eq!(answered, *answer, "{handler}");
        // One try alone takes five seconds to fail; where the machine stood still, another call says so.
        if seconds > 2.5 {
            let (_, seconds) = vendor.call(handler, input).await;
            assert!(seconds < 2.5, "{handler}: {seconds} s");
            calls += 1;
        }
    }
    drop(hanging);

    home.configure(&format!(
        "[database]\nurl_env = \"DATABASE_URL\"\n{}",
        configuration.replace("127.0.0.1:0", &address.to_string())
    ));
    let _up = home.up().await;
    let pool = database.pool();
    projected(&pool, calls).await;
    let told = "select count(distinct convert_from(body, 'UTF8')::jsonb ->> 'call') from ledger.deliveries";
    assert_eq!(one::<i64>(&pool, told).await, calls);
    // What was held back is dated by when it happened, not by when it came.
    let held = "select count(*) from ledger.deliveries d join messages m on m.delivery_id = d.id \
                where d.received_at - m.sent_at > interval '1 second'";
    assert!(one::<i64>(&pool, held).await >= 1);
    vendor.ends().await;
}

#[tokio::test]
async fn the_class_is_read_by_old_interpreters() {
    let home = home_on(&database().await, "", &account(NOBODY, ""));
    let printed = home.run(&["accounts", "script", "--url", "https://ledger.example.org"]).await.succeeded();
    let script = home.path().join("script.py");
    std::fs::write(&script, printed.stdout).unwrap();
    let parse = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 4))";
    let read = Command::new("python3").args(["-c", parse, script.to_str().unwrap()]).output().await.unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let missing = home.run(&["accounts", "script"]).await;
    assert_eq!(missing.code(), Some(2));
    assert!(missing.stderr.contains("--url"), "{}", missing.stderr);
}
