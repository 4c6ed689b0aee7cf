//! What the next generation says differently: by table and account, rows that only one has and rows whose hash differs.

use sqlx::{PgConnection, PgPool};

use super::NEXT;
use crate::{LIVE, StoreError};

/// Examples that are kept of each table and account.
const EXAMPLES: i32 = 3;

/// One table of one account.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct TableDiff {
    /// The table.
    pub table: String,
    /// The account.
    pub account_id: String,
    /// Rows in the live generation.
    pub live: i64,
    /// Rows in the next one.
    pub next: i64,
    /// Rows that only the live one has.
    pub only_live: i64,
    /// Rows that only the next one has.
    pub only_next: i64,
    /// Rows of one key that say something else.
    pub differing: i64,
    /// Keys of the first of them.
    pub examples: Vec<String>,
}

impl TableDiff {
    /// Whether both say the same.
    pub fn is_same(&self) -> bool {
        self.only_live == 0 && self.only_next == 0 && self.differing == 0
    }
}

/// A table whose rows have a hash, with the columns of its key.
type Keyed = (String, Vec<String>);

/// Compares all tables whose rows have a hash, and the accounting. Sees one moment: what is on its way to either is a
/// difference for as long as it takes.
pub async fn all(next: &PgPool) -> Result<Vec<TableDiff>, StoreError> {
    let mut snapshot = crate::snapshot(next).await?;
    let tables: Vec<Keyed> = sqlx::query_as(
        "select c.relname::text, array_agg(a.attname::text order by k.n) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         join pg_index x on x.indrelid = c.oid and x.indisprimary \
         cross join lateral unnest(x.indkey::int2[]) with ordinality as k (attnum, n) \
         join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum \
         where n.nspname = $1 and c.relkind = 'r' \
           and exists (select from pg_attribute h where h.attrelid = c.oid and h.attname = 'row_hash') \
           and exists (select from pg_attribute h where h.attrelid = to_regclass(format('%I.%I', $2::text, c.relname)) \
                                                    and h.attname = 'row_hash') \
         group by c.relname order by c.relname",
    )
    .bind(NEXT)
    .bind(LIVE)
    .fetch_all(&mut *snapshot)
    .await?;
    let mut found = Vec::new();
    for (table, key) in &tables {
        found.extend(compare(&mut snapshot, table, key, "row_hash").await?);
    }
    // Which copy came first, `facts_unchanged`, depends on order; all else does not.
    let key = ["account_id", "road", "day", "partition"].map(str::to_owned);
    let said = "(appended, decoded, partly_rejected, rejected, erased, facts)";
    found.extend(compare(&mut snapshot, "accounting", &key, said).await?);
    Ok(found)
}

async fn compare(
    connection: &mut PgConnection,
    table: &str,
    key: &[String],
    said: &str,
) -> Result<Vec<TableDiff>, StoreError> {
    let qualified = |alias: &str, said: &str| {
        said.replace('(', &format!("({alias}.")).replace(", ", &format!(", {alias}."))
    };
    let said = |alias: &str| match said.starts_with('(') {
        true => qualified(alias, said),
        false => format!("{alias}.{said}"),
    };
    let columns = key.join(", ");
    let text: Vec<String> =
        key.iter().filter(|column| *column != "account_id").map(|c| format!("{c}::text")).collect();
    let text = if text.is_empty() { "''".to_owned() } else { text.join(" || '#' || ") };
    let (l, n) = (said("l"), said("n"));
    let statement = format!(
        "with both_of as ( \
             select account_id, {text} as key, l.here is not null as in_live, n.here is not null as in_next, \
                    l.here is not null and n.here is not null and {l} is distinct from {n} as differs \
             from (select *, true as here from {LIVE}.{table}) l \
             full join (select *, true as here from {NEXT}.{table}) n using ({columns})), \
         counted as ( \
             select account_id, count(*) filter (where in_live) as live, count(*) filter (where in_next) as next, \
                    count(*) filter (where not in_next) as only_live, count(*) filter (where not in_live) as only_next, \
                    count(*) filter (where differs) as differing \
             from both_of group by account_id) \
         select $1 as table, c.*, \
                case when only_live + only_next + differing = 0 then '{{}}' else array( \
                    select b.key from both_of b where b.account_id = c.account_id \
                      and (b.differs or not b.in_live or not b.in_next) order by b.key limit $2) end as examples \
         from counted c order by account_id"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(table)
        .bind(EXAMPLES)
        .fetch_all(connection)
        .await?)
}
