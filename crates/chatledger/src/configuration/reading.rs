//! From the merged table to typed sections, with every problem found on the way.
//!
//! serde stops at its first error. So: note the error, take the value out, read again, until it reads.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::Value;

use super::problem::{Problem, nearest};
use super::source::{Path, Source, Step};

/// More errors than anybody wants to read at once.
const MOST: usize = 100;

/// Sections of the design that this version does not have yet.
const LATER: [&str; 2] = ["export", "dashboard"];

/// Keys of LiveChat accounts, which this version does not have yet.
const LIVECHAT: [&str; 8] = [
    "organization_id",
    "client_id",
    "configuration_url",
    "region",
    "oauth_client_secret_env",
    "oauth_refresh_token_file",
    "webhook_secret_env",
    "second_webhook_secret_env",
];

/// Reads the whole table as `T`, whose every field has a default. Values that do not fit are taken out of
/// `source.table` and noted.
pub(crate) fn read<T: DeserializeOwned + Default>(source: &mut Source, problems: &mut Vec<Problem>) -> T {
    while problems.len() < MOST {
        let error = match serde_path_to_error::deserialize::<_, T>(Value::Table(source.table.clone())) {
            Ok(read) => return read,
            Err(error) => error,
        };
        let path = steps(error.path());
        let is_unknown = error.inner().message().starts_with("unknown field");
        if !is_unknown && reread(source, &path, error.inner().message()) {
            continue;
        }
        problems.push(Problem {
            origin: source.origin(&path),
            key: source.key(&path),
            what: explain(error.inner().message(), &path),
        });
        if !take_out(&mut source.table, &path) {
            break;
        }
    }
    T::default()
}

fn steps(path: &serde_path_to_error::Path) -> Path {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// A text from the environment that does not fit may be TOML, or where a list is wanted, texts with commas. Done once:
/// what it becomes is no text any more.
fn reread(source: &mut Source, path: &[Step], message: &str) -> bool {
    if source.variable(path).is_none() {
        return false;
    }
    let Some(value) = at(&mut source.table, path) else { return false };
    let Value::String(text) = value else { return false };
    let as_toml = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    let as_toml = as_toml.and_then(|mut table| table.remove("value"));
    *value = if message.contains("expected a sequence") && !as_toml.as_ref().is_some_and(Value::is_array) {
        Value::Array(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect())
    } else {
        match as_toml {
            Some(read) if !read.is_str() => read,
            _ => return false,
        }
    };
    true
}

fn at<'a>(table: &'a mut toml::Table, path: &[Step]) -> Option<&'a mut Value> {
    let (Step::Key(first), rest) = path.split_first()? else { return None };
    rest.iter().try_fold(table.get_mut(first)?, |value, step| match step {
        Step::Key(key) => value.get_mut(key.as_str()),
        Step::Index(index) => value.get_mut(*index),
    })
}

/// Removes the value at `path`; of a list that holds a wrong entry, the list, so that the others keep their numbers.
fn take_out(table: &mut toml::Table, path: &[Step]) -> bool {
    let Some(last_key) = path.iter().rposition(|step| matches!(step, Step::Key(_))) else { return false };
    let (parents, Step::Key(key)) = (&path[..last_key], &path[last_key]) else { return false };
    if parents.is_empty() {
        return table.remove(key).is_some();
    }
    at(table, parents).and_then(Value::as_table_mut).is_some_and(|parent| parent.remove(key).is_some())
}

/// serde's words as a person's. Values are never repeated: one of them may be a secret in the wrong place.
fn explain(message: &str, path: &[Step]) -> String {
    let known: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") {
        return explain_unknown(path, known.get(1..).unwrap_or_default());
    }
    if message.starts_with("unknown variant") {
        let (written, words) = known.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let hint = nearest(written, words.iter().copied())
            .map_or_else(String::new, |word| format!(" (did you mean {word:?}?)"));
        return format!("must be one of {}{hint}", words.join(", "));
    }
    let wanted = message.rsplit_once("expected ").map_or("", |(_, wanted)| wanted.trim());
    match wanted.split([' ', '\n']).next().unwrap_or_default() {
        "" => message.to_owned(),
        "a" if wanted.starts_with("a sequence") => "must be a list: [\"…\", \"…\"]".to_owned(),
        "a" if wanted.starts_with("a string") => "must be a text in quotes".to_owned(),
        "a" if wanted.starts_with("a boolean") => "must be true or false".to_owned(),
        "u16" | "u32" | "u64" | "usize" | "i64" => "must be a whole number, 0 or greater".to_owned(),
        "f64" => "must be a number".to_owned(),
        "struct" | "map" => "must be a table".to_owned(),
        _ => format!("must be {wanted}"),
    }
}

fn explain_unknown(path: &[Step], known: &[&str]) -> String {
    let Some(Step::Key(key)) = path.last() else { return "unknown key; remove it".to_owned() };
    if path.len() == 1 && LATER.contains(&key.as_str()) {
        return "this section comes with a later version; remove it".to_owned();
    }
    if path.len() == 3 && LIVECHAT.contains(&key.as_str()) {
        return "LiveChat accounts come with a later version; remove it".to_owned();
    }
    let by_reference = [format!("{key}_env"), format!("{key}_file")];
    if known.contains(&by_reference[0].as_str()) {
        return format!(
            "secrets are not written here; name where it is: {} = \"VARIABLE\" or {} = \"path\"",
            by_reference[0], by_reference[1]
        );
    }
    let noun = if path.len() == 1 { "section" } else { "key" };
    match nearest(key, known.iter().copied()) {
        Some(meant) => format!("unknown {noun}; did you mean {meant:?}?"),
        None => format!("unknown {noun}; known are {}", known.join(", ")),
    }
}
