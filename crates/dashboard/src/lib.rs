//! The web page: today's numbers, who waits now, low scores, the CRMs and the pipeline, and the rows behind each.
//!
//! Owns: the page, the rows as HTML, CSV and JSON, and `/api/`. Must not know: how a figure comes about (that is
//! `store::report`, the same as the command line's), SQL, vendors, who may see the page: the program decides that.
//!
//! The page is made here, whole, for each request; it needs no JavaScript. The script ([`assets`]) asks for it again
//! every few seconds and changes only what differs. Everything that clients write is hostile: text goes through `maud`,
//! which escapes it, links only lead to `http` and `https`, and the policy of [`headers`] lets no foreign script run.
//!
//! To add a figure: 1. its query in `store::report`, 2. a line in [`figures`], 3. a tile under `page`, with its
//! definition in [`words`] and a link to its rows. To add rows: 1. their query in `store::dashboard`, 2. a kind in
//! [`rows`].

mod asked;
mod assets;
mod error;
mod figures;
mod headers;
mod page;
mod recent;
mod routes;
mod rows;
mod words;
mod written;

use std::sync::Arc;

use chrono_tz::Tz;
use events::{AccountId, Clock};

pub use error::DashboardError;
pub use routes::router;

/// An account as the page names it.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whose days these are.
    pub zone: Tz,
    /// For people.
    pub name: String,
}

/// What the page takes for granted.
#[derive(Clone)]
pub struct Settings {
    /// In this order; the first is shown where none is asked for.
    pub accounts: Vec<Account>,
    /// A first response is within target when it takes at most so many seconds.
    pub target_seconds: f64,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Names of the CRMs that are configured.
    pub crms: Vec<String>,
    /// Deliveries in the log that no projection has read, as measured last; `None`: not known here.
    pub unread: Arc<dyn Fn() -> Option<i64> + Send + Sync>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("accounts", &self.accounts).finish_non_exhaustive()
    }
}
