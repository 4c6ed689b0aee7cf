//! What others made on the tables: their views follow, what cannot is named, nothing is dropped; grants are kept.

use super::*;

async fn run(pool: &PgPool, statements: &'static str) {
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

/// Which schemas a view reads.
async fn reads(pool: &PgPool, view: &str) -> Vec<String> {
    sqlx::query_scalar(
        "select distinct n.nspname::text from pg_rewrite r \
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid \
         join pg_class c on c.oid = d.refobjid and d.refclassid = 'pg_class'::regclass and c.oid <> r.ev_class \
         join pg_namespace n on n.oid = c.relnamespace where r.ev_class = to_regclass($1)::oid order by 1",
    )
    .bind(view)
    .fetch_all(pool)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_views_read_the_new_tables_and_what_cannot_is_named_and_kept() {
    let scene = Scene::projected(4).await;
    let pool = &scene.pool;
    run(
        pool,
        "create schema bi;
         create view bi.waits with (security_barrier) as select account_id, count(*) as n from chat.requests group by 1;
         create view bi.waits_of_waits as select * from bi.waits;
         create view bi.hours as select chat.business_seconds('acme', now(), now()) as seconds;
         create table chat.notes (note text);
         create view bi.notes as select note from chat.notes;
         create materialized view bi.totals as select count(*) as n from chat.report_requests;
         create function bi.messages() returns bigint language sql begin atomic select count(*) from chat.messages; end;",
    )
    .await;
    let before: i64 = scene.count("select n from bi.waits").await;
    let switched = scene.switched().await;
    assert_eq!(switched.remade, ["bi.hours", "bi.waits"]);
    let left: Vec<&str> = switched.left.iter().map(|left| &*left.what).collect();
    assert_eq!(left, ["function bi.messages", "materialised view bi.totals", "view bi.notes"]);
    assert!(switched.left[2].why.contains("chat.notes"), "{}", switched.left[2].why);

    assert_eq!(reads(pool, "bi.waits").await, ["chat"]);
    assert_eq!(reads(pool, "bi.notes").await, ["chat_old"]);
    let options: Vec<String> =
        sqlx::query_scalar("select unnest(reloptions) from pg_class where oid = 'bi.waits'::regclass")
            .fetch_all(pool)
            .await
            .unwrap();
    assert_eq!(options, ["security_barrier=true"]);
    assert_eq!(scene.count("select n from bi.waits_of_waits").await, before);

    // The generation before is not dropped as long as somebody reads it; the next rebuild says so at once.
    let refused =
        store::generations::drop_schema(pool, store::generations::OLD).await.unwrap_err().to_string();
    for name in ["function bi.messages", "materialised view bi.totals", "view bi.notes"] {
        assert!(refused.contains(name), "{refused}");
    }
    let refused = scene.compared(false).await.unwrap_err().to_string();
    assert!(refused.contains("still reads schema chat_old"), "{refused}");
    run(pool, "drop materialized view bi.totals; drop function bi.messages(); drop view bi.notes; drop table chat_old.notes").await;
    store::generations::drop_schema(pool, store::generations::OLD).await.unwrap();
    assert_eq!(scene.count("select count(*) from pg_namespace where nspname = 'chat_old'").await, 0);
    assert_eq!(scene.count("select n from bi.waits").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_those_of_the_tables_before() {
    let scene = Scene::projected(5).await;
    // Roles belong to the server, which tests share.
    let database: String =
        sqlx::query_scalar("select current_database()").fetch_one(&scene.pool).await.unwrap();
    let role = format!("reader_of_{database}");
    let grants = format!(
        "create role {role};
         grant usage on schema chat to {role};
         grant select on chat.requests, chat.report_requests to {role} with grant option;
         grant select (client_id, display_name) on chat.clients to {role};
         grant select on chat.turns to public;
         revoke execute on function chat.business_seconds(text, timestamptz, timestamptz) from public;
         grant execute on function chat.business_seconds(text, timestamptz, timestamptz) to {role};
         alter default privileges in schema chat grant select on tables to {role};"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(grants)).execute(&scene.pool).await.unwrap();
    let granted = async || {
        let rows: Vec<String> = sqlx::query_scalar(
            "select format('%s %s', c.relname, a) from pg_class c, unnest(c.relacl) a \
             where c.relnamespace = 'chat'::regnamespace \
             union all select format('%s.%s %s', c.relname, t.attname, t.attacl) from pg_class c \
             join pg_attribute t on t.attrelid = c.oid and t.attacl is not null where c.relnamespace = 'chat'::regnamespace \
             union all select format('%s %s', p.proname, array(select x::text from unnest(p.proacl) x order by 1)) \
             from pg_proc p where p.pronamespace = 'chat'::regnamespace and p.proname = 'business_seconds' \
             union all select format('schema %s', array(select x::text from unnest(nspacl) x order by 1)) \
             from pg_namespace where nspname = 'chat' \
             union all select format('default %s %s', defaclobjtype, defaclacl) from pg_default_acl \
             where defaclnamespace = 'chat'::regnamespace order by 1",
        )
        .fetch_all(&scene.pool)
        .await
        .unwrap();
        rows
    };
    let before = granted().await;
    assert!(before.iter().filter(|grant| grant.contains(&role)).count() >= 6, "{before:?}");
    let switched = scene.switched().await;
    assert_eq!(switched.left, []);
    assert_eq!(granted().await, before);
}
