//! What every scenario stands on: a real Postgres and a real Kafka of the test process' own, and waiting for a thing.
//!
//! Owns: starting the services, fresh databases, and leaving nothing behind, however the process ends. Must not know:
//! what is tested with them.
//!
//! To write a scenario: 1. a module in `tests/tests/suite`, and its line in `main.rs` there; 2. `database().await` gives
//! a fresh database with both schemas, `kafka().await` a broker (make a topic of your own name); 3. wait with
//! [`wait_until`]. Tests that stop or kill a service take one of their own: [`own_database_server`], [`own_kafka`],
//! [`kafka_cluster`]. [`Home`] runs the real program as processes.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]

mod browser;
mod kafka;
mod leftovers;
mod postgres;
mod program;
pub mod random_account;
mod s3;
mod smtp;
mod wait;

pub use browser::{Browser, Screen};
pub use kafka::{Kafka, kafka, kafka_cluster, own_kafka};
pub use postgres::{DatabaseServer, TestDatabase, database, own_database_server};
pub use program::{Ended, Home, Process, Up, program};
pub use s3::{S3, read_parquet, tools};
pub use smtp::SmtpServer;
pub use wait::{wait_for, wait_until};
