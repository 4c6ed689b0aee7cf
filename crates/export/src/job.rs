//! What a run is told, and what it tells.

use std::sync::Arc;

use serde::Serialize;
use store::PgPool;

use crate::Personal;
use crate::dataset::DATASETS;
use crate::plan::{Days, Plan};
use crate::target::Target;

/// An account whose rows leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The name of its zone in the time zone database: its local days.
    pub zone: String,
}

/// What to export, and where to.
#[derive(Debug)]
pub struct Job<'a> {
    /// The tables. Two connections are used.
    pub pool: &'a PgPool,
    /// Where to.
    pub target: Arc<Target>,
    /// Whose rows.
    pub accounts: &'a [Account],
    /// What becomes of personal columns.
    pub personal: Personal,
    /// The days that may change. Snapshots, which have no day, always may.
    pub days: Days,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is written now.
    pub dataset: &'static str,
    /// Rows written.
    pub rows: u64,
    /// Rows to write in all.
    pub rows_total: u64,
    /// Objects written.
    pub objects: u64,
    /// Objects to write in all.
    pub objects_total: u64,
}

/// What became of one dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatasetSummary {
    /// Its name.
    pub dataset: &'static str,
    /// Objects written.
    pub written: u64,
    /// Objects that were as they should be.
    pub unchanged: u64,
    /// Objects taken away: nothing is left of their day.
    pub removed: u64,
    /// Objects that are not as they should be, of days that this run was told to leave alone.
    pub outdated: u64,
    /// Rows written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The target.
    pub target: String,
    /// Each dataset, in the order of [`DATASETS`].
    pub datasets: Vec<DatasetSummary>,
    /// Accounts that have rows and are not configured: their rows were left out.
    pub accounts_left_out: Vec<String>,
    /// Objects in our layout that this database did not write. They were left alone; readers see them.
    pub strangers: Vec<String>,
}

impl Summary {
    /// Of what is planned, before any of it is done.
    pub(crate) fn before(plan: &Plan) -> Self {
        let datasets = DATASETS.iter().enumerate().map(|(place, dataset)| DatasetSummary {
            dataset: dataset.name(),
            unchanged: plan.unchanged[place],
            outdated: plan.outdated[place],
            ..DatasetSummary::default()
        });
        Summary { datasets: datasets.collect(), strangers: plan.strangers.clone(), ..Summary::default() }
    }

    /// True when nothing had to be written or removed.
    pub fn is_unchanged(&self) -> bool {
        self.datasets.iter().all(|dataset| dataset.written + dataset.removed == 0)
    }
}
