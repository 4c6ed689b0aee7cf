//! Each file under tests/fixtures/chat2desk is a test: what it decodes to stands in `snapshots`, to be read like code.
//!
//! A new file, or a change that is meant: `UPDATE_SNAPSHOTS=1 cargo test -p chatledger-tests --test suite decoding`
//! writes the snapshots anew, and `git diff` shows what became of them. One that belongs to no file is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chat2desk::payload::bodies;
use events::{Delivery, Fate, Road};
use serde_json::{Value, json};

use super::{decoded, delivery};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/chat2desk")
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/decoding/snapshots")
}

/// All files of a suffix, by `folder.stem`.
fn files(suffix: &str) -> BTreeMap<String, PathBuf> {
    let folders = ["hooks", "rest", "script", "seeds"];
    let paths = folders.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        entries.map(move |entry| (folder, entry.unwrap().path()))
    });
    let named = |(folder, path): (&&str, PathBuf)| {
        let name = path.file_name()?.to_str()?.strip_suffix(suffix)?.to_owned();
        Some((format!("{folder}.{name}"), path))
    };
    paths.filter_map(named).collect()
}

/// As which list's rows an answer of the API reaches us, when the backfill reads it.
const LISTS: &[(&str, &str)] = &[
    ("rest.message", "messages"),
    ("rest.messages_of_a_request", "requests/8800001/messages"),
    ("seeds.message", "messages"),
    ("seeds.message_of_a_list", "messages"),
    ("seeds.client", "clients"),
    ("seeds.clients", "clients"),
    ("seeds.clients_post_answer", "clients"),
    ("seeds.operators", "operators"),
    ("seeds.operators_of_the_bot_platform", "operators"),
    ("seeds.dialogs", "dialogs"),
    ("seeds.channels", "channels"),
];

/// How a sample reaches us: row by row, as a script forwards it, or posted to the hook as it stands. What no webhook
/// looks like (the answer of a command nobody reads, the body of a request) is kept as unknown there, and no more.
fn deliveries(name: &str, body: &Value) -> Vec<Delivery> {
    let Some((_, list)) = LISTS.iter().find(|(listed, _)| *listed == name) else {
        let (road, event) = match name.ends_with("new_message_handler") {
            true => (Road::Script, Some("new_message_handler")),
            false => (Road::Webhook, None),
        };
        return vec![delivery(road, event, &serde_json::to_vec(body).unwrap())];
    };
    let rows = match (body, &body["data"]) {
        (Value::Array(rows), _) | (_, Value::Array(rows)) => rows.clone(),
        (_, row @ Value::Object(_)) => vec![row.clone()],
        _ => vec![body.clone()],
    };
    let page = format!("{list}?limit=200");
    let row = |row: &Value| delivery(Road::Backfill, Some(&page), &serde_json::to_vec(row).unwrap());
    let mut deliveries: Vec<Delivery> = rows.iter().map(row).collect();
    if name == "seeds.message" {
        // The old web_hook has the same form.
        deliveries.push(delivery(Road::Webhook, None, &serde_json::to_vec(body).unwrap()));
    }
    deliveries
}

fn told(delivery: &Delivery) -> Value {
    let decoded = decoded(delivery);
    let facts: Vec<Value> = decoded
        .observations
        .iter()
        .map(|observation| {
            let registers: Value = serde_json::from_str(&observation.fact.to_json().unwrap()).unwrap();
            json!({"kind": observation.fact.kind(), "key": observation.key,
                   "observed_at": observation.stamp.observed_at, "registers": registers})
        })
        .collect();
    let rejects: Vec<Value> = decoded
        .rejections
        .iter()
        .map(|rejection| json!({"part": rejection.part, "reason": rejection.reason.as_str(), "detail": rejection.detail}))
        .collect();
    let mut told = json!({"road": delivery.road.as_str(), "fate": decoded.fate().as_str(), "facts": facts});
    if let Some(list) = delivery.capture.list() {
        told["list"] = json!(list);
    }
    if !rejects.is_empty() {
        told["rejects"] = json!(rejects);
    }
    told
}

#[test]
fn each_sample_decodes_to_its_snapshot() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let samples = files(".json");
    assert!(samples.len() >= 50, "{} samples", samples.len());
    let mut wrong = Vec::new();
    for (name, path) in &samples {
        let body: Value = serde_json::from_slice(&std::fs::read(path).unwrap())
            .unwrap_or_else(|error| panic!("{name} is no JSON: {error}"));
        let told: Vec<Value> = deliveries(name, &body).iter().map(told).collect();
        let told = serde_json::to_string_pretty(&told).unwrap() + "\n";
        let snapshot = snapshots().join(format!("{name}.json"));
        if update {
            std::fs::write(&snapshot, &told).unwrap();
        } else if std::fs::read_to_string(&snapshot).unwrap_or_default() != told {
            wrong.push(format!("{name} decodes to\n{told}"));
        }
    }
    for entry in std::fs::read_dir(snapshots()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").unwrap().to_owned();
        if !samples.contains_key(&name) {
            wrong.push(format!("snapshot {name} belongs to no sample"));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_SNAPSHOTS=1 if this is meant\n{}", wrong.join("\n"));
}

#[test]
fn every_hook_of_the_reference_tells_a_fact_and_none_is_rejected() {
    for (name, path) in files(".json") {
        let body = std::fs::read(path).unwrap();
        let decoded = decoded(&delivery(Road::Webhook, None, &body));
        assert_eq!(decoded.rejections, vec![], "{name}");
        let kinds: Vec<_> = decoded.observations.iter().map(|observation| observation.fact.kind()).collect();
        if name.starts_with("hooks.") && name != "hooks.15_new_ticket" {
            assert!(!kinds.is_empty() && !kinds.contains(&"unknown"), "{name}: {kinds:?}");
        }
    }
}

#[test]
fn each_repair_of_a_sample_is_listed_and_the_printed_form_is_rejected_with_a_reason() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let printed = files(".raw.txt");
    assert!(printed.len() >= 15, "{} printed forms", printed.len());
    for (name, path) in printed {
        let raw = std::fs::read(&path).unwrap();
        let stem = name.split_once('.').unwrap().1;
        assert!(path.with_file_name(format!("{stem}.json")).is_file(), "{name} was not repaired");
        assert!(readme.contains(&format!("| `{stem}` |")), "{name}: its repair is not listed");
        assert!(bodies(&raw).is_err(), "{name} is valid as printed: there is nothing to repair");
        for road in Road::ALL {
            let decoded = decoded(&delivery(*road, Some("messages?limit=200"), &raw));
            assert_eq!(decoded.fate(), Fate::Rejected, "{name}");
            let [rejection] = decoded.rejections.as_slice() else { panic!("{:?}", decoded.rejections) };
            assert_eq!(rejection.reason.as_str(), "not_json");
            assert!(rejection.detail.contains("line"), "{name}: {}", rejection.detail);
        }
    }
}

#[test]
fn whatever_is_cut_off_or_changed_in_a_sample_has_one_fate() {
    for (name, path) in files(".json").into_iter().chain(files(".raw.txt")) {
        let body = std::fs::read(path).unwrap();
        for end in (0..body.len()).step_by(7) {
            let decoded = decoded(&delivery(Road::Webhook, None, &body[..end]));
            assert!(decoded.read > 0 || !decoded.rejections.is_empty(), "{name} cut at {end}");
        }
    }
}
