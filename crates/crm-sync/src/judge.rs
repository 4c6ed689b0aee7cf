//! What follows from an answer: for each row, and for the CRM as a whole. Pure.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outbound::Backoff;
use store::crm_links::Reply;
use store::effects::Outcome;

use crate::adapter::{RowAnswer, Trouble, Writes};
use crate::isolation::Isolation;

/// A row that is refused for now so often is refused for good: three days, at half of the longest wait on average. An
/// outage of a night makes no dead letters.
const MOST_ATTEMPTS: i32 = 1700;
/// After so many unknown outcomes in a row one of its rows may be to blame: they are tried in smaller company.
const PATIENCE: u32 = 4;
/// So many failures in a row are no hiccup, nor the search for a bad row: a person is told. About twenty minutes.
pub(crate) const ALARM: u32 = 16;
/// Rows that the limit of calls left out wait an interval of it.
const BUSY: Duration = Duration::from_secs(10);
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
    /// Messages whose outcome is unknown, and how often it was. Others go between, so each is counted for itself.
    unknown: HashMap<String, u32>,
}

impl Mood {
    /// How often the outcome of a message was unknown.
    pub(crate) fn tries(&self, message_id: &str) -> u32 {
        self.unknown.get(message_id).copied().unwrap_or_default()
    }
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

    /// The longest wait after so many failures.
    fn ceiling(self, failures: u32) -> chrono::Duration {
        chrono::Duration::from_std(Backoff::default().wait(failures, 1.0)).unwrap_or_default()
    }

    fn backoff(self, failures: u32) -> DateTime<Utc> {
        self.after(Backoff::default().wait(failures, self.chance))
    }
}

