//! The output: figures with ratios, and facts beside them.

use std::fmt::Write as _;
use std::str::FromStr;

use serde_json::{Value, json};

/// How the output is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
}

impl FromStr for Format {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            other => anyhow::bail!("--format {other}: table or json"),
        }
    }
}

/// Our speed and the baseline's, in events a second.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) baseline: f64,
    /// What the baseline is, and what else must be known to read the ratio.
    pub(crate) against: String,
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Value,
    notes: Vec<String>,
    figures: Vec<Figure>,
    facts: Vec<(String, Value)>,
}

impl Report {
    pub(crate) fn new(machine: Value) -> Self {
        Self { machine, notes: Vec::new(), figures: Vec::new(), facts: Vec::new() }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn figure(&mut self, figure: Figure) {
        crate::say(&format!(
            "{}: {:.0}/s, baseline {:.0}/s, ratio {:.2}",
            figure.name,
            figure.ours,
            figure.baseline,
            figure.ours / figure.baseline
        ));
        self.figures.push(figure);
    }

    pub(crate) fn fact(&mut self, name: &str, value: Value) {
        self.facts.push((name.to_owned(), value));
    }

    pub(crate) fn written(&self, format: Format) -> anyhow::Result<String> {
        match format {
            Format::Json => Ok(serde_json::to_string_pretty(&self.json())? + "\n"),
            Format::Table => self.table(),
        }
    }

    fn json(&self) -> Value {
        let figure = |f: &Figure| {
            json!({"name": f.name, "events_per_second": f.ours, "baseline_per_second": f.baseline,
                   "ratio": f.ours / f.baseline, "baseline": f.against})
        };
        let facts: serde_json::Map<String, Value> = self.facts.iter().cloned().collect();
        json!({"machine": self.machine, "notes": self.notes,
               "figures": self.figures.iter().map(figure).collect::<Vec<_>>(), "facts": facts})
    }

    /// Markdown, so that it can be put into docs/performance.md as it is.
    fn table(&self) -> anyhow::Result<String> {
        let mut out = String::new();
        writeln!(out, "Machine: {}\n", self.machine)?;
        for note in &self.notes {
            writeln!(out, "{note}\n")?;
        }
        writeln!(out, "| what | ours, events/s | baseline, events/s | ratio | baseline and batches |")?;
        writeln!(out, "|---|---:|---:|---:|---|")?;
        for f in &self.figures {
            let (ours, baseline, ratio) = (f.ours, f.baseline, f.ours / f.baseline);
            writeln!(out, "| {} | {ours:.0} | {baseline:.0} | {ratio:.2} | {} |", f.name, f.against)?;
        }
        for (name, value) in &self.facts {
            writeln!(out, "\n**{name}**\n")?;
            match value {
                Value::Object(fields) => {
                    for (field, value) in fields {
                        write_field(&mut out, field, value)?;
                    }
                }
                other => writeln!(out, "{other}")?,
            }
        }
        Ok(out)
    }
}

fn write_field(out: &mut String, field: &str, value: &Value) -> anyhow::Result<()> {
    match value {
        Value::Array(lines) => {
            writeln!(out, "- {field}:")?;
            for line in lines {
                writeln!(out, "  - {}", line.as_str().map_or_else(|| line.to_string(), str::to_owned))?;
            }
        }
        Value::String(text) => writeln!(out, "- {field}: {text}")?,
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(number) => writeln!(out, "- {field}: {number:.2}")?,
            None => writeln!(out, "- {field}: {number}")?,
        },
        other => writeln!(out, "- {field}: {other}")?,
    }
    Ok(())
}
