//! Whether a local day is all there: what the platform counts beside what is stored (design.md 6).
//!
//! Four states: `green`, the counts agree; `explained`, they do not, and the reason is known; `not_provable`, there is
//! no count to compare with; `red`, something is missing.

mod reading;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use store::completeness::{CompletenessRow, DayEvidence};

use crate::backfill::day_start;
pub use reading::Judged;
pub(crate) use reading::{Coverage, is_level};

/// Ids become visible late (design.md 6): a day is counted for good so long after its end.
const SETTLED: TimeDelta = TimeDelta::minutes(15);

/// Said of a red day that was fetched often enough.
const GIVEN_UP: &str = "; fetching it again changes nothing";

/// Said where something is missing that may be in the log.
const BEHIND: &str = "not all that was read is in the tables yet";

/// What a day's count came to.
struct Verdict {
    state: &'static str,
    reason: Option<String>,
}

impl Verdict {
    fn green() -> Self {
        Self { state: "green", reason: None }
    }

    fn explained(reason: String) -> Self {
        Self { state: "explained", reason: Some(reason) }
    }

    fn not_provable(reason: &str) -> Self {
        Self { state: "not_provable", reason: Some(reason.to_owned()) }
    }

    fn red(missing: i64, surplus: i64) -> Self {
        let beside = match surplus {
            ..=0 => String::new(),
            surplus => format!(", {surplus} more than the platform shows"),
        };
        Self { state: "red", reason: Some(format!("{missing} missing{beside}")) }
    }
}

/// When a day's counts are final.
pub fn final_from(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    day.succ_opt().map_or(DateTime::<Utc>::MAX_UTC, |next| day_start(next, zone) + SETTLED)
}

/// What of a day is missing, as counted and stored: as long as it says the same, fetching the day again changed nothing.
pub fn fingerprint<'a>(rows: impl IntoIterator<Item = &'a CompletenessRow>) -> String {
    let of = |count: Option<i64>| count.map(|count| count.to_string()).unwrap_or_default();
    let red = rows.into_iter().filter(|row| row.state == "red");
    red.map(|row| {
        let reason = row.reason.as_deref().unwrap_or_default();
        let reason = reason.strip_suffix(GIVEN_UP).unwrap_or(reason);
        format!("{} {}/{} {reason}", row.subject, of(row.counted), of(row.stored))
    })
    .collect::<Vec<_>>()
    .join("; ")
}

/// Judges a day: five rows. `refetched` is how often it was fetched again.
pub fn judge(evidence: &DayEvidence, zone: Tz, refetched: i64) -> Vec<CompletenessRow> {
    let day = evidence.day;
    let is_final = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at >= final_from(day, zone));
    let messages = match evidence.messages_counted {
        _ if evidence.messages_at.is_none() => Verdict::not_provable("not counted yet"),
        None => Verdict::not_provable("the platform gave no count"),
        Some(_) if !is_final(evidence.messages_at) => {
            Verdict::not_provable("counted before the day was over")
        }
        Some(counted) => judge_messages(counted, evidence),
    };
    let report = |report: &Report| match report.counted {
        _ if report.at.is_none() => Verdict::not_provable("not fetched yet"),
        None => Verdict::not_provable("the platform gave no count"),
        Some(_) if !is_final(report.at) => Verdict::not_provable("fetched before the day was over"),
        Some(counted) => judge_report(counted, report),
    };
    let requests = Report {
        counted: evidence.requests_counted,
        at: evidence.requests_at,
        fetched: evidence.requests_fetched,
        left_out: evidence.requests_left_out,
        rejected: evidence.requests_rejected,
        listed: evidence.requests_listed,
        listed_now: evidence.requests_listed_now,
        stored: evidence.requests_stored,
    };
    let ratings = Report {
        counted: evidence.ratings_counted,
        at: evidence.ratings_at,
        fetched: evidence.ratings_fetched,
        left_out: evidence.ratings_left_out,
        rejected: evidence.ratings_rejected,
        listed: evidence.ratings_listed,
        listed_now: evidence.ratings_listed_now,
        stored: evidence.ratings_stored,
    };
    let unlisted = || Verdict::not_provable("the platform has no list of them");
    let row = |subject, verdict: Verdict, counted, stored, counted_at| CompletenessRow {
        day,
        subject,
        state: verdict.state,
        reason: verdict.reason,
        counted,
        stored,
        counted_at,
        refetched,
    };
    let stored = Some(evidence.messages_stored);
    vec![
        row("messages", messages, evidence.messages_counted, stored, evidence.messages_at),
        row("requests", report(&requests), requests.counted, Some(requests.stored), requests.at),
        row("ratings", report(&ratings), ratings.counted, Some(ratings.stored), ratings.at),
        row("request_tags", unlisted(), None, None, None),
        row("transfers", unlisted(), None, None, None),
    ]
}

