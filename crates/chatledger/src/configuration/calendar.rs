//! Business hours: the days and intervals of one table, as wall clock of the account's zone.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use toml::{Table, Value};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Open from minute `start` to minute `end` of a local day, at most 1440; before `start`, it is of the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Interval {
    /// First minute that is open.
    pub start: u16,
    /// First minute that is closed again.
    pub end: u16,
}

/// One table of hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// In force from the start of this local day; from the beginning when `None`.
    pub from: Option<NaiveDate>,
    /// Intervals of Monday to Sunday, in order, without overlap. A day without is closed.
    pub week: [Vec<Interval>; 7],
    /// Local days that are closed whatever the day of the week.
    pub holidays: BTreeSet<NaiveDate>,
    /// Operators whom it is for (`[[account.operator_calendar]]`); empty for all.
    pub operators: Vec<String>,
    /// Operator groups whom it is for.
    pub groups: Vec<String>,
}

/// Reads one table. `scoped` says whether it may name operators and groups. Each problem comes with its key.
pub(crate) fn read(table: &Table, scoped: bool) -> (Calendar, Vec<(String, String)>) {
    let mut calendar = Calendar::default();
    let mut problems = Vec::new();
    let mut seen = [false; 7];
    for (key, value) in table {
        let outcome = match key.as_str() {
            "from" => date(value).map(|from| calendar.from = Some(from)),
            "holidays" => list(value)
                .and_then(|days| days.iter().map(date).collect())
                .map(|days| calendar.holidays = days),
            "operators" if scoped => texts(value).map(|ids| calendar.operators = ids),
            "groups" if scoped => texts(value).map(|ids| calendar.groups = ids),
            _ => hours(key, value, &mut calendar.week, &mut seen),
        };
        if let Err(what) = outcome {
            problems.push((key.clone(), what));
        }
    }
    if scoped && calendar.operators.is_empty() && calendar.groups.is_empty() {
        problems.push((String::new(), "for whom? name operators = [\"id\"] or groups = [\"id\"]".to_owned()));
    }
    (calendar, problems)
}

fn hours(
    key: &str,
    value: &Value,
    week: &mut [Vec<Interval>; 7],
    seen: &mut [bool; 7],
) -> Result<(), String> {
    let days = days(key)?;
    let mut intervals = list(value)?.iter().map(interval).collect::<Result<Vec<_>, _>>()?;
    intervals.sort_unstable();
    let end =
        |interval: &Interval| if interval.end > interval.start { interval.end } else { interval.end + 1440 };
    if intervals.windows(2).any(|pair| pair[1].start < end(&pair[0])) {
        return Err("intervals overlap; make each end before the next begins".to_owned());
    }
    for day in days {
        if std::mem::replace(&mut seen[day], true) {
            return Err(format!("{} has its hours already; name each day once", DAYS[day]));
        }
        week[day].clone_from(&intervals);
    }
    Ok(())
}

/// The days of `sun`, `mon-fri` (also over the week's end: `sat-mon`) or `mon,wed`.
fn days(key: &str) -> Result<Vec<usize>, String> {
    let unknown = || {
        "no day, range or list of days; write \"sun\", \"mon-fri\" or \"mon,wed\" (also known: from, holidays)".to_owned()
    };
    let day = |name: &str| DAYS.iter().position(|day| *day == name.trim().to_lowercase()).ok_or_else(unknown);
    let mut days = Vec::new();
    for part in key.split(',') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                days.extend((0..=(last + 7 - first) % 7).map(|step| (first + step) % 7));
            }
            None => days.push(day(part)?),
        }
    }
    Ok(days)
}

fn interval(value: &Value) -> Result<Interval, String> {
    let wrong = || "write intervals as \"09:00-18:00\"".to_owned();
    let (start, end) = value.as_str().and_then(|text| text.split_once('-')).ok_or_else(wrong)?;
    let (start, end) = (minute(start).ok_or_else(wrong)?, minute(end).ok_or_else(wrong)?);
    if start == end {
        return Err("begins and ends at the same time; a whole day is \"00:00-24:00\"".to_owned());
    }
    Ok(Interval { start, end })
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two_digits = |text: &str| (text.len() <= 2).then(|| text.parse::<u16>().ok()).flatten();
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

fn date(value: &Value) -> Result<NaiveDate, String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Datetime(date) => date.to_string(),
        _ => String::new(),
    };
    text.parse().map_err(|_| "write days as \"2026-12-16\"".to_owned())
}

/// A list; a text alone (from the environment) is one with commas.
fn list(value: &Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) => Ok(items.clone()),
        Value::String(text) => Ok(text
            .trim_matches(['[', ']'])
            .split(',')
            .map(|part| part.trim().trim_matches('"'))
            .filter(|part| !part.is_empty())
            .map(|part| Value::String(part.to_owned()))
            .collect()),
        _ => Err("must be a list: [\"…\", \"…\"]".to_owned()),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| "must be a list of ids in quotes".to_owned())
    };
    list(value)?.iter().map(text).collect()
}
