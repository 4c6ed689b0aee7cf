//! The targets, for libFuzzer.
mod targets;

pub use targets::*;
