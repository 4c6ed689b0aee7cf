//! Chatledger: an event-sourced ledger of customer chats.
//!
//! The only binary. Owns the commands, the configuration, the wiring of the other crates, telemetry and shutdown.
//! Must not know: how anything is done; that is in the crates that it wires together.
//!
//! To add a command: 1. a file in [`commands`], 2. its variant and its arm in `commands/mod.rs`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use mimalloc::MiMalloc;

/// Many short texts are made in one thread and freed in another.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

mod commands;
mod configuration;
mod demo;
mod escalating;
mod explaining;
mod exporting;
mod installation;
mod lag;
mod progress;
mod report;
mod roles;
mod rules;
mod script;
mod serving;
mod shutdown;
mod telemetry;
mod trace;

fn main() -> ExitCode {
    // Reads FAILPOINTS; without the feature `failpoints` there is nothing to read it.
    let _failpoints = fail::FailScenario::setup();
    match commands::run(commands::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when even this cannot be written.
            let _ = writeln!(std::io::stderr(), "{}", commands::explain(&error));
            ExitCode::from(commands::exit_code(&error))
        }
    }
}
