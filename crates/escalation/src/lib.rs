//! Tells people of what cannot wait: a low score, within a second of its arrival (design.md 8).
//!
//! Owns: rules, episodes, notifiers, the page and the calls with which people answer. Home of lettre. Stands on
//! `store::changes` (what the projection changed), `store::effects` (what is done once) and `outbound` (signed webhooks).
//!
//! Must not know: how a score is decoded or folded, platforms, CRMs, other stages.
//!
//! How it works. [`Escalator::run`] looks at what changed ([`decide`] is pure), writes escalations and the intents to
//! tell somebody in the transaction that clears the changes, and has one task for each notifier that claims, sends and
//! settles. A replay finds its keys: they are made of account, rule, the vendor's id of the valuation, episode, event and
//! notifier. A rebuild notes no changes, so it tells nobody.
//!
//! What a receiver may see twice:
//!
//! | kind | after a crash or an answer that was lost |
//! |---|---|
//! | `webhook` | the same `webhook-id` with the same bytes; whoever keeps ids sees each event once |
//! | `email` | at most one more mail for each crash in the instant between the server's taking the message and our writing it down, and for each answer to the message itself that was lost; with the same `Message-ID` |
//!
//! To add a condition: 1. its variant in [`Condition`], 2. its arm in [`decide`], 3. its key in the program's
//! `configuration/escalation.rs`. To add a notifier: see [`notifier`].

pub mod decide;
mod desk;
mod error;
mod escalator;
mod evaluate;
mod event;
mod link;
mod mail;
pub mod notifier;
mod page;
pub mod routes;
mod rule;
mod tell;

pub use desk::Desk;
pub use error::EscalationError;
pub use escalator::{Escalator, Settings};
pub use evaluate::Evaluation;
pub use event::Event;
pub use link::Links;
pub use notifier::{Address, Channel, Email, EmailSettings, Kind, Notifier};
pub use rule::{Condition, Rule, Rules};
