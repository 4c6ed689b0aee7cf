//! Scripted faults: bad things that a model does on purpose, queued for an operation.
//!
//! A fault belongs to a method and a path prefix, lets `skip` matching calls pass, and then strikes `times` times; with a
//! `share` it strikes so many of the matching calls by chance, without end unless `times` is given. Of several that
//! match, the oldest that strikes is taken. [`Faults::strike`] only decides; the server carries it out. What can
//! happen is the type `M`: [`crate::chat2desk::Misdeed`], [`crate::service::Misdeed`].

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A fault and where it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault<M> {
    /// Method; absent is any.
    #[serde(default)]
    pub method: Option<String>,
    /// Start of the path, as `/v1/messages`.
    pub path: String,
    /// Matching calls that pass first.
    #[serde(default)]
    pub skip: u32,
    /// How often it strikes. Absent: once, or without end where there is a `share`.
    #[serde(default)]
    pub times: Option<u32>,
    /// Share of the matching calls that it strikes, from 0 to 1. Absent: all.
    #[serde(default)]
    pub share: Option<f64>,
    /// What it does.
    #[serde(flatten)]
    pub misdeed: M,
}

impl<M> Fault<M> {
    /// Strikes the next call below `path`, once.
    pub fn at(path: &str, misdeed: M) -> Self {
        Self { method: None, path: path.into(), skip: 0, times: None, share: None, misdeed }
    }

    /// Strikes a share of the calls below `path`, from 0 to 1, by the chance of [`Faults::seed`].
    pub fn sometimes(path: &str, share: f64, misdeed: M) -> Self {
        Self { share: Some(share), ..Self::at(path, misdeed) }
    }

    /// Strikes so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets so many matching calls pass first.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    fn left(&self) -> u32 {
        self.times.unwrap_or(if self.share.is_some() { u32::MAX } else { 1 })
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        path.starts_with(&self.path)
            && self.method.as_deref().is_none_or(|own| own.eq_ignore_ascii_case(method))
    }
}

/// The queue of faults.
#[derive(Debug)]
pub struct Faults<M> {
    queue: Vec<Fault<M>>,
    luck: ChaCha8Rng,
}

impl<M> Default for Faults<M> {
    fn default() -> Self {
        Self { queue: Vec::new(), luck: ChaCha8Rng::seed_from_u64(1) }
    }
}

impl<M: Clone> Faults<M> {
    /// Adds one behind the others.
    pub fn push(&mut self, fault: Fault<M>) {
        if fault.left() > 0 {
            self.queue.push(fault);
        }
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Begins the chance of `share` anew.
    pub fn seed(&mut self, seed: u64) {
        self.luck = ChaCha8Rng::seed_from_u64(seed);
    }

    /// Those that have not struck out.
    pub fn waiting(&self) -> &[Fault<M>] {
        &self.queue
    }

    /// What befalls this call, if anything. Uses it up.
    pub fn strike(&mut self, method: &str, path: &str) -> Option<M> {
        let Self { queue, luck } = self;
        let mut struck = None;
        for (index, fault) in queue.iter_mut().enumerate() {
            if !fault.matches(method, path) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.share.is_some_and(|share| !luck.random_bool(share.clamp(0.0, 1.0))) {
                continue;
            }
            let left = fault.left() - 1;
            fault.times = Some(left);
            struck = Some((index, fault.misdeed.clone(), left == 0));
            break;
        }
        let (index, misdeed, over) = struck?;
        if over {
            self.queue.remove(index);
        }
        Some(misdeed)
    }
}
