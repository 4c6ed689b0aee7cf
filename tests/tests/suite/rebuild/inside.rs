//! What others made inside of our schema: named before the switch, and never dropped with the tables before.

use super::program::home_of;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_users_made_inside_of_the_schema_is_named_before_the_switch_and_is_not_dropped() {
    let scene = Scene::projected(14).await;
    let home = home_of(&scene);
    let plain = home.run(&["rebuild", "--diff", "--format", "json"]).await.json();
    assert_eq!(plain["moves"], serde_json::json!([]), "all is ours");
    sqlx::raw_sql(
        "create view chat.waits as select count(*) as n from chat.requests; \
         create table chat.notes (id serial primary key, note text); \
         insert into chat.notes (note) values ('kept'); \
         create materialized view chat.totals as select count(*) as n from chat.messages; \
         create type chat.mood as enum ('good', 'bad'); \
         create function chat.twice(n integer) returns integer language sql as 'select 2 * n'",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
    let names = [
        "function chat.twice(integer)",
        "materialised view chat.totals",
        "table chat.notes",
        "type chat.mood",
        "view chat.waits",
    ];
    let looked = home.run(&["rebuild", "--diff"]).await.succeeded();
    for name in names {
        assert!(looked.stdout.contains(name), "{name}: {}", looked.stdout);
    }
    let told = home.run(&["rebuild", "--format", "json"]).await.json();
    assert_eq!(told["moves"], serde_json::json!(names));

    // With the tables before they would go: neither on request nor because another rebuild begins.
    for arguments in [&["rebuild", "--drop-old"][..], &["rebuild"]] {
        let refused = home.run(arguments).await;
        assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
        for name in names {
            let name = name.replace("chat.", "chat_old.");
            assert!(refused.stderr.contains(&name), "{name}: {}", refused.stderr);
        }
        assert!(refused.stderr.contains("alter"), "{}", refused.stderr);
    }
    assert!(!store::generations::exists(&scene.pool, "chat_next").await.unwrap());
    assert_eq!(scene.count("select count(*) from chat_old.notes").await, 1);

    // What the message says to do.
    sqlx::raw_sql(
        "alter table chat_old.notes set schema chat; alter function chat_old.twice(integer) set schema chat; \
         alter type chat_old.mood set schema chat; drop view chat_old.waits; drop materialized view chat_old.totals",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
    let dropped = home.run(&["rebuild", "--drop-old"]).await.succeeded();
    assert!(dropped.stdout.contains("dropped"), "{}", dropped.stdout);
    assert_eq!(scene.count("select count(*) from chat.notes").await, 1);
}
