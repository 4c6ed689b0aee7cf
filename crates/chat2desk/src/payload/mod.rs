//! Reading what Chat2Desk sends, tolerantly: one vocabulary of fields over all the spellings and forms that occur.
//!
//! The vendor has no schema. Ids come as numbers and as text, flags as `0/1`, times in five forms, and the same field
//! under three names (reference/chat2desk.md 1.7, 8.1, 8.2). [`bodies`] makes borrowed [`Json`] of the bytes in one
//! pass. [`Fields`] looks a field up by its aliases, at top level and then under `data`, and says [`WrongType`] only
//! where an id or a key cannot be read.

mod body;
mod fields;
mod json;
mod names;
mod time;

pub use body::{NotJson, bodies};
pub use fields::{Fields, WrongType, alias};
pub use json::Json;
pub use time::{local, parse_time};

pub(crate) use body::mend_surrogates;
