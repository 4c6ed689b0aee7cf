//! Decoding alone, on one core: plain messages as webhooks and as rows of the list, and whole accounts; each next to making
//! the usual tree of the same bytes, which decodes nothing.
//!
//! Seconds are the processor's, of the thread that decodes: what others take of a shared core is not counted.

use std::hint::black_box;
use std::time::{Duration, Instant};

use log::Entry;
use projection::decode::decode;
use serde_json::{Value, json};

use crate::report::{Figure, Report};
use crate::workload::{ACCOUNT, Workload, rules};
use crate::{machine, median};

/// How long each side is measured in a round.
const PART: Duration = Duration::from_millis(700);

/// Measures ours and the baseline in turn.
pub(crate) fn measure(workload: &Workload, rounds: usize, report: &mut Report) {
    let is_message = |entry: &&Entry| {
        let start = &entry.delivery.body[..entry.delivery.body.len().min(4000)];
        [&b"\"hook_type\":\"inbox\""[..], b"\"hook_type\":\"outbox\""]
            .iter()
            .any(|hook| start.windows(hook.len()).any(|window| window == *hook))
    };
    let is_row = |entry: &&Entry| entry.delivery.capture.list() == Some("messages");
    for (name, entries) in [
        ("message webhooks", workload.webhooks.iter().filter(is_message).cloned().collect::<Vec<Entry>>()),
        ("message rows", workload.rows.iter().filter(is_row).cloned().collect()),
        ("all webhooks of an account", workload.webhooks.clone()),
        ("all rows of an account", workload.rows.clone()),
    ] {
        one(name, &entries, rounds, report);
    }
}

fn one(name: &str, entries: &[Entry], rounds: usize, report: &mut Report) {
    let rules = rules();
    let rules = rules.of(ACCOUNT);
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(speed(entries, |entry| {
            black_box(decode(black_box(&entry.delivery), rules));
        }));
        baseline.push(speed(entries, |entry| {
            black_box(serde_json::from_slice::<Value>(black_box(&entry.delivery.body)).is_ok());
        }));
    }
    let bytes = entries.iter().map(|entry| entry.delivery.body.len()).sum::<usize>() / entries.len().max(1);
    report.figure(Figure {
        name: format!("decode, {name}"),
        ours: median(ours),
        baseline: median(baseline),
        against: format!(
            "serde_json::Value of the same {} bodies of {bytes} bytes, nothing decoded",
            entries.len()
        ),
    });
    report.fact(&format!("decode, {name}"), json!({"bodies": entries.len(), "mean bytes": bytes}));
}

/// Entries a second of one core.
fn speed(entries: &[Entry], each: impl Fn(&Entry)) -> f64 {
    let clock = || machine::thread_seconds();
    let (started, from, mut done) = (Instant::now(), clock(), 0_usize);
    while started.elapsed() < PART {
        entries.iter().for_each(&each);
        done += entries.len();
    }
    let seconds = match (from, clock()) {
        (Some(from), Some(to)) => to - from,
        _ => started.elapsed().as_secs_f64(),
    };
    done as f64 / seconds
}
