//! Merging the tellings of one fact: of each register, the greatest stamp that has a value wins (design.md 7.2).
//!
//! A function of the *set* of tellings: commutative, associative, idempotent, tested as such.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use events::{DeliveryId, Fact};
use store::folding::Told;

/// A fact with the winners of all its registers.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The winners.
    pub fact: Fact,
    /// No telling knows when it happened: the earliest receipt stands in.
    pub stood_in: bool,
    /// The earliest receipt among all tellings.
    pub received_at: DateTime<Utc>,
    /// The greatest time of observation.
    pub observed_at: DateTime<Utc>,
    /// The delivery that told it first; may differ between two copies of a log.
    pub delivery: DeliveryId,
}

/// Merges tellings, by kind and key.
pub fn merge(told: &[Told]) -> BTreeMap<(&'static str, &str), Merged> {
    let mut sorted: Vec<&Told> = told.iter().collect();
    // Falling stamps; what is then still equal has equal registers.
    sorted.sort_by_key(|told| std::cmp::Reverse(told.stamp()));
    let mut merged: BTreeMap<(&'static str, &str), Merged> = BTreeMap::new();
    for told in sorted {
        merged
            .entry((told.fact.kind(), told.key.as_str()))
            .and_modify(|held| {
                held.fact.fill(&told.fact);
                if (told.received_at, told.delivery) < (held.received_at, held.delivery) {
                    held.received_at = told.received_at;
                    held.delivery = told.delivery;
                }
            })
            .or_insert_with(|| Merged {
                fact: told.fact.clone(),
                stood_in: false,
                received_at: told.received_at,
                observed_at: told.observed_at,
                delivery: told.delivery,
            });
    }
    for held in merged.values_mut() {
        held.stood_in = held.fact.stand_in(held.received_at);
    }
    merged
}
