//! What happens beside the talk: scores that only one road tells of, scores that are taken back, topics that are corrected.
//!
//! Chance here is a stream of its own, so that the talk of a seed stays as it is when this changes.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::chat::{Deed, Tempo};
use super::people::{TOPICS, topic_tag};
use crate::chat2desk::Told;

/// Of the scores: told by the tag alone, and by the report alone.
const ONE_ROAD: f64 = 0.06;
/// Of the scores with a tag: taken back.
const WITHDRAWN: f64 = 0.05;
/// Of the topics: put wrongly first.
const CORRECTED: f64 = 0.1;

/// Adds to a chat that is written down. The deeds are not in order afterwards.
pub(super) fn add(luck: &mut ChaCha8Rng, tempo: Tempo, deeds: &mut Vec<(DateTime<Utc>, Deed)>) {
    let next: Vec<Option<DateTime<Utc>>> =
        deeds.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]).collect();
    let mut more = Vec::new();
    for ((at, deed), next) in deeds.iter_mut().zip(next) {
        match (deed, next) {
            (Deed::Score(_, told), _) => {
                let draw = luck.random_range(0.0..1.0);
                let back = luck.random_bool(WITHDRAWN);
                let wait = luck.random_range(20.0..600.0) * tempo.stretch;
                *told = match draw {
                    draw if draw < ONE_ROAD => Told::Tag,
                    draw if draw < 2.0 * ONE_ROAD => Told::Report,
                    _ => Told::Both,
                };
                if back && *told != Told::Report {
                    more.push((*at + TimeDelta::microseconds((wait * 1e6) as i64), Deed::Withdraw(*at)));
                }
            }
            (Deed::TagRequest(tag), Some(next)) => {
                let wrong = topic_tag(luck.random_range(0..TOPICS.len()));
                if luck.random_bool(CORRECTED) && wrong != *tag {
                    let right = std::mem::replace(tag, wrong);
                    let third = (next - *at) / 3;
                    more.push((*at + third, Deed::UntagRequest(wrong)));
                    more.push((*at + third * 2, Deed::TagRequest(right)));
                }
            }
            _ => {}
        }
    }
    deeds.append(&mut more);
}
