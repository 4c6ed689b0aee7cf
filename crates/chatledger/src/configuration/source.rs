//! The file and the environment as one table, with the place of each value remembered.
//!
//! `CHATLEDGER__SECTION__KEY` overrides `key` of `[section]`. A list entry is named by its `id` or `name` (a score by its
//! `tag`),
//! or by its number from 0, hyphens written as underscores: `CHATLEDGER__ACCOUNT__ACME_KZ__TIME_ZONE`. An entry that the
//! file does not have is made. A value is a text, or TOML where a text does not fit (`4`, `true`, `["7009"]`),
//! or a list of texts with commas between.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::problem::{Origin, Problem};

/// What environment variables of ours begin with.
pub(crate) const PREFIX: &str = "CHATLEDGER__";

/// Sections that are lists of entries with an id.
const LISTS: [&str; 4] = ["account", "crm", "escalation", "notifier"];

/// The way to a value, from the root.
pub(crate) type Path = Vec<Step>;

/// One step to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A configuration before anybody has judged it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// File and environment, merged.
    pub table: Table,
    lines: BTreeMap<Path, usize>,
    variables: BTreeMap<Path, String>,
}

impl Source {
    /// Reads the file's text and the environment.
    ///
    /// # Errors
    /// When the text is no TOML: all that its parser found.
    pub(crate) fn read(text: &str, environment: &[(String, String)]) -> Result<Self, Vec<Problem>> {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors.iter().map(|error| syntax_problem(text, error)).collect());
        }
        let mut source = Self::default();
        let mut path = Path::new();
        note_lines(parsed.get_ref(), text, &mut path, &mut source.lines);
        source.table = toml::from_str(text).map_err(|error| vec![syntax_problem(text, &error)])?;
        for (name, value) in environment {
            if let Some(rest) = name.strip_prefix(PREFIX) {
                source.overlay(name, rest, value);
            }
        }
        Ok(source)
    }

    /// Where the value at `path`, or the nearest thing around it, stands.
    pub(crate) fn origin(&self, path: &[Step]) -> Origin {
        for length in (1..=path.len()).rev() {
            if let Some(name) = self.variables.get(&path[..length]) {
                return Origin::Variable(name.clone());
            }
            if let Some(line) = self.lines.get(&path[..length]) {
                return Origin::Line(*line);
            }
        }
        Origin::Absent
    }

    /// The environment variable that set exactly this value.
    pub(crate) fn variable(&self, path: &[Step]) -> Option<&str> {
        self.variables.get(path).map(String::as_str)
    }

    /// The key as a person reads it: list entries by their id.
    pub(crate) fn key(&self, path: &[Step]) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut value = None;
        for step in path {
            value = match (step, value) {
                (Step::Key(key), None) => self.table.get(key),
                (Step::Key(key), Some(value)) => Value::get(value, key.as_str()),
                (Step::Index(index), Some(value)) => Value::get(value, *index),
                (Step::Index(_), None) => None,
            };
            words.push(match step {
                Step::Key(key) => key.clone(),
                Step::Index(index) => value.and_then(entry_name).unwrap_or_else(|| index.to_string()),
            });
        }
        words.join(".")
    }

    fn overlay(&mut self, name: &str, rest: &str, value: &str) {
        let mut steps = rest.split("__").map(str::to_lowercase);
        let Some(first) = steps.next() else { return };
        let rest: Vec<String> = steps.collect();
        let mut path = vec![Step::Key(first.clone())];
        if rest.is_empty() {
            self.table.insert(first, Value::String(value.to_owned()));
        } else {
            let is_list = LISTS.contains(&first.as_str());
            let empty = || if is_list { Value::Array(Vec::new()) } else { Value::Table(Table::new()) };
            let section = self.table.entry(first).or_insert_with(empty);
            descend(section, &rest, value, &mut path);
        }
        self.variables.insert(path, name.to_owned());
    }
}

/// Puts `text` where `steps` lead to, making what is missing on the way.
fn descend(into: &mut Value, steps: &[String], text: &str, path: &mut Path) {
    let Some((step, rest)) = steps.split_first() else {
        *into = Value::String(text.to_owned());
        return;
    };
    match into {
        Value::Array(entries) => {
            let found = entries.iter().position(|entry| is_named(entry, step));
            let index = found.or_else(|| step.parse().ok().filter(|index| *index < entries.len()));
            let index = index.unwrap_or_else(|| {
                let id = Value::String(step.replace('_', "-"));
                let is_account = matches!(path.first(), Some(Step::Key(section)) if section == "account");
                let key = if is_account { "id" } else { "name" };
                entries.push(Value::Table(Table::from_iter([(key.to_owned(), id)])));
                entries.len() - 1
            });
            path.push(Step::Index(index));
            descend(&mut entries[index], rest, text, path);
        }
        Value::Table(table) => {
            let written = step.replace('_', "-");
            let key = if !table.contains_key(step) && table.contains_key(&written) {
                written
            } else {
                step.clone()
            };
            path.push(Step::Key(key.clone()));
            let value = table.entry(key).or_insert_with(|| Value::Table(Table::new()));
            descend(value, rest, text, path);
        }
        other => {
            *other = Value::Table(Table::new());
            descend(other, steps, text, path);
        }
    }
}

fn is_named(entry: &Value, step: &str) -> bool {
    entry_name(entry).is_some_and(|name| name.to_lowercase().replace('-', "_") == step)
}

fn entry_name(entry: &Value) -> Option<String> {
    ["id", "name", "tag"].into_iter().find_map(|key| entry.get(key)?.as_str()).map(str::to_owned)
}

fn note_lines(table: &DeTable<'_>, text: &str, path: &mut Path, lines: &mut BTreeMap<Path, usize>) {
    for (key, value) in table {
        path.push(Step::Key(key.get_ref().to_string()));
        lines.insert(path.clone(), line_of(text, key.span().start));
        note_value(value.get_ref(), text, path, lines);
        path.pop();
    }
}

fn note_value(value: &DeValue<'_>, text: &str, path: &mut Path, lines: &mut BTreeMap<Path, usize>) {
    match value {
        DeValue::Table(table) => note_lines(table, text, path, lines),
        DeValue::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                path.push(Step::Index(index));
                lines.insert(path.clone(), line_of(text, entry.span().start));
                note_value(entry.get_ref(), text, path, lines);
                path.pop();
            }
        }
        _ => {}
    }
}

fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let origin = error.span().map_or(Origin::Absent, |span| Origin::Line(line_of(text, span.start)));
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    Problem { origin, key: String::new(), what: format!("not TOML: {what}") }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes().iter().take(byte).filter(|byte| **byte == b'\n').count()
}
