//! What follows from an answer: for each row, and for the CRM as a whole. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use outbound::Backoff;
use store::crm_links::Reply;
use store::effects::Outcome;

use crate::adapter::{RowAnswer, Trouble, Writes};
use crate::isolation::Isolation;

/// A row that is refused for now so often is refused for good.
const MOST_ATTEMPTS: i32 = 8;
/// After so many unknown outcomes in a row one of its rows may be to blame: they are tried in smaller company.
const PATIENCE: u32 = 4;
/// Between two looks at a CRM that needs a person: the first, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(15 * 60));
/// A receiver that wants nothing any more is left alone until a person asks for it.
const FOR_GOOD: chrono::Duration = chrono::Duration::days(3650);

/// What the last answers of a CRM were like.
#[derive(Debug, Default)]
pub(crate) struct Mood {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// The search for a bad row.
    pub(crate) isolation: Isolation,
}

/// What follows for one row.
#[derive(Debug, PartialEq)]
pub(crate) struct Fate {
    /// For its effect.
    pub(crate) outcome: Outcome,
    /// For its link.
    pub(crate) reply: Reply,
    /// Whether the record is new, where that is known.
    pub(crate) is_new: Option<bool>,
}

/// What follows for the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetFate {
    /// It answers.
    Well,
    /// Nothing is sent before.
    Pause { until: DateTime<Utc>, reason: String, is_throttled: bool },
    /// It needs a person; it is looked at again then.
    Broken { until: DateTime<Utc>, reason: String },
}

/// When and with what chance it is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: DateTime<Utc>,
    pub(crate) chance: f64,
}

impl Moment {
    fn after(self, wait: Duration) -> DateTime<Utc> {
        chrono::Duration::from_std(wait).map_or(self.now, |wait| self.now + wait)
    }

    fn backoff(self, failures: u32) -> DateTime<Utc> {
        self.after(Backoff::default().wait(failures, self.chance))
    }
}

/// Judges the answer to rows that failed so often before (`attempts`).
pub(crate) fn judge(
    attempts: &[i32],
    answer: Result<Vec<RowAnswer>, Trouble>,
    mood: &mut Mood,
    writes: Writes,
    moment: Moment,
) -> (Vec<Fate>, TargetFate) {
    let count = attempts.len();
    match answer {
        Ok(answers) => {
            mood.failures = 0;
            mood.isolation.answered();
            // An answer that is too short says nothing of the rest.
            let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
            let fates = attempts
                .iter()
                .zip(answers)
                .map(|(attempts, answer)| row(*attempts, answer.unwrap_or(RowAnswer::Unknown), moment));
            (fates.collect(), TargetFate::Well)
        }
        Err(Trouble::Refused { error }) => {
            mood.failures = 0;
            let fates = if mood.isolation.refused(count) {
                all(count, || waits(moment.now))
            } else {
                all(count, || dead(error.clone()))
            };
            (fates, TargetFate::Well)
        }
        Err(trouble @ Trouble::Unknown { .. }) => {
            let target = target(trouble.clone(), mood, moment);
            let TargetFate::Pause { until, reason, .. } = &target else { return (Vec::new(), target) };
            let is_suspect = writes == Writes::Upserts && mood.failures > PATIENCE;
            let fates = if is_suspect && mood.isolation.refused(count) {
                all(count, || waits(moment.now))
            } else {
                // A single row that may be to blame lets the others go first.
                let at = if is_suspect { *until + (*until - moment.now) } else { moment.now };
                all(count, || unknown(at, reason))
            };
            (fates, target)
        }
        Err(trouble) => {
            let reason = trouble.reason().to_owned();
            let fates = match writes {
                Writes::Upserts => all(count, || waits(moment.now)),
                // Its outcome may be unknown from an earlier time: it stays the same message.
                Writes::Messages => all(count, || unknown(moment.now, &reason)),
            };
            (fates, target(trouble, mood, moment))
        }
    }
}

/// What follows for the CRM from what is no answer to rows.
pub(crate) fn target(trouble: Trouble, mood: &mut Mood, moment: Moment) -> TargetFate {
    mood.failures = mood.failures.saturating_add(1);
    match trouble {
        Trouble::Refused { .. } => TargetFate::Well,
        Trouble::Busy { wait, reason, is_throttled } => {
            let until = wait.map_or_else(|| moment.backoff(mood.failures), |wait| moment.after(wait));
            TargetFate::Pause { until, reason, is_throttled }
        }
        Trouble::Unknown { wait, reason } => {
            let until = wait.map_or_else(|| moment.backoff(mood.failures), |wait| moment.after(wait));
            TargetFate::Pause { until, reason, is_throttled: false }
        }
        Trouble::Broken { reason } => {
            let doubled = LOOKS.0.saturating_mul(1 << (mood.failures - 1).min(8));
            TargetFate::Broken { until: moment.after(doubled.min(LOOKS.1)), reason }
        }
        Trouble::Off { reason } => TargetFate::Broken { until: moment.now + FOR_GOOD, reason },
    }
}

fn all(count: usize, fate: impl Fn() -> Fate) -> Vec<Fate> {
    (0..count).map(|_| fate()).collect()
}

fn row(attempts: i32, answer: RowAnswer, moment: Moment) -> Fate {
    match answer {
        RowAnswer::Accepted(accepted) => Fate {
            outcome: Outcome::Done,
            reply: Reply::Accepted { external_id: accepted.external_id, url: accepted.url },
            is_new: accepted.is_new,
        },
        RowAnswer::Refused { error } => dead(error),
        RowAnswer::Later { error } => later(attempts, error, moment),
        RowAnswer::Unknown => later(attempts, "the answer does not name it".to_owned(), moment),
    }
}

