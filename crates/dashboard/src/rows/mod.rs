//! The rows behind a figure: one table, written as HTML, CSV or JSON.

mod cells;
mod reading;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

pub(crate) use cells::shown;

use crate::{DashboardError, words};

/// Rows at most: on a page, and in a file.
pub(crate) struct Most {
    pub(crate) page: i64,
    pub(crate) file: i64,
}

/// Bounds of what is read at once. A table says when there are more.
pub(crate) const MOST: Most = Most { page: 200, file: 20_000 };

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Requests of some days.
    Requests,
    /// Clients who wait now.
    Waiting,
    /// Scores of some days.
    Scores,
    /// Leads and their records.
    Crm,
    /// What could not be decoded.
    Rejects,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Requests, Self::Waiting, Self::Scores, Self::Crm, Self::Rejects];

    /// By its name in an address.
    pub(crate) fn named(name: &str) -> Result<Self, DashboardError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or(DashboardError::Unknown("such list"))
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Waiting => "waiting",
            Self::Scores => "scores",
            Self::Crm => "crm",
            Self::Rejects => "rejects",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Waiting => "Waiting now",
            Self::Scores => "Scores",
            Self::Crm => "Leads in the CRM",
            Self::Rejects => "Rejects",
        }
    }

    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Requests => words::REQUESTS,
            Self::Waiting => words::WAITING,
            Self::Scores => words::SCORES,
            Self::Crm => words::CRM,
            Self::Rejects => words::REJECTS,
        }
    }
}

/// Rows with named columns.
#[derive(Debug)]
pub(crate) struct Table {
    /// Their names, as CSV and JSON have them.
    pub(crate) columns: &'static [&'static str],
    /// A cell for each column.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// How many there are, those that are not here too.
    pub(crate) total: i64,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Not known.
    Nothing,
    /// Of our own or of somebody else's words.
    Text(String),
    /// A number without a unit.
    Number(f64),
    /// A duration.
    Seconds(f64),
    /// An instant.
    Time(DateTime<Utc>),
    /// An address, perhaps.
    Link(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<DateTime<Utc>> for Cell {
    fn from(time: DateTime<Utc>) -> Self {
        Self::Time(time)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl Cell {
    fn json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) | Self::Link(text) => text.as_str().into(),
            Self::Number(number) | Self::Seconds(number) => (*number).into(),
            Self::Time(time) => written(*time).into(),
        }
    }

    fn csv(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            // A spreadsheet would run a client's name as a formula.
            Self::Text(text) | Self::Link(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => {
                format!("'{text}")
            }
            Self::Text(text) | Self::Link(text) => text.clone(),
            Self::Number(number) | Self::Seconds(number) => number.to_string(),
            Self::Time(time) => written(*time),
        }
    }
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

impl Table {
    /// The columns that hold anything, by place, and whether they are figures: a page leaves the empty ones out.
    pub(crate) fn filled(&self) -> Vec<(usize, &'static str, bool)> {
        let cells = |at: usize| self.rows.iter().filter_map(move |row| row.get(at));
        let is_figure = |cell: &Cell| matches!(cell, Cell::Number(_) | Cell::Seconds(_));
        let columns = self.columns.iter().enumerate();
        columns
            .filter(|(at, _)| cells(*at).any(|cell| *cell != Cell::Nothing))
            .map(|(at, name)| (at, *name, cells(at).any(is_figure)))
            .collect()
    }

    /// With a header row.
    pub(crate) fn csv(&self) -> Vec<u8> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        // Nothing can fail: it is written to memory, and every row has as many cells as there are columns.
        let mut written = csv.write_record(self.columns);
        for row in &self.rows {
            written = written.and_then(|()| csv.write_record(row.iter().map(Cell::csv)));
        }
        if let Err(error) = written {
            tracing::error!(error = %error, "rows were not written");
        }
        csv.into_inner().unwrap_or_default()
    }

    /// `total` may be more than there are rows here.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| {
            let cells = self.columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.json()));
            Value::Object(cells.collect::<Map<_, _>>())
        };
        serde_json::json!({ "total": self.total, "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_a_formula_stays_a_text_in_a_spreadsheet() {
        let table = Table {
            columns: &["client", "seconds"],
            rows: vec![
                vec![Cell::from("=HYPERLINK(\"x\")"), Cell::Seconds(-1.5)],
                vec![Cell::from("a,\"b\"\n<c>"), Cell::Nothing],
            ],
            total: 2,
        };
        let csv = String::from_utf8(table.csv()).unwrap();
        assert_eq!(csv, "client,seconds\n\"'=HYPERLINK(\"\"x\"\")\",-1.5\n\"a,\"\"b\"\"\n<c>\",\n");
        assert_eq!(table.json()["rows"][0]["client"], "=HYPERLINK(\"x\")");
    }
}
