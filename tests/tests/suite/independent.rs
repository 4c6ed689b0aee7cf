//! A second fold, in SQL window functions over the stored facts, written from the contract's text alone
//! (`independent/*.sql`): on random accounts and on the simulated business it must find the same messages, requests,
//! turns and durations as the program.

use chatledger_tests::database;
use chatledger_tests::random_account::{BOTS, Chance, Size, ZONE, account};
use events::DeliveryIds;
use sqlx::{PgConnection, PgPool};

use crate::simulation::accounts::{delivery, rules};

/// Where the two folds differ: the key of a row, its columns there and here.
pub(crate) async fn differences(pool: &PgPool, zone: &str, bots: &[(String, String)]) -> Vec<String> {
    let mut connection = pool.acquire().await.unwrap();
    prepare(&mut connection, zone, bots).await;
    for part in [
        include_str!("independent/facts.sql"),
        include_str!("independent/requests.sql"),
        include_str!("independent/turns.sql"),
    ] {
        sqlx::raw_sql(part).execute(&mut *connection).await.unwrap();
    }
    let mut all = Vec::new();
    for (expected, table, key, columns) in [
        (
            "(select t.account_id, t.message_id, t.conversation, m.request_key, t.author_kind, t.sent_at, t.time_quality \
              from talk t join membership m using (account_id, message_id))",
            "messages",
            "message_id",
            "conversation, request_key, author_kind, sent_at, time_quality",
        ),
        (
            "expected_requests",
            "requests",
            "request_key",
            "conversation, request_id, segmentation, kind, initiated_by, opened_at, closed_at, close_reason, \
             first_client_message_at, first_reply_at, first_operator_id, last_operator_id, client_messages, \
             operator_messages, bot_messages, automation_messages, turns_answered, turns_unanswered, waiting_since, \
             frt_customer_seconds, frt_customer_business_seconds, average_reply_seconds, average_reply_business_seconds, \
             resolution_seconds, resolution_business_seconds, previous_request_key, local_day, local_hour",
        ),
        (
            "(select *, request_key || '#' || turn_no as turn from expected_turns)",
            "(select *, request_key || '#' || turn_no as turn from turns)",
            "turn",
            "asked_at, answered_at, ended_at, state, bot_replied, reply_seconds, reply_business_seconds",
        ),
    ] {
        all.extend(compared(&mut connection, expected, table, key, columns).await);
    }
    // The next caller has other tables of these names.
    sqlx::raw_sql("discard temp").execute(&mut *connection).await.unwrap();
    all
}

async fn prepare(connection: &mut PgConnection, zone: &str, bots: &[(String, String)]) {
    sqlx::raw_sql(
        "create temporary table zone (zone text); create temporary table bots (account_id text, operator_id text)",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    sqlx::query("insert into zone values ($1)").bind(zone).execute(&mut *connection).await.unwrap();
    for (account, operator) in bots {
        sqlx::query("insert into bots values ($1, $2)")
            .bind(account)
            .bind(operator)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

/// Rows that only one has, or whose columns differ; numbers to the microsecond.
async fn compared(
    connection: &mut PgConnection,
    expected: &str,
    table: &str,
    key: &str,
    columns: &str,
) -> Vec<String> {
    let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
    let shown = |of: &str| -> String {
        let text = |column: &&str| {
            let round = if column.ends_with("_seconds") {
                format!("round({of}.{column}::numeric, 5)")
            } else {
                format!("{of}.{column}")
            };
            format!("'{column}', {round}")
        };
        format!("jsonb_build_object({})", columns.iter().map(text).collect::<Vec<_>>().join(", "))
    };
    let sql = format!(
        "select '{what} ' || coalesce(e.account_id, f.account_id) || ' ' || coalesce(e.{key}, f.{key}) || ': ' || \
                case when e.account_id is null then 'only the program has it: ' || ({found})::text \
                     when f.account_id is null then 'only the independent fold has it: ' || ({wanted})::text \
                     else coalesce((select string_agg(w.key || ' is ' || (f.value)::text || ', not ' || (w.value)::text, '; ') \
                                    from jsonb_each({wanted}) w join jsonb_each({found}) f using (key) \
                                    where w.value <> f.value), '') end \
         from {expected} e full join {table} f on f.account_id = e.account_id and f.{key} = e.{key} \
         where e.account_id is null or f.account_id is null or {wanted} <> {found} order by 1",
        what = if table.starts_with('(') { "turn" } else { table },
        wanted = shown("e"),
        found = shown("f"),
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_fold_agrees_on_random_accounts() {
    let number =
        |variable: &str, usual: u64| std::env::var(variable).map_or(usual, |text| text.parse().unwrap());
    let first = number("CHATLEDGER_SEED", 1);
    let database = database().await;
    let pool = database.pool();
    let rules = rules(0);
    let mut bots = Vec::new();
    let (account_rules, hours) = {
        let of = rules.of("a1").clone();
        let hours = of.hours.clone().unwrap();
        (of, hours)
    };
    // One account for each seed, all in one database: accounts never meet.
    let accounts: std::collections::BTreeMap<String, u64> = (first
        ..first + number("CHATLEDGER_INDEPENDENT", 60))
        .map(|seed| (format!("seed{seed}"), seed))
        .collect();
    let all = accounts.keys().map(|name| (name.clone(), account_rules.clone()));
    let all = projection::Rules::new(all.collect());
    for (name, seed) in &accounts {
        let ids = DeliveryIds::seeded(*seed);
        let mut transaction = store::begin(&pool).await.unwrap();
        store::folding::join_generation(&mut transaction).await.unwrap();
        store::report::calendar::replace(&mut transaction, name, hours.in_force(), hours.intervals())
            .await
            .unwrap();
        let told = account(&mut Chance::new(*seed), Size::SMALL);
        let deliveries = told.iter().map(|telling| delivery(name, telling, &ids));
        let facts = deliveries.flat_map(|delivery| {
            let decoded = projection::decode::decode(&delivery, &account_rules);
            let account = delivery.account;
            decoded.observations.into_iter().map(move |o| store::facts::FactRow::new(&account, o).unwrap())
        });
        store::facts::insert(&mut transaction, &facts.collect::<Vec<_>>()).await.unwrap();
        store::commit(transaction).await.unwrap();
        bots.extend(BOTS.iter().map(|bot| (name.clone(), bot.to_string())));
    }
    while projection::runner::fold_marked(&pool, &all, 400).await.unwrap().subjects > 0 {}
    let differences = differences(&pool, ZONE.name(), &bots).await;
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(40)].join("\n")
    );
}
