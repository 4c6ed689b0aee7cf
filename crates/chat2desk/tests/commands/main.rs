//! The client against a tiny server of this machine: what it sends for each command, and what it makes of the answers.

#![expect(clippy::unwrap_used, reason = "a test ends where what it needs is missing")]

mod anything;
mod documented;
mod errors;
mod later;
mod network;
mod read_only;
mod samples;
mod script;
mod server;
mod table;
mod walks;
