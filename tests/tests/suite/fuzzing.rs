//! A moment of fuzzing under stable Rust: each target on every sample as it is, then on mutations of the samples, the same
//! ones in every run (`CHATLEDGER_SEED`, as in `make soak`, makes others). Long runs: `make fuzz`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::chance::Chance;

#[expect(unreachable_pub, reason = "the same file is a library for libFuzzer")]
#[path = "../../fuzz/src/targets.rs"]
mod targets;

/// Mutations of each target in a run of the suite: some seconds in all.
const MUTATIONS: usize = 8000;

/// What parsers stumble over.
const TOKENS: &[&str] = &[
    "null",
    "0",
    "\"0\"",
    "\"\"",
    "-1",
    "1.5",
    "1e308",
    "1e999",
    "18446744073709551616",
    "true",
    "[]",
    "{}",
    "[{}]",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\\udc00",
    "\\",
    "\"",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\u{feff}",
    "\n",
    "=",
    "%7B",
    "&",
    "\"data\":",
    "\"id\":",
    "\"client_id\":",
    "\"hook_type\":\"inbox\",",
    "\"hook_type\":\"close_dialog\",",
    "\"type\":null,",
    "\"message\":",
    "\"tag\":{\"id\":7},",
    "\"event_time\":",
    "\"2026-01-15T09:30:00 UTC\"",
    "\"2026-10-25 02:30:00\"",
    "\"9999-12-31T23:59:60Z\"",
    "99999999999999",
    "\"c2d: dialog closed\"",
    "\"WhatsApp client not found.\"",
    "\"attachments\":[{\"link\":1}],",
    "\"attachments\":[0.12345678901234567891e-7, 2.2250738585072011e-308, 9007199254740993.5],",
    "\"mood\":5.0000000000000000000001e-7,",
    "\"rating_scale_score\":\"4.35\",",
    "3.1415926535897932384e-5",
    "\"is_menu\":\"1\",",
];

fn below(chance: &mut Chance, end: usize) -> usize {
    chance.below(u32::try_from(end.max(1)).unwrap()) as usize
}

/// Changes bytes in some places: what is there is dropped, doubled, replaced or filled up.
fn mutated(chance: &mut Chance, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=below(chance, 4) {
        let at = below(chance, bytes.len() + 1);
        let end = (at + below(chance, 24)).min(bytes.len());
        match below(chance, 7) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..end, TOKENS[below(chance, TOKENS.len())].bytes())),
            2 => drop(bytes.splice(at..at, TOKENS[below(chance, TOKENS.len())].bytes())),
            3 => drop({
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part)
            }),
            4 => bytes.truncate(at),
            5 => {
                let from = below(chance, other.len() + 1);
                let to = (from + below(chance, 64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << below(chance, 8);
                }
            }
        }
    }
    bytes
}

/// Every sample, the printed forms that are no JSON included; times; and records of the log around some of them.
fn corpus() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/chat2desk");
    let mut paths: Vec<PathBuf> = ["hooks", "rest", "script", "seeds"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    paths.sort();
    let mut corpus: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let record =
        "019bc0de-0001-7000-8000-000000000000\n1\nacme\nchat2desk\nwebhook\n2026-01-15T09:30:00Z\n{}\n";
    let records: Vec<Vec<u8>> =
        corpus.iter().take(3).map(|body| [record.as_bytes(), body].concat()).collect();
    corpus.extend(records);
    let times = [
        "2026-01-15T09:30:00 UTC",
        "2026-01-15T09:30:00.125000Z",
        "1768469400",
        "2026-03-29 02:30:00",
        "15.01.2026 09:30:00",
    ];
    corpus.extend(times.map(|time| time.as_bytes().to_vec()));
    corpus
}

#[test]
fn no_bytes_break_what_must_hold_of_any_decoder() {
    let corpus = corpus();
    let seed = std::env::var("CHATLEDGER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut chance = Chance::new(seed);
    for (name, target) in targets::TARGETS {
        let tried = |bytes: &[u8]| {
            if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
                panic!(
                    "target {name}, CHATLEDGER_SEED={seed}, fails on {:?}",
                    String::from_utf8_lossy(bytes)
                );
            }
        };
        corpus.iter().for_each(|sample| tried(sample));
        for _ in 0..MUTATIONS {
            let (sample, other) = (below(&mut chance, corpus.len()), below(&mut chance, corpus.len()));
            tried(&mutated(&mut chance, &corpus[sample], &corpus[other]));
        }
    }
}

#[test]
fn each_target_has_its_file_for_long_runs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        let file = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            file.contains(&format!("chatledger_fuzz::{name}("))
                && manifest.contains(&format!("name = \"{name}\""))
        );
    }
    assert_eq!(std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count(), targets::TARGETS.len());
}
