//! Carries out the faults of Chat2Desk around an honest answer; what they mean is written at [`Misdeed`].

use std::time::Duration;

use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};

use super::connection::Cut;
use super::host::{cut_short, respond};
use super::{SORRY, Shared, Tenant, half};
use crate::Error;
use crate::chat2desk::api::{Answer, Refusal};
use crate::chat2desk::{Misdeed, control};
use crate::service;

/// An answer of the model on its way out.
pub(super) fn plain(answer: &Answer) -> service::Answer {
    service::Answer::json(answer.status, &answer.body)
}

/// The answer of a fault that keeps the call from being done.
pub(super) fn instead(misdeed: &Misdeed, cut: &Cut, now: DateTime<Utc>) -> Option<Response> {
    let date = |at: DateTime<Utc>| at.format("%a, %d %b %Y %H:%M:%S GMT");
    let too_many = || plain(&Refusal::TooMany.answer());
    Some(respond(&match misdeed {
        Misdeed::Refuse { status, body } => service::Answer::plain(*status, body.clone()),
        Misdeed::Vendor { refusal } => plain(&refusal.answer()),
        Misdeed::QuotaSpent => plain(&Refusal::QuotaSpent.answer()),
        Misdeed::TooMany { retry_after: None } => too_many(),
        Misdeed::TooMany { retry_after: Some(seconds) } => too_many().with("retry-after", seconds),
        Misdeed::TooManyUntil { seconds } => {
            let until = now + TimeDelta::seconds((*seconds).into());
            too_many().with("retry-after", date(until)).with("date", date(now))
        }
        Misdeed::ServerError => service::Answer::html(500, SORRY),
        Misdeed::FailWith { status } => service::Answer::html(*status, SORRY),
        Misdeed::Html => service::Answer::html(200, SORRY),
        Misdeed::HangUp => {
            cut.cut();
            service::Answer::empty(500)
        }
        _ => return None,
    }))
}

/// What a fault changes in the account before the call is done.
pub(super) fn prepare(
    tenant: &mut Tenant,
    struck: Option<&Misdeed>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    match struck {
        Some(Misdeed::InsertRows { count }) => control::insert_rows(&mut tenant.world, *count, now),
        Some(Misdeed::LateId { back, seconds }) => {
            let id = tenant.world.messages.keys().rev().nth(*back).copied();
            let id = id.ok_or(Error::NotFound { what: "message" })?;
            tenant.world.hide_message(id, now + TimeDelta::seconds((*seconds).into()));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Sends the honest answer, or what a fault makes of it.
pub(super) async fn send(
    shared: &Shared,
    struck: Option<Misdeed>,
    mut answer: Answer,
    cut: &Cut,
) -> Response {
    match struck {
        Some(Misdeed::LoseAnswer) => cut.cut(),
        Some(Misdeed::CutAnswer) => return cut_short(&plain(&answer)),
        Some(Misdeed::FailAfter { status }) => return respond(&service::Answer::html(status, SORRY)),
        Some(Misdeed::LoseRow) => {
            if let Some(rows) = answer.body["data"].as_array_mut().filter(|rows| !rows.is_empty()) {
                rows.remove(rows.len() / 2);
            }
        }
        Some(Misdeed::Late { milliseconds }) => {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(milliseconds)) => {}
                () = shared.stop.cancelled() => {}
            }
        }
        Some(Misdeed::TruncatedJson) => {
            let whole = plain(&answer);
            return respond(&service::Answer { body: half(&whole.body).to_owned(), ..whole });
        }
        _ => {}
    }
    respond(&plain(&answer))
}
