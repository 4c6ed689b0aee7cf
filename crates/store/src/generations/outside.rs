//! What others made on a generation: views and the like outside of our schemas. Never dropped.

use sqlx::{FromRow, PgConnection};

use crate::StoreError;

/// An object outside of a generation that depends on something in it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct Dependent {
    /// `view`, `materialised view`, `function`, `constraint`, `trigger`, `publication`, or the catalogue's own word.
    pub kind: String,
    /// Its name, with its schema.
    pub name: String,
    #[serde(skip)]
    oid: i64,
}

impl std::fmt::Display for Dependent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl Dependent {
    /// Whether it can be made anew by its text alone.
    pub(super) fn is_view(&self) -> bool {
        self.kind == "view"
    }

    /// Whether it is a thing of its own, and not a part of our table that goes where the table goes.
    pub fn is_outside(&self) -> bool {
        !matches!(&*self.kind, "trigger" | "policy" | "publication")
    }
}

/// What depends on objects of `schema` from outside of it, each once, by name.
pub(super) async fn dependents(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<Vec<Dependent>, StoreError> {
    Ok(sqlx::query_as(include_str!("outside.sql")).bind(schema).fetch_all(connection).await?)
}

/// How a plain view is made anew: its text as of now, with every name in full.
pub(super) async fn definition(
    connection: &mut PgConnection,
    view: &Dependent,
) -> Result<String, StoreError> {
    // Names are written in full when nothing is on the path.
    sqlx::query("select set_config('search_path', 'pg_catalog', true)").execute(&mut *connection).await?;
    let text: String = sqlx::query_scalar(
        "select format('create or replace view %s%s as %s', $2, \
                       coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', ''), \
                       pg_get_viewdef(c.oid)) \
         from pg_class c where c.oid = $1::bigint::oid",
    )
    .bind(view.oid)
    .bind(&view.name)
    .fetch_one(connection)
    .await?;
    Ok(text)
}
