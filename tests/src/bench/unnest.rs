//! The baseline of the projection: the finished rows, written with UNNEST into every table that is written.
//!
//! What no projection can beat as long as it writes these rows to these tables with these indexes: nothing is decoded,
//! read, compared or written twice.

use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sqlx::postgres::PgRow;
use sqlx::query::Query;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _};

/// Every table of schema `chat` that a projection leaves rows in.
const TABLES: [&str; 19] = [
    "facts",
    "links",
    "messages",
    "dialogs",
    "requests",
    "turns",
    "assignments",
    "request_tags",
    "tag_scores",
    "fold_states",
    "clients",
    "leads",
    "operators",
    "operator_groups",
    "channels",
    "tags",
    "rejects",
    "accounting",
    "positions",
];

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) seconds: f64,
    pub(crate) rows: usize,
    pub(crate) tables: Value,
}

/// Reads the rows of `from` and writes them to `to`, in so many transactions of equal size.
pub(crate) async fn measure(from: &PgPool, to: &PgPool, batches: usize) -> anyhow::Result<Written> {
    let mut tables = Vec::new();
    for name in TABLES {
        tables.push(Table::read(from, name).await?);
    }
    let started = Instant::now();
    for batch in 0..batches {
        let mut transaction = to.begin().await?;
        // As the projection commits: what the log can tell again need not wait for the disk.
        sqlx::query("set local synchronous_commit = off").execute(&mut *transaction).await?;
        for table in &tables {
            let (first, last) = (table.rows * batch / batches, table.rows * (batch + 1) / batches);
            if first < last {
                table.insert(first, last).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let counts: serde_json::Map<_, _> =
        tables.iter().map(|table| (table.name.to_owned(), json!(table.rows))).collect();
    Ok(Written { seconds, rows: tables.iter().map(|table| table.rows).sum(), tables: counts.into() })
}

/// A table's rows, column by column.
struct Table {
    name: &'static str,
    rows: usize,
    columns: Vec<Column>,
    insert: String,
}

enum Column {
    Text(Vec<Option<String>>),
    Big(Vec<Option<i64>>),
    Integer(Vec<Option<i32>>),
    Small(Vec<Option<i16>>),
    Double(Vec<Option<f64>>),
    Boolean(Vec<Option<bool>>),
    Time(Vec<Option<DateTime<Utc>>>),
    Day(Vec<Option<NaiveDate>>),
    Uuid(Vec<Option<Uuid>>),
}

impl Table {
    async fn read(pool: &PgPool, name: &'static str) -> anyhow::Result<Self> {
        let columns: Vec<(String, String)> = sqlx::query_as(
            "select attname::text, format_type(atttypid, atttypmod) from pg_attribute \
             where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum",
        )
        .bind(name)
        .fetch_all(pool)
        .await?;
        // Arrays and JSON travel as text: UNNEST would flatten the one and sqlx types neither.
        let plain = |kind: &str| !matches!(kind, "jsonb" | "json" | "text[]");
        let shown: Vec<String> = columns
            .iter()
            .map(|(column, kind)| {
                match kind.as_str() {
                    // `infinity` is no time in Rust: another late one costs the server the same.
                    "timestamp with time zone" => format!("least({column}, '9999-01-01') as {column}"),
                    kind if plain(kind) => column.clone(),
                    _ => format!("{column}::text as {column}"),
                }
            })
            .collect();
        // In the order in which they lie there: the baseline finds its indexes as warm as we did.
        let select = format!("select {} from {name} order by ctid", shown.join(", "));
        let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(pool).await?;
        let mut insert = (Vec::new(), Vec::new(), Vec::new());
        let mut read = Vec::new();
        for (place, (column, kind)) in columns.iter().enumerate() {
            let sent = if plain(kind) { kind.as_str() } else { "text" };
            insert.0.push(format!("{column}::{kind}"));
            insert.1.push(format!("${}::{sent}[]", place + 1));
            insert.2.push(column.clone());
            read.push(Column::read(&rows, column, kind)?);
        }
        let names = insert.2.join(", ");
        let insert = format!(
            "insert into {name} ({names}) select {} from unnest({}) as rows ({names})",
            insert.0.join(", "),
            insert.1.join(", ")
        );
        Ok(Self { name, rows: rows.len(), columns: read, insert })
    }

    fn insert(&self, first: usize, last: usize) -> Query<'_, Postgres, sqlx::postgres::PgArguments> {
        let mut query = sqlx::query(AssertSqlSafe(self.insert.clone()));
        for column in &self.columns {
            query = match column {
                Column::Text(values) => query.bind(&values[first..last]),
                Column::Big(values) => query.bind(&values[first..last]),
                Column::Integer(values) => query.bind(&values[first..last]),
                Column::Small(values) => query.bind(&values[first..last]),
                Column::Double(values) => query.bind(&values[first..last]),
                Column::Boolean(values) => query.bind(&values[first..last]),
                Column::Time(values) => query.bind(&values[first..last]),
                Column::Day(values) => query.bind(&values[first..last]),
                Column::Uuid(values) => query.bind(&values[first..last]),
            };
        }
        query
    }
}

impl Column {
    fn read(rows: &[PgRow], name: &str, kind: &str) -> anyhow::Result<Self> {
        Ok(match kind {
            "bigint" => Self::Big(values(rows, name)?),
            "integer" => Self::Integer(values(rows, name)?),
            "smallint" => Self::Small(values(rows, name)?),
            "double precision" => Self::Double(values(rows, name)?),
            "boolean" => Self::Boolean(values(rows, name)?),
            "timestamp with time zone" => Self::Time(values(rows, name)?),
            "date" => Self::Day(values(rows, name)?),
            "uuid" => Self::Uuid(values(rows, name)?),
            "text" | "text[]" | "jsonb" | "json" => Self::Text(values(rows, name)?),
            other => anyhow::bail!("column {name}: the bench does not know type {other}"),
        })
    }
}

fn values<'r, T>(rows: &'r [PgRow], name: &str) -> anyhow::Result<Vec<Option<T>>>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    rows.iter().map(|row| Ok(row.try_get(name)?)).collect()
}
