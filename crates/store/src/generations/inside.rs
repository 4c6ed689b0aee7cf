//! What others made inside of our schema: it moves with the tables, so it is named, and never dropped with them.

use sqlx::{FromRow, PgConnection};

use crate::{LIVE, StoreError};

/// An object in a generation that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(super) struct Foreign {
    kind: String,
    name: String,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// What is in `schema` and has nothing of its name in `ours`, which only migrations have made: by kind and name.
pub(super) async fn foreign(
    connection: &mut PgConnection,
    schema: &str,
    ours: &str,
) -> Result<Vec<Foreign>, StoreError> {
    Ok(sqlx::query_as(include_str!("inside.sql")).bind(schema).bind(ours).fetch_all(connection).await?)
}

/// Refuses to drop a generation that holds what is not ours.
pub(super) async fn check(connection: &mut PgConnection, schema: &'static str) -> Result<(), StoreError> {
    let foreign = foreign(connection, schema, LIVE).await?;
    if foreign.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = foreign.iter().map(ToString::to_string).collect();
    Err(StoreError::Refused(format!(
        "schema {schema} also holds what is not ours: {}. Keep tables and types with `alter … set schema {LIVE}`, make views and \
         functions anew there, drop what is left in {schema}, and run it again",
        names.join(", ")
    )))
}
