//! A trace as people and programs read it.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Delivery, Trace};
use crate::report::text::{short, table};

/// Of a body a person is shown at most so many characters; programs get all of it.
const BODY: usize = 4_000;

/// How a trace is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// The whole text, ending with a line's end.
///
/// # Errors
/// When a value cannot be written.
pub(crate) fn written(traces: &[Trace], format: Format) -> anyhow::Result<String> {
    match format {
        Format::Json => Ok(format!("{}\n", serde_json::to_string_pretty(traces)?)),
        Format::Table => Ok(traces.iter().map(people).collect::<Vec<_>>().join("\n")),
    }
}

fn people(trace: &Trace) -> String {
    let mut text = format!("{} {} of {}\n", trace.what, trace.key, trace.account);
    for row in &trace.rows {
        text.push('\n');
        text.push_str(&columns(row));
    }
    if !trace.told_by.is_empty() {
        text.push_str("\nTold by\n\n");
        let rows = trace.told_by.iter().map(|telling| {
            [
                telling.received_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                telling.kind.clone(),
                short(&telling.fact_key, 34),
                telling.delivery_id.to_string(),
            ]
        });
        let _ = writeln!(text, "{}", table(["received (UTC)", "fact", "key", "delivery"], 4, rows.collect()));
    }
    text.push_str("\nAs it came\n");
    for delivery in &trace.deliveries {
        text.push_str(&body(delivery));
    }
    if trace.deliveries_left_out > 0 {
        let _ = writeln!(
            text,
            "\n({} more between the first and the last; --deliveries N shows more)",
            trace.deliveries_left_out
        );
    }
    for (title, rows) in [("Escalations", &trace.escalations), ("In CRMs", &trace.crm_links)] {
        if !rows.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        for row in rows {
            text.push('\n');
            text.push_str(&columns(row));
        }
    }
    if !trace.effects.is_empty() {
        text.push_str("\nSent\n\n");
        let rows = trace.effects.iter().map(|effect| {
            [
                effect.intended_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                effect.target.clone(),
                effect.status.clone(),
                effect.attempts.to_string(),
                short(&effect.effect_key, 44),
            ]
        });
        let header = ["intended (UTC)", "to", "status", "failed", "effect"];
        let _ = writeln!(text, "{}", table(header, 5, rows.collect()));
    }
    text
}

/// The columns of a row that hold something.
fn columns(row: &Value) -> String {
    let mut text = String::new();
    let columns = row.as_object().into_iter().flatten();
    for (name, value) in columns.filter(|(name, value)| !value.is_null() && name.as_str() != "row_hash") {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(text, "  {name:<26} {}", short(&value, 70));
    }
    text
}

fn body(delivery: &Delivery) -> String {
    let Some(found) = &delivery.found else {
        return format!("\n{}: not in the log any more\n", delivery.id);
    };
    let page = found.page.as_ref().map_or_else(String::new, |page| format!(", a part of {page}"));
    let mut text = format!(
        "\n{}: {} of {}, partition {}, offset {}, {} bytes{page}\n  {}\n",
        delivery.id,
        found.road,
        found.received_at.format("%Y-%m-%d %H:%M:%S%.3f UTC"),
        found.partition,
        found.offset,
        found.bytes,
        short(&found.body, BODY),
    );
    if found.body.chars().count() > BODY {
        text.push_str("  (--format json gives all of it)\n");
    }
    text
}
