//! A typed client of the Chat2Desk REST API, usable alone.
//!
//! Owns: how the vendor's lists are asked for and walked, how its answers and errors are read, how fast it may be
//! called. Every row of a list is kept byte for byte ([`Page::rows`]), so that a caller can store what came.
//!
//! Must not know: logs, tables, accounts. It has no clock of its own but the timer that it is given.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use chat2desk::{Client, ListQuery, Settings, Token};
//! let client = Client::new(Settings::new("https://api.chat2desk.com".parse()?, Token::new("…")))?;
//! let page = client.operators(&ListQuery::first(200)).await?;
//! println!("{} of {:?}", page.rows.len(), page.meta.and_then(|meta| meta.total));
//! # Ok(()) }
//! ```
//!
//! To add a command: 1. its path in [`allow`] when it only reads, 2. a method in `lists` or a module of its own,
//! 3. a test of its answer. The facts about the vendor are in reference/chat2desk.md.

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
