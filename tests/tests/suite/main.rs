//! All scenarios in one binary, so that they share one Postgres and one Kafka. To add one: a module, and its line here.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod backfill;
mod bad_input;
mod chance;
mod crash;
mod documents;
mod harness;
mod ledger;
mod log_backends;
mod log_conformance;
mod log_kafka;
mod log_leases;
mod log_postgres;
mod outage;
mod poison;
mod projection;
mod report;
mod store_connections;
mod tables;
mod truth;
mod up;
