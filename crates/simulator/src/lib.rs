//! Faithful, stateful models of the platforms, the CRMs and the receivers of webhooks, with an HTTP face and with faults,
//! over a generated business.
//!
//! Owns what a vendor's side of the wire does: its REST answers, the webhooks that it sends and sends again, its
//! limits and its bad days. Serves the demo (`chatledger demo`, `chatledger simulate`) and the tests.
//!
//! Must not know: any other crate of the ledger. What a vendor does is written down in `reference/`, and the model
//! is made from that text alone, so that it can disagree with our own reading of it. Time and randomness are
//! passed in: the same seed makes the same world.
//!
//! The platforms' accounts share one port, told apart by token ([`server::serve`]). Each CRM and each receiver has a port
//! of its own, which keeps the vendor's paths as they are ([`server::host()`]):
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use simulator::hubspot::HubSpot;
//! use simulator::server::{WorldClock, host};
//! use simulator::service::{Fault, Misdeed};
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let hubspot = host(HubSpot::new("token"), listener, WorldClock::running(chrono::DateTime::UNIX_EPOCH))?;
//! hubspot.fault(Fault::sometimes("/crm/v3/objects/contacts/batch/upsert", 0.1, Misdeed::LoseAnswer));
//! println!("{} has {} contacts", hubspot.url(), hubspot.with(|hubspot| hubspot.contacts.len()));
//! # Ok(())
//! # }
//! ```
//!
//! To add a platform: a folder of its name with `model`, `api`, `webhooks`, `faults` and `control`, and one line
//! in [`PLATFORMS`]. To add a CRM: a folder of its name with a type that is a [`service::Service`]: its state, `api`,
//! `errors`, `limits` and `control`; faults come by themselves. To add a thing that people do: a [`business::Step`]
//! that calls a method of the model.

pub mod business;
pub mod chat2desk;
pub mod faults;
pub mod hubspot;
pub mod receiver;
pub mod server;
pub mod service;

/// The platforms that are modelled, by the names that configuration uses.
pub const PLATFORMS: [&str; 1] = ["chat2desk"];

/// What can go wrong, by what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model knows no such object: the caller holds a stale or wrong id.
    #[error("{what} not found")]
    NotFound {
        /// Which kind of object, in the vendor's words.
        what: &'static str,
    },
    /// The object is already so, or not in the state that the action needs: nothing was changed.
    #[error("{0}")]
    WrongState(&'static str),
    /// A value that the service does not take.
    #[error("{field} {text}")]
    Invalid {
        /// Parameter, by the service's name.
        field: &'static str,
        /// What is wrong with it, in the service's words.
        text: &'static str,
    },
    /// The listener or the connection of the server failed: serve again on another one.
    #[error("the simulator's server failed")]
    Serve(#[source] std::io::Error),
    /// The HTTP client of the webhook sender cannot be made on this machine.
    #[error("the webhook sender has no http client")]
    Client(#[source] reqwest::Error),
}
