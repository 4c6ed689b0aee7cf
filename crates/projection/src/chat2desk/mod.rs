//! Chat2Desk: what its webhooks, lists and reports say, in our vocabulary (reference/chat2desk.md 2, 3, 8).

mod lists;
mod page;
mod script;
mod statistics;
mod telling;
mod translate;
mod webhook;

pub(crate) use translate::translate;