fn judge_messages(counted: i64, evidence: &DayEvidence) -> Verdict {
    let stored = evidence.messages_stored;
    // What the list does not show is none of those that it counts: it must not stand in for one that is missing.
    let missing = counted - (stored - evidence.messages_unlisted);
    let surplus = stored - counted + missing.max(0);
    match missing {
        // A webhook's time is finer than the list's, and may lie on the other side of midnight.
        1.. if missing <= evidence.messages_near => {
            Verdict::explained(format!("{missing} stored on the other side of midnight"))
        }
        1.. => Verdict::red(missing, surplus),
        _ if surplus == 0 => Verdict::green(),
        _ if surplus <= evidence.messages_undated => {
            Verdict::explained(format!("{surplus} more stored, at times that are not known"))
        }
        _ => Verdict::explained(format!("{surplus} more stored than the platform shows now")),
    }
}

/// One report of a day.
struct Report {
    counted: Option<i64>,
    at: Option<DateTime<Utc>>,
    fetched: i64,
    left_out: i64,
    rejected: i64,
    listed: i64,
    listed_now: i64,
    stored: i64,
}

fn judge_report(counted: i64, report: &Report) -> Verdict {
    // What an earlier list had stands in for nothing that this one counts.
    let (missing, earlier) = (counted - report.listed_now, report.listed - report.listed_now);
    if missing > 0 && report.fetched < counted {
        return Verdict::red(missing, earlier);
    }
    if missing > 0 {
        // All rows came. What is not ours are repetitions, or their times say another day (chat2desk.md 2.5).
        let theirs = missing - report.left_out - report.rejected;
        let reasons = [
            (report.left_out, "larger than the log takes"),
            (report.rejected, "came and could not be decoded"),
            (theirs, "repeated or moved by the platform"),
        ];
        let reasons = reasons.into_iter().filter(|(count, _)| *count > 0);
        let reasons: Vec<String> = reasons.map(|(count, what)| format!("{count} {what}")).collect();
        return Verdict::explained(reasons.join(", "));
    }
    match report.listed - report.stored {
        0 if earlier == 0 => Verdict::green(),
        0 => Verdict::explained(format!("{earlier} more listed before than now")),
        homeless => Verdict::explained(format!("{homeless} only in the report, of nobody known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> DayEvidence {
        let at = Some("2026-01-15T20:00:00Z".parse().unwrap());
        DayEvidence {
            day: "2026-01-15".parse().unwrap(),
            messages_counted: Some(10),
            messages_at: at,
            messages_stored: 10,
            requests_counted: Some(3),
            requests_at: at,
            requests_fetched: 3,
            requests_listed: 3,
            requests_listed_now: 3,
            requests_stored: 3,
            ratings_counted: Some(0),
            ratings_at: at,
            ..DayEvidence::default()
        }
    }

    /// State and reason of messages, requests and ratings; the day ends at 19:00 UTC.
    fn states(evidence: &DayEvidence) -> Vec<String> {
        let rows = judge(evidence, Tz::Asia__Almaty, 0);
        assert!(rows[3..].iter().all(|row| row.state == "not_provable"), "{rows:?}");
        let text = |row: &CompletenessRow| match &row.reason {
            Some(reason) => format!("{}: {reason}", row.state),
            None => row.state.to_owned(),
        };
        rows[..3].iter().map(text).collect()
    }

    #[test]
    fn equal_counts_are_green() {
        assert_eq!(states(&evidence()), ["green"; 3]);
    }

    #[test]
    fn what_is_missing_is_red_unless_the_reason_is_known() {
        let missing = DayEvidence { messages_counted: Some(12), messages_near: 1, ..evidence() };
        assert_eq!(states(&missing)[0], "red: 2 missing");
        let near = DayEvidence { messages_near: 2, ..missing };
        assert_eq!(states(&near)[0], "explained: 2 stored on the other side of midnight");
        let more = DayEvidence { messages_counted: Some(9), ..evidence() };
        assert_eq!(states(&more)[0], "explained: 1 more stored than the platform shows now");
        let lost = DayEvidence { requests_counted: Some(5), requests_fetched: 4, ..evidence() };
        assert_eq!(states(&lost)[1], "red: 2 missing");
        let repeated = DayEvidence { requests_counted: Some(5), requests_fetched: 5, ..evidence() };
        assert_eq!(states(&repeated)[1], "explained: 2 repeated or moved by the platform");
        let large = DayEvidence { requests_left_out: 2, ..repeated };
        assert_eq!(states(&large)[1], "explained: 2 larger than the log takes");
        let unread = DayEvidence { requests_rejected: 1, ..repeated.clone() };
        assert_eq!(
            states(&unread)[1],
            "explained: 1 came and could not be decoded, 1 repeated or moved by the platform"
        );
        let both = DayEvidence { requests_left_out: 1, ..unread };
        assert_eq!(
            states(&both)[1],
            "explained: 1 larger than the log takes, 1 came and could not be decoded"
        );
        let homeless = DayEvidence { requests_stored: 2, ..evidence() };
        assert_eq!(states(&homeless)[1], "explained: 1 only in the report, of nobody known");
    }

    #[test]
    fn one_too_many_does_not_hide_one_that_is_missing() {
        let beside = DayEvidence { messages_unlisted: 1, ..evidence() };
        assert_eq!(states(&beside)[0], "red: 1 missing, 1 more than the platform shows");
        let more = DayEvidence { messages_stored: 12, messages_unlisted: 3, ..evidence() };
        assert_eq!(states(&more)[0], "red: 1 missing, 3 more than the platform shows");
        let deleted = DayEvidence { messages_stored: 11, messages_unlisted: 1, ..evidence() };
        assert_eq!(states(&deleted)[0], "explained: 1 more stored than the platform shows now");
        // The report listed a request that it lists no more, and one that it lists now did not come.
        let earlier = DayEvidence { requests_listed_now: 2, requests_fetched: 2, ..evidence() };
        assert_eq!(states(&earlier)[1], "red: 1 missing, 1 more than the platform shows");
        let gone = DayEvidence { requests_counted: Some(2), requests_listed_now: 2, ..evidence() };
        assert_eq!(states(&gone)[1], "explained: 1 more listed before than now");
    }

    #[test]
    fn without_a_final_count_nothing_is_proved() {
        let none =
            DayEvidence { messages_at: None, messages_counted: None, requests_counted: None, ..evidence() };
        let found = states(&none);
        assert_eq!(found[..2], ["not_provable: not counted yet", "not_provable: the platform gave no count"]);
        let early = Some("2026-01-15T19:14:59Z".parse().unwrap());
        let early =
            DayEvidence { messages_at: early, messages_counted: Some(2), ratings_at: early, ..evidence() };
        let found = states(&early);
        assert_eq!(found[0], "not_provable: counted before the day was over");
        assert_eq!(found[2], "not_provable: fetched before the day was over");
    }
}