/// Judges the answer to a message whose rows failed so often before (`attempts`).
pub(crate) fn judge(
    message_id: &str,
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
            mood.unknown.remove(message_id);
            let target = match answers.contains(&RowAnswer::Busy) {
                true => TargetFate::Pause {
                    until: moment.after(BUSY),
                    reason: "too many calls for some of the rows".to_owned(),
                    is_throttled: true,
                },
                false => TargetFate::Well,
            };
            mood.isolation.answered();
            // An answer that is too short says nothing of the rest.
            let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
            let fates = attempts
                .iter()
                .zip(answers)
                .map(|(attempts, answer)| row(*attempts, answer.unwrap_or(RowAnswer::Unknown), moment));
            (fates.collect(), target)
        }
        Err(Trouble::Refused { error }) => {
            mood.failures = 0;
            mood.unknown.remove(message_id);
            let fates = if mood.isolation.refused(count) {
                all(count, || waits(moment.now))
            } else {
                all(count, || dead(error.clone()))
            };
            (fates, TargetFate::Well)
        }
        Err(trouble @ Trouble::Unknown { .. }) => {
            let target = target(trouble.clone(), mood, moment);
            let (until, reason) = match &target {
                TargetFate::Pause { until, reason, .. } | TargetFate::Broken { until, reason } => {
                    (*until, reason.as_str())
                }
                TargetFate::Well => (moment.now, ""),
            };
            let tries = mood.unknown.entry(message_id.to_owned()).or_default();
            *tries += 1;
            // Rows that may go out in other company are to blame after failures of any of them.
            let tries = if writes == Writes::Upserts { mood.failures.max(*tries) } else { *tries };
            let is_suspect = tries > PATIENCE;
            let fates = if is_suspect && writes == Writes::Upserts && mood.isolation.refused(count) {
                mood.unknown.remove(message_id);
                all(count, || waits(moment.now))
            } else {
                // What may be to blame lets the others go first, for longer each time.
                let at = if is_suspect { until + moment.ceiling(tries) } else { moment.now };
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
    let is_lasting = mood.failures >= ALARM;
    match trouble {
        Trouble::Refused { .. } => TargetFate::Well,
        Trouble::Busy { wait, reason, is_throttled } => {
            let until = wait.map_or_else(|| moment.backoff(mood.failures), |wait| moment.after(wait));
            // A pause that it asks for itself is no outage.
            if is_lasting && wait.is_none() && !is_throttled {
                return TargetFate::Broken { until, reason: lasting(&reason) };
            }
            TargetFate::Pause { until, reason, is_throttled }
        }
        Trouble::Unknown { wait, reason } => {
            let until = wait.map_or_else(|| moment.backoff(mood.failures), |wait| moment.after(wait));
            if is_lasting {
                return TargetFate::Broken { until, reason: lasting(&reason) };
            }
            TargetFate::Pause { until, reason, is_throttled: false }
        }
        Trouble::Broken { reason } => {
            let doubled = LOOKS.0.saturating_mul(1 << (mood.failures - 1).min(8));
            TargetFate::Broken { until: moment.after(doubled.min(LOOKS.1)), reason }
        }
        Trouble::Off { reason } => TargetFate::Broken { until: moment.now + FOR_GOOD, reason },
    }
}

fn lasting(reason: &str) -> String {
    format!("it has been failing for long: {reason}")
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
        RowAnswer::Busy => waits(moment.after(BUSY)),
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

    fn judge(
        attempts: &[i32],
        answer: Result<Vec<RowAnswer>, Trouble>,
        mood: &mut Mood,
        writes: Writes,
        moment: Moment,
    ) -> (Vec<Fate>, TargetFate) {
        super::judge("m", attempts, answer, mood, writes, moment)
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
        let (fates, target) =
            judge(&[0, 0, 0, MOST_ATTEMPTS - 1, 0], Ok(answers), &mut mood, Writes::Upserts, moment());
        assert_eq!(words(&fates), ["done", "dead", "retry", "dead", "retry"], "the last one was not named");
        assert_eq!(target, TargetFate::Well);
    }

    #[test]
    fn a_row_that_is_refused_for_now_outlives_an_outage_and_one_left_out_by_the_limit_is_not_counted() {
        let mut waited = 0;
        for attempts in 0..500 {
            let later = Ok(vec![RowAnswer::Later { error: "x".to_owned() }]);
            let (fates, _) = judge(&[attempts], later, &mut Mood::default(), Writes::Upserts, moment());
            let Outcome::Retry { at, .. } = fates[0].outcome else { panic!("{attempts}: {fates:?}") };
            waited += (at - moment().now).num_seconds();
            assert!((at - moment().now).num_seconds() <= 300, "{at}");
        }
        assert!(waited > 24 * 3600, "{waited}");

        let answers = Ok(vec![RowAnswer::Busy, RowAnswer::Accepted(Accepted::default())]);
        let (fates, target) = judge(&[7, 7], answers, &mut Mood::default(), Writes::Upserts, moment());
        assert_eq!((words(&fates), seconds(&target)), (vec!["waits", "done"], 10));
    }

    #[test]
    fn a_message_that_never_gets_an_answer_lets_the_others_go_between() {
        let mut mood = Mood::default();
        let mut waits = Vec::new();
        for _ in 0..ALARM + 4 {
            let unknown = Err(Trouble::Unknown { wait: None, reason: "x".to_owned() });
            let (fates, target) =
                super::judge("bad", &[0; 3], unknown, &mut mood, Writes::Messages, moment());
            assert_eq!(words(&fates), ["unknown"; 3], "the same bytes under the same id");
            let Outcome::Unknown { at, .. } = fates[0].outcome else { panic!("{fates:?}") };
            waits.push((at - moment().now).num_seconds() - seconds(&target));
            let good = Ok(vec![RowAnswer::Accepted(Accepted::default())]);
            let (_, target) = super::judge("good", &[0], good, &mut mood, Writes::Messages, moment());
            assert_eq!(target, TargetFate::Well);
        }
        assert_eq!(waits[4..10], [16, 32, 64, 128, 256, 300]);
        assert_eq!(mood.tries("bad"), ALARM + 4);
        assert_eq!(mood.tries("good"), 0);
    }

    #[test]
    fn an_outage_that_lasts_is_told_and_goes_on_being_tried() {
        for trouble in [
            Trouble::Unknown { wait: None, reason: "x".to_owned() },
            Trouble::Busy { wait: None, reason: "x".to_owned(), is_throttled: false },
        ] {
            let mut mood = Mood::default();
            let mut fates = Vec::new();
            for _ in 0..ALARM {
                fates.push(judge(&[0], Err(trouble.clone()), &mut mood, Writes::Messages, moment()).1);
            }
            let last = fates.pop().unwrap();
            assert!(matches!(last, TargetFate::Broken { .. }) && seconds(&last) == 300, "{last:?}");
            assert!(fates.iter().all(|fate| matches!(fate, TargetFate::Pause { .. })));
        }
        let mut mood = Mood { failures: 99, ..Mood::default() };
        let asked = Trouble::Busy { wait: Some(BUSY), reason: "x".to_owned(), is_throttled: true };
        let (_, target) = judge(&[0], Err(asked), &mut mood, Writes::Messages, moment());
        assert!(matches!(target, TargetFate::Pause { .. }), "a limit is no outage");
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
