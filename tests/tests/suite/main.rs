//! All scenarios in one binary, so that they share one Postgres and one Kafka. To add one: a module, and its line here.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod backfill;
mod bad_input;
mod chance;
mod crash;
mod crm;
mod dashboard;
mod documents;
mod effects;
mod escalating;
mod escalation;
mod escalation_commands;
mod escalation_crash;
mod escalation_mail;
mod escalation_secrets;
mod export;
mod export_crash;
mod export_rows;
mod export_s3;
mod harness;
mod ledger;
mod log_backends;
mod log_conformance;
mod log_kafka;
mod log_leases;
mod log_postgres;
mod mission;
mod outage;
mod page;
mod poison;
mod projection;
mod report;
mod store_connections;
mod tables;
mod truth;
mod up;
