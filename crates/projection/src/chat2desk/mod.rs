//! Chat2Desk: what its webhooks, lists and reports say, in our vocabulary (reference/chat2desk.md 2, 3, 8).

mod extra;
mod lists;
mod message;
mod page;
mod script;
mod statistics;
mod telling;
mod translate;
mod webhook;

pub(crate) use translate::translate;
