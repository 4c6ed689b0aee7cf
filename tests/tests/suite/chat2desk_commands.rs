//! Every command of the client against the simulator: each succeeds with what the vendor would answer and changes what it
//! says, and fails with the class of chat2desk.md 1.6 for each thing that can go wrong.
//!
//! The simulator is made from the vendor's text alone. Where the two disagree, one of them has misread it.

mod changes;
mod reads;
mod refusals;
mod scene;
mod scripts;

use std::time::Duration;

use chat2desk::Error;
use scene::{Command, Scene};
use simulator::chat2desk::{Fault, Misdeed, Refusal};

fn commands() -> Vec<Command> {
    let mut all = reads::commands();
    all.extend(changes::commands());
    all.extend(scripts::commands());
    all
}

/// The variant, or that it is so already.
fn class(error: &Error) -> &'static str {
    match error {
        error if error.is_already_so() => "already so",
        Error::Retry { .. } => "retry",
        Error::Unreadable(_) => "unreadable",
        Error::RateLimited { .. } => "rate limited",
        Error::QuotaSpent => "quota spent",
        Error::Unauthorized { .. } => "unauthorized",
        Error::NotFound => "not found",
        Error::Rejected(_) => "rejected",
        Error::NotAllowed { .. } => "not allowed",
        _ => "other",
    }
}

#[tokio::test]
async fn every_command_succeeds_and_does_what_it_says() {
    let scene = Scene::start().await;
    for command in commands() {
        scene.reset();
        let before = scene.after(&command);
        assert_ne!(before, Some(true), "{}: its check holds before the call", command.name);
        let told = (command.run)(&scene.client, &scene.ids).await;
        assert!(matches!(told, Ok(true)), "{}: {told:?}", command.name);
        assert_ne!(scene.after(&command), Some(false), "{}: nothing was changed", command.name);
    }
    scene.stop().await;
}

/// What goes wrong, its class, and whether the call is carried out all the same.
fn faults() -> Vec<(Misdeed, &'static str, bool)> {
    let refused = [
        (Refusal::TokenIncorrect, "unauthorized"),
        (Refusal::TokenMissing, "unauthorized"),
        (Refusal::Unauthorised, "unauthorized"),
        (Refusal::ApiOff, "unauthorized"),
        (Refusal::QuotaSpent, "quota spent"),
        (Refusal::QuotaSpentSoftly, "quota spent"),
        (Refusal::PageNotFound, "not found"),
        (Refusal::NotFound, "not found"),
        (Refusal::Invalid, "rejected"),
        (Refusal::InvalidInText, "rejected"),
        (Refusal::InvalidAlone, "rejected"),
        (Refusal::DoesNotBelong, "rejected"),
        (Refusal::AlreadyUsed, "already so"),
        (Refusal::AlreadyExists, "already so"),
        (Refusal::AlreadyHasState, "already so"),
        (Refusal::TooMany, "rate limited"),
    ];
    assert_eq!(refused.len(), Refusal::ALL.len());
    let others = [
        (Misdeed::HangUp, "retry", false),
        (Misdeed::LoseAnswer, "retry", true),
        (Misdeed::CutAnswer, "retry", true),
        (Misdeed::ServerError, "retry", false),
        (Misdeed::FailWith { status: 502 }, "retry", false),
        (Misdeed::FailAfter { status: 504 }, "retry", true),
        (Misdeed::Html, "unreadable", false),
        (Misdeed::TruncatedJson, "unreadable", true),
        (Misdeed::TooMany { retry_after: Some(7) }, "rate limited", false),
        (Misdeed::TooMany { retry_after: None }, "rate limited", false),
        (Misdeed::TooManyUntil { seconds: 9 }, "rate limited", false),
        (Misdeed::QuotaSpent, "quota spent", false),
    ];
    let refused = refused.map(|(refusal, class)| (Misdeed::Vendor { refusal }, class, false));
    refused.into_iter().chain(others).collect()
}

#[tokio::test]
async fn every_command_fails_with_the_class_of_each_fault() {
    let scene = Scene::start().await;
    for command in commands() {
        for (misdeed, class_of_fault, is_done) in faults() {
            scene.reset();
            scene.handle.fault("acme", Fault::at("/", misdeed.clone()));
            let told = (command.run)(&scene.client, &scene.ids).await;
            let name = command.name;
            let expected = if command.takes.contains(&class_of_fault) { None } else { Some(class_of_fault) };
            let found = told.as_ref().err().map(class);
            assert_eq!(found, expected, "{name} and {misdeed:?}: {told:?}");
            // A command that asks something first was struck there, and went no further.
            let is_done = is_done && !command.asks_first;
            if let Some(changed) = scene.after(&command) {
                assert_eq!(changed, is_done, "{name} and {misdeed:?}");
                let may_be = told.as_ref().err().is_none_or(Error::may_have_happened);
                assert!(may_be || !is_done, "{name} and {misdeed:?}: done, and the error denies it");
            }
            let wait = told.as_ref().err().and_then(Error::asked_to_wait);
            let asked = match misdeed {
                Misdeed::TooMany { retry_after: Some(seconds) } | Misdeed::TooManyUntil { seconds } => {
                    Some(seconds)
                }
                _ => None,
            };
            let asked = asked.map(|seconds| Duration::from_secs(seconds.into()));
            assert_eq!(wait, asked, "{name} and {misdeed:?}");
        }
    }
    scene.stop().await;
}

#[tokio::test]
async fn every_command_gives_up_when_the_answer_takes_too_long() {
    let scene = Scene::start().await;
    for command in commands() {
        scene.reset();
        scene.handle.fault("acme", Fault::at("/", Misdeed::Late { milliseconds: 5_000 }).times(1_000));
        let told = (command.run)(&scene.hasty, &scene.ids).await;
        assert_eq!(told.as_ref().err().map(class), Some("retry"), "{}: {told:?}", command.name);
    }
    scene.stop().await;
}

#[tokio::test]
async fn a_read_only_client_changes_nothing_and_reads_everything() {
    let scene = Scene::start().await;
    for command in commands() {
        scene.reset();
        let told = (command.run)(&scene.reader, &scene.ids).await;
        match scene.after(&command) {
            Some(changed) => {
                assert_eq!(told.as_ref().err().map(class), Some("not allowed"), "{}: {told:?}", command.name);
                assert!(!changed, "{}", command.name);
            }
            None => assert!(matches!(told, Ok(true)), "{}: {told:?}", command.name),
        }
    }
    scene.stop().await;
}
