//! A signed webhook. The receiver sees the same id and the same bytes each time, and may drop what it has.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outbound::{Message, NotSent, Target, Verdict};
use store::effects::Claimed;

use super::Sent;
use crate::event;
use crate::mail::message_id;

/// Longer than the time-out of a call.
pub(super) const LONGEST: Duration = Duration::from_secs(20);
/// A receiver that is gone is asked again now and then: somebody may have mended it.
const GONE: Duration = Duration::from_secs(60 * 60);

pub(super) async fn send(target: &Target, effect: &Claimed, link: Option<&str>, now: DateTime<Utc>) -> Sent {
    let is_opening = effect.version == event::Event::Opened.version();
    let body = event::with_link(&effect.body, link.filter(|_| is_opening));
    let id = message_id(&effect.key);
    let answer = target.post(&Message { id: &id, at: now, body }).await;
    let reason = answer.reason();
    match answer.verdict {
        Verdict::Accepted => Sent::Accepted,
        Verdict::Gone => Sent::Later { wait: Some(GONE), is_broken: true, reason },
        Verdict::Throttled { wait } => Sent::Later { wait, is_broken: false, reason },
        // Only the status counts here: a body that was cut short has nothing to add.
        Verdict::Unknown { .. } if answer.status.is_some_and(|status| (200..300).contains(&status)) => {
            Sent::Accepted
        }
        Verdict::Unknown { wait } => Sent::Unknown { wait, reason },
        Verdict::NotSent(why) => {
            let is_broken = matches!(why, NotSent::AddressRefused | NotSent::Tls);
            Sent::Later { wait: None, is_broken, reason }
        }
        Verdict::Refused => Sent::Refused { reason },
    }
}
