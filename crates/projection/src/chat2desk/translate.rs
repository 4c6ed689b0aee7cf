//! Which decoder reads which part of a delivery.

use chat2desk::payload::{Fields, bodies};
use events::{Delivery, Observation, PagePart, RejectReason, Rejection, Road};

use super::telling::{Reject, Source, Telling};
use super::{lists, message, page, script, statistics, webhook};
use crate::AccountRules;
use crate::decode::Decoded;

/// The vendor sends one object, and nobody sends so many: a small body that inflates to millions of items must not
/// become millions of rows.
const MOST_PARTS: usize = 1000;

/// Reads a delivery of Chat2Desk.
pub(crate) fn translate(delivery: &Delivery, rules: &AccountRules) -> Decoded {
    let mut decoded = decoded(delivery, rules);
    // What cannot be read of a day is missing of it because of us.
    if !decoded.rejections.is_empty() && delivery.road == Road::Backfill {
        let listed = page::about(delivery);
        decoded.rejections.iter_mut().for_each(|rejection| rejection.listed.clone_from(&listed));
    }
    decoded
}

fn decoded(delivery: &Delivery, rules: &AccountRules) -> Decoded {
    // Meta and row count of a page: evidence for completeness where it is about one day.
    if delivery.capture.part == Some(PagePart::Envelope) {
        let observations = page::count(delivery, rules).into_iter().collect();
        return Decoded { observations, read: 1, ..Decoded::default() };
    }
    let values = match bodies(&delivery.body) {
        Ok(values) => values,
        Err(error) => return Decoded::rejected(RejectReason::NotJson, error.to_string()),
    };
    if values.is_empty() {
        return Decoded::rejected(RejectReason::NotAnObject, "an empty array");
    }
    if values.len() > MOST_PARTS {
        let detail = format!("an array of {} items; at most {MOST_PARTS} are read", values.len());
        return Decoded::rejected(RejectReason::NotAnObject, detail);
    }
    let source = Source::new(delivery, rules);
    let mut decoded = Decoded::default();
    for (part, value) in (0_u32..).zip(&values) {
        let outcome = Fields::of(value)
            .ok_or_else(|| {
                Reject(RejectReason::NotAnObject, "neither an object nor an array of objects".to_owned())
            })
            .and_then(|fields| object(fields, &source));
        match outcome {
            Ok(observations) => {
                // The one object that nearly every delivery is brings its own list.
                if decoded.observations.is_empty() {
                    decoded.observations = observations;
                } else {
                    decoded.observations.extend(observations);
                }
                decoded.read += 1;
            }
            Err(Reject(reason, detail)) => {
                decoded.rejections.push(Rejection { part, reason, detail, listed: None });
            }
        }
    }
    decoded
}

fn object<'a>(fields: Fields<'a>, source: &Source<'a>) -> Result<Vec<Observation>, Reject> {
    let delivery = source.delivery;
    if delivery.road == Road::Script {
        return script::read(fields, source);
    }
    if delivery.road != Road::Backfill {
        return webhook::read(&Telling::live(fields, source));
    }
    let telling = Telling::fetched(fields, source);
    match delivery.capture.list() {
        Some("messages") => message::listed(&telling),
        Some("clients") => lists::client(&telling),
        Some("dialogs") => lists::dialog(&telling),
        Some("operators") => lists::operator(&telling),
        Some("operators_groups") => lists::operator_group(&telling),
        Some("channels") => lists::channel(&telling),
        Some("tags") => lists::tag(&telling),
        Some("statistics") if delivery.capture.asked("report") == Some("request_stats") => {
            statistics::request(&telling)
        }
        Some("statistics") if delivery.capture.asked("report") == Some("rating") => {
            statistics::rating(&telling)
        }
        Some(list) if let Some(request_id) = request_of(list) => message::of_request(&telling, request_id),
        other => {
            let list =
                other.unwrap_or("none").chars().filter(char::is_ascii_graphic).take(60).collect::<String>();
            Err(Reject(RejectReason::UnknownFormat, format!("list {list} needs a later version")))
        }
    }
}

/// The request whose messages `requests/<id>/messages` lists.
fn request_of(list: &str) -> Option<&str> {
    let id = list.strip_prefix("requests/")?.strip_suffix("/messages")?;
    (id.len() <= 20 && !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit())).then_some(id)
}
