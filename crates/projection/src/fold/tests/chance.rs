//! Thousands of random accounts: the fold is a function of the set of deliveries, and keeps what [`super::invariants`]
//! says. `CHATLEDGER_RANDOM_ACCOUNTS` sets how many, `CHATLEDGER_SEED` the first seed; both are printed by a failure.

use super::super::{Folded, fold};
use super::accounts::{deliveries, rules, stored, subjects, told};
use super::invariants;
use super::random_account::{Chance, Size};
use events::Delivery;

/// Seeds that found a bug once, each with what it found.
const FOUND: [(u64, &str); 0] = [];

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().map_or(usual, |text| text.parse().unwrap())
}

/// Seeds of this run: those that found something, and fresh ones.
fn seeds(usual: u64) -> impl Iterator<Item = u64> {
    let first = number("CHATLEDGER_SEED", 1);
    let fresh = first..first + number("CHATLEDGER_RANDOM_ACCOUNTS", usual);
    FOUND.iter().map(|(seed, _)| *seed).chain(fresh)
}

/// The rows of all conversations of an account.
fn folded(deliveries: &[Delivery]) -> Vec<Folded> {
    subjects(&told(deliveries)).iter().map(|subject| fold(subject, rules())).collect()
}

/// Fails with the lines that only one of them has.
fn assert_same(one: &[Folded], other: &[Folded], seed: u64, what: &str) {
    if one == other {
        return;
    }
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let only = |these: &str, those: &str| -> String {
        let those: std::collections::BTreeSet<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).take(20).collect::<Vec<_>>().join("\n")
    };
    panic!("seed {seed}: {what}\nonly there\n{}\nonly here\n{}", only(&one, &other), only(&other, &one));
}

#[test]
fn any_order_and_repetition_of_a_random_account_fold_to_the_same_rows_that_keep_all_invariants() {
    for seed in seeds(3000) {
        let size = [Size::SMALL, Size::TINY, Size::ONE, Size::ONE][(seed % 4) as usize];
        let deliveries = deliveries(seed, size);
        let plain = folded(&deliveries);
        for rows in &plain {
            for (name, broken) in invariants::ALL {
                let broken = broken(rows);
                assert!(broken.is_empty(), "seed {seed}: {name}, but\n{}\n{rows:#?}", broken.join("\n"));
            }
        }
        let mut chance = Chance::new(seed ^ 0x5eed);
        let mut mixed = deliveries.clone();
        mixed.extend(deliveries.iter().filter(|_| chance.one_in(3)).cloned());
        chance.shuffle(&mut mixed);
        assert_same(&plain, &folded(&mixed), seed, "in another order");
        let set: Vec<Folded> =
            subjects(&stored(&told(&mixed))).iter().map(|subject| fold(subject, rules())).collect();
        assert_same(&plain, &set, seed, "as a set");
    }
}

#[test]
fn random_accounts_have_what_the_rules_speak_of() {
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for seed in 1..=300 {
        for rows in folded(&deliveries(seed, Size::SMALL)) {
            let mut see = |what: String| *seen.entry(what).or_default() += 1;
            for r in &rows.requests {
                see(format!("request {}", r.segmentation));
                see(format!("kind {}", r.kind));
                see(format!("by {}", r.initiated_by));
                see(format!("closed {}", r.close_reason.as_deref().unwrap_or("never")));
                if r.queue_wait_seconds > Some(0.0) {
                    see("queue".to_owned());
                }
                if r.frt_human_seconds < r.frt_customer_seconds {
                    see("hand-off".to_owned());
                }
            }
            for m in &rows.messages {
                see(format!("author {}", m.author_kind));
                see(format!("time {}", m.time_quality));
                if m.is_deleted {
                    see("deleted".to_owned());
                }
                if m.request_key.is_none() {
                    see("orphan".to_owned());
                }
            }
            for t in &rows.turns {
                see(format!("turn {}", t.state));
            }
            for a in &rows.assignments {
                see(format!("how {}", a.how));
            }
            for s in &rows.scores {
                see(format!("score {}", s.source));
                see(format!("link {}", s.link.as_deref().unwrap_or("none")));
                if s.withdrawn_at.is_some() {
                    see("withdrawn".to_owned());
                }
            }
        }
    }
    for what in [
        "request given",
        "request derived",
        "kind common",
        "kind rating",
        "kind continuous",
        "kind offline",
        "by client",
        "by company",
        "closed never",
        "closed superseded",
        "closed unknown",
        "closed operator",
        "closed timeout",
        "queue",
        "hand-off",
        "author client",
        "author operator",
        "author bot",
        "author automation",
        "author note",
        "author system",
        "author other",
        "time ok",
        "time received",
        "time future",
        "time unconfirmed",
        "deleted",
        "orphan",
        "turn answered",
        "turn closed_unanswered",
        "turn waiting",
        "how assigned",
        "how transfer",
        "how derived",
        "score tag",
        "score report",
        "score both",
        "link given",
        "link derived",
        "withdrawn",
    ] {
        assert!(seen.get(what).is_some_and(|times| *times >= 5), "{what} is rare or absent: {seen:#?}");
    }
}
