//! Which decoder reads which part of a delivery.

use chat2desk::payload::{Fields, bodies};
use events::{Delivery, Observation, PagePart, RejectReason, Rejection, Road};

use super::telling::{Reject, Telling};
use super::{lists, page, script, statistics, webhook};
use crate::AccountRules;
use crate::decode::Decoded;

/// The vendor sends one object, and nobody sends so many: a small body that inflates to millions of items must not
/// become millions of rows.
const MOST_PARTS: usize = 1000;

/// Reads a delivery of Chat2Desk.
pub(crate) fn translate(delivery: &Delivery, rules: &AccountRules) -> Decoded {
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
    let mut decoded = Decoded::default();
    for (part, value) in (0_u32..).zip(&values) {
        let outcome = Fields::of(value)
            .ok_or_else(|| {
                Reject(RejectReason::NotAnObject, "neither an object nor an array of objects".to_owned())
            })
            .and_then(|fields| object(fields, delivery, rules));
        match outcome {
            Ok(observations) => {
                decoded.observations.extend(observations);
                decoded.read += 1;
            }
            Err(Reject(reason, detail)) => decoded.rejections.push(Rejection { part, reason, detail }),
        }
    }
    decoded
}

fn object(fields: Fields<'_>, delivery: &Delivery, rules: &AccountRules) -> Result<Vec<Observation>, Reject> {
    if delivery.road == Road::Script {
        return script::read(fields, delivery, rules);
    }
    if delivery.road != Road::Backfill {
        return webhook::read(&Telling::live(fields, delivery, rules));
    }
    let telling = Telling::fetched(fields, delivery, rules);
    match delivery.capture.list() {
        Some("messages") => lists::message(&telling),
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
        other => {
            let list =
                other.unwrap_or("none").chars().filter(char::is_ascii_graphic).take(60).collect::<String>();
            Err(Reject(RejectReason::UnknownFormat, format!("list {list} needs a later version")))
        }
    }
}
