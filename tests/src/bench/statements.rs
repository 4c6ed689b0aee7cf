//! Which statement takes how long: sqlx tells each one's time as a trace event; these are summed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

/// Calls and seconds by statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements(Arc<Mutex<HashMap<String, (u64, f64)>>>);

impl Statements {
    /// Listens from now on, in this whole process.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let statements = Self::default();
        tracing::subscriber::set_global_default(statements.clone())?;
        Ok(statements)
    }

    /// All seconds so far.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(|(_, seconds)| seconds).sum()
    }

    /// One line a statement, the most expensive first.
    pub(crate) fn lines(&self, most: usize) -> Vec<String> {
        let sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<_> = sums.iter().collect();
        lines.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
        lines
            .iter()
            .take(most)
            .map(|(text, (calls, seconds))| {
                format!(
                    "{seconds:.2} s in {calls} calls ({:.2} ms each): `{text}`",
                    seconds * 1000.0 / *calls as f64
                )
            })
            .collect()
    }
}

#[derive(Default)]
struct Told {
    text: String,
    seconds: f64,
}

impl Visit for Told {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.seconds = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" && self.text.is_empty()
            || field.name() == "db.statement" && !value.is_empty()
        {
            let words: Vec<&str> = value.split_whitespace().collect();
            self.text = words.join(" ").chars().take(110).collect();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Statements {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, event: &Event<'_>) {
        let mut told = Told::default();
        event.record(&mut told);
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = sums.entry(told.text).or_default();
        sum.0 += 1;
        sum.1 += told.seconds;
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
