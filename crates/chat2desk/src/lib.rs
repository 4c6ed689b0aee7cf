#![doc = include_str!("../README.md")]
//!
//! # For who works on this crate
//!
//! Owns: how the vendor's commands are sent, how its lists are walked, how its answers and errors are read, how fast it may
//! be called. Must not know: logs, tables, accounts. Clocks and timers are passed in.
//!
//! To add a command: 1. its path in [`allow`] when it only reads, 2. a method in the module of its group, 3. a row in
//! `tests/commands`. The facts about the vendor are in reference/chat2desk.md.

pub mod allow;
pub mod budget;
pub mod channels;
pub mod clients;
pub mod company;
pub mod dialogs;
pub mod help;
pub mod menu;
pub mod messages;
pub mod operators;
pub mod payload;
pub mod qr;
pub mod requests;
pub mod row;
pub mod script;
pub mod statistics;
pub mod tags;
pub mod templates;
pub mod tickets;
pub mod walk;
pub mod webhooks;

mod answer;
mod client;
mod error;
mod given;
mod lists;
mod page;
mod query;
mod settings;
mod token;

pub use answer::Answer;
pub use budget::{Budget, BudgetSettings, Pace, SystemClock, Timer, TokioTimer, WallClock};
pub use client::Client;
pub use company::{ApiInfo, ApiMode};
pub use dialogs::Closed;
pub use error::{Error, Rejection};
pub use given::{Order, Report, Start};
pub use lists::{LIMIT_MAX, List, ListQuery, MessagesQuery, Request};
pub use page::{Meta, Page, row_id};
pub use row::Row;
pub use settings::{Access, Settings};
pub use token::Token;
pub use webhooks::{Webhook, WebhookError, WebhookSpec, WebhookStatus};