fn later(attempts: i32, error: String, moment: Moment) -> Fate {
    if attempts + 1 >= MOST_ATTEMPTS {
        return dead(error);
    }
    let at = moment.backoff(u32::try_from(attempts + 1).unwrap_or(1));
    Fate {
        outcome: Outcome::Retry { at, error: error.clone() },
        reply: Reply::Failed { error, at },
        is_new: None,
    }
}

fn dead(error: String) -> Fate {
    Fate { outcome: Outcome::Dead { error: error.clone() }, reply: Reply::Dead { error }, is_new: None }
}

fn waits(at: DateTime<Utc>) -> Fate {
    Fate { outcome: Outcome::Waits { at }, reply: Reply::Open { error: None, at }, is_new: None }
}

fn unknown(at: DateTime<Utc>, reason: &str) -> Fate {
    let error = reason.to_owned();
    Fate {
        outcome: Outcome::Unknown { at, error: error.clone() },
        reply: Reply::Open { error: Some(error), at },
        is_new: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Accepted;

    fn moment() -> Moment {
        Moment { now: "2026-01-15T09:30:00Z".parse().unwrap(), chance: 1.0 }
    }

    fn words(fates: &[Fate]) -> Vec<&'static str> {
        let word = |fate: &Fate| match fate.outcome {
            Outcome::Done => "done",
            Outcome::Dead { .. } => "dead",
            Outcome::Retry { .. } => "retry",
            Outcome::Waits { .. } => "waits",
            Outcome::Unknown { .. } => "unknown",
        };
        fates.iter().map(word).collect()
    }

    fn seconds(fate: &TargetFate) -> i64 {
        match fate {
            TargetFate::Well => 0,
            TargetFate::Pause { until, .. } | TargetFate::Broken { until, .. } => {
                (*until - moment().now).num_seconds()
            }
        }
    }

    #[test]
    fn rows_are_judged_one_by_one() {
        let answers = vec![
            RowAnswer::Accepted(Accepted::default()),
            RowAnswer::Refused { error: "x".to_owned() },
            RowAnswer::Later { error: "x".to_owned() },
            RowAnswer::Later { error: "x".to_owned() },
        ];
        let mut mood = Mood::default();
        let (fates, target) = judge(&[0, 0, 0, 7, 0], Ok(answers), &mut mood, Writes::Upserts, moment());
        assert_eq!(words(&fates), ["done", "dead", "retry", "dead", "retry"], "the last one was not named");
        assert_eq!(target, TargetFate::Well);
    }

    #[test]
    fn a_refused_message_is_halved_and_only_a_row_alone_is_dead() {
        let mut mood = Mood::default();
        let refused = || Err(Trouble::Refused { error: "x".to_owned() });
        let (fates, _) = judge(&[0; 4], refused(), &mut mood, Writes::Messages, moment());
        assert_eq!(words(&fates), ["waits"; 4]);
        assert_eq!(mood.isolation.limit(100), 2);
        let (fates, target) = judge(&[0], refused(), &mut mood, Writes::Messages, moment());
        assert_eq!((words(&fates), target), (vec!["dead"], TargetFate::Well));
    }

    #[test]
    fn throttling_counts_against_nobody() {
        let mut mood = Mood::default();
        let wait = Some(Duration::from_secs(7));
        let busy = || Err(Trouble::Busy { wait, reason: "x".to_owned(), is_throttled: true });
        let (fates, target) = judge(&[7, 7], busy(), &mut mood, Writes::Upserts, moment());
        assert_eq!((words(&fates), seconds(&target)), (vec!["waits"; 2], 7));
        let (fates, _) = judge(&[7], busy(), &mut mood, Writes::Messages, moment());
        assert_eq!(words(&fates), ["unknown"], "a webhook stays the same message");
    }

    #[test]
    fn an_unknown_outcome_is_the_same_message_again_and_pauses_grow() {
        let mut mood = Mood::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let unknown = Err(Trouble::Unknown { wait: None, reason: "x".to_owned() });
            let (fates, target) = judge(&[0], unknown, &mut mood, Writes::Messages, moment());
            assert_eq!(words(&fates), ["unknown"]);
            pauses.push(seconds(&target));
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn a_row_that_breaks_the_crm_does_not_hold_the_others_for_ever() {
        let mut mood = Mood::default();
        let unknown = || Err(Trouble::Unknown { wait: None, reason: "x".to_owned() });
        for _ in 0..PATIENCE {
            let (fates, _) = judge(&[0; 100], unknown(), &mut mood, Writes::Upserts, moment());
            assert_eq!(words(&fates)[0], "unknown");
        }
        let (fates, _) = judge(&[0; 100], unknown(), &mut mood, Writes::Upserts, moment());
        assert_eq!((words(&fates)[0], mood.isolation.limit(100)), ("waits", 50));
        let (fates, target) = judge(&[0], unknown(), &mut mood, Writes::Upserts, moment());
        let Outcome::Unknown { at, .. } = fates[0].outcome else { panic!("{fates:?}") };
        assert!((at - moment().now).num_seconds() > seconds(&target), "it comes after others");
    }

    #[test]
    fn what_needs_a_person_is_looked_at_again_now_and_then() {
        let mut mood = Mood::default();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let broken = Err(Trouble::Broken { reason: "x".to_owned() });
            let (fates, target) = judge(&[7], broken, &mut mood, Writes::Upserts, moment());
            assert_eq!(words(&fates), ["waits"]);
            pauses.push(seconds(&target));
        }
        assert_eq!(pauses, [60, 120, 240, 480, 900, 900]);
        let off = Err(Trouble::Off { reason: "x".to_owned() });
        let (_, target) = judge(&[0], off, &mut mood, Writes::Messages, moment());
        assert!(seconds(&target) > 300_000_000);
    }
}
