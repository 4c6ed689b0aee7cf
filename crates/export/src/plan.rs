//! What a run has to do: how every object should be, against how it was written last. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use store::export::{Object, State};

use crate::dataset::{DATASETS, Dataset};
use crate::{Personal, SCHEMA_VERSION, layout};

/// The days that may change, both ends inclusive; all where there is no end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// First local day.
    pub from: Option<NaiveDate>,
    /// Last local day.
    pub to: Option<NaiveDate>,
}

impl Days {
    /// True for what has no day: it is always brought up to date.
    fn has(self, day: Option<NaiveDate>) -> bool {
        day.is_none_or(|day| self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to))
    }
}

/// How an object should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its place in [`DATASETS`].
    pub(crate) dataset: usize,
    pub(crate) account: String,
    pub(crate) day: Option<NaiveDate>,
    pub(crate) path: String,
    pub(crate) rows: i64,
    /// Of the rows, and of all else that its bytes depend on.
    pub(crate) fingerprint: String,
}

impl Wanted {
    pub(crate) fn new(dataset: usize, account: &str, personal: &Personal, state: &State) -> Self {
        let of: &Dataset = &DATASETS[dataset];
        // A dataset without personal columns is the same under every treatment.
        let treatment =
            if of.personal().next().is_some() { personal.fingerprint() } else { "none".to_owned() };
        Self {
            dataset,
            account: account.to_owned(),
            day: state.day,
            path: layout::path(of.name(), account, state.day),
            rows: state.rows,
            fingerprint: format!("{SCHEMA_VERSION}/{treatment}/{}", state.fingerprint),
        }
    }
}

/// What there is to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// To be written, in the order of `wanted`.
    pub(crate) writes: Vec<Wanted>,
    /// To be taken away: nothing is left of them.
    pub(crate) removals: Vec<String>,
    /// As they should be; for each dataset.
    pub(crate) unchanged: [u64; DATASETS.len()],
    /// Not as they should be, but of a day that this run leaves alone.
    pub(crate) outdated: [u64; DATASETS.len()],
    /// Objects in our layout that the ledger knows nothing of. Nobody touches them; readers see them all the same.
    pub(crate) strangers: Vec<String>,
}

/// Decides. `present` is what the target holds, with sizes; `accounts` are those that this run is about: what is known of
/// others stays.
pub(crate) fn plan(
    wanted: Vec<Wanted>,
    known: &HashMap<String, Object>,
    present: &HashMap<String, u64>,
    accounts: &HashSet<&str>,
    days: Days,
) -> Plan {
    let mut plan = Plan::default();
    let is_there = |object: &Object| {
        present
            .get(&object.path)
            .is_some_and(|size| i64::try_from(*size).is_ok_and(|size| size == object.bytes))
    };
    let paths: HashSet<String> = wanted.iter().map(|wanted| wanted.path.clone()).collect();
    for wanted in wanted {
        let is_current = known
            .get(&wanted.path)
            .is_some_and(|object| object.fingerprint == wanted.fingerprint && is_there(object));
        if is_current {
            plan.unchanged[wanted.dataset] += 1;
        } else if days.has(wanted.day) {
            plan.writes.push(wanted);
        } else {
            plan.outdated[wanted.dataset] += 1;
        }
    }
    let mut removals = BTreeSet::new();
    for path in known.keys().filter(|path| !paths.contains(*path)) {
        let Some((dataset, account, day)) = layout::parse(path) else { continue };
        if !accounts.contains(account) {
            continue;
        }
        if days.has(day) {
            removals.insert(path.clone());
        } else if let Some(place) = DATASETS.iter().position(|known| known.name() == dataset) {
            plan.outdated[place] += 1;
        }
    }
    plan.removals = removals.into_iter().collect();
    let strangers: BTreeSet<&String> = present
        .keys()
        .filter(|path| layout::parse(path).is_some() && !known.contains_key(*path) && !paths.contains(*path))
        .collect();
    plan.strangers = strangers.into_iter().cloned().collect();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(2026, 10, day)
    }

    fn wanted(dataset: usize, day: Option<NaiveDate>, fingerprint: &str) -> Wanted {
        let state = State { day, rows: 1, fingerprint: fingerprint.to_owned() };
        Wanted::new(dataset, "acme", &Personal::Keep, &state)
    }

    /// As after a run that wrote these.
    fn after(written: &[Wanted]) -> (HashMap<String, Object>, HashMap<String, u64>) {
        let object = |wanted: &Wanted| Object {
            path: wanted.path.clone(),
            fingerprint: wanted.fingerprint.clone(),
            rows: wanted.rows,
            bytes: 10,
            sha256: String::new(),
            upload: None,
        };
        let known = written.iter().map(|wanted| (wanted.path.clone(), object(wanted))).collect();
        (known, written.iter().map(|wanted| (wanted.path.clone(), 10)).collect())
    }

    fn decide(now: &[Wanted], before: &[Wanted], days: Days) -> Plan {
        let (known, present) = after(before);
        plan(now.to_vec(), &known, &present, &HashSet::from(["acme"]), days)
    }

    #[test]
    fn only_what_differs_is_written() {
        let before = [wanted(0, day(1), "a"), wanted(0, day(2), "b"), wanted(5, None, "c")];
        let now = [wanted(0, day(1), "a"), wanted(0, day(2), "B"), wanted(5, None, "c")];
        let plan = decide(&now, &before, Days::default());
        assert_eq!(plan.writes, [now[1].clone()]);
        assert_eq!((plan.unchanged[0], plan.unchanged[5], plan.removals.len()), (1, 1, 0));
        assert_eq!(decide(&before, &before, Days::default()).writes, []);
    }

    #[test]
    fn a_day_without_rows_loses_its_object() {
        let before = [wanted(0, day(1), "a"), wanted(0, day(2), "b")];
        let plan = decide(&before[..1], &before, Days::default());
        assert_eq!((plan.writes.len(), plan.removals), (0, vec![before[1].path.clone()]));
    }

    #[test]
    fn days_outside_the_range_are_left_alone_and_counted_what_has_no_day_is_not() {
        let before = [wanted(0, day(1), "a"), wanted(0, day(3), "c"), wanted(5, None, "s")];
        let now = [wanted(0, day(1), "A"), wanted(0, day(2), "b"), wanted(5, None, "S")];
        let plan = decide(&now, &before, Days { from: day(2), to: day(2) });
        assert_eq!(plan.writes, [now[1].clone(), now[2].clone()]);
        assert_eq!((plan.removals.len(), plan.outdated[0]), (0, 2));
    }

    #[test]
    fn what_is_missing_cut_or_was_never_finished_is_written_again() {
        let now = [wanted(0, day(1), "a"), wanted(0, day(2), "b"), wanted(0, day(3), "c")];
        let (mut known, mut present) = after(&now);
        present.remove(&now[0].path);
        present.insert(now[1].path.clone(), 9);
        known.get_mut(&now[2].path).unwrap().fingerprint.clear();
        let accounts = HashSet::from(["acme"]);
        assert_eq!(plan(now.to_vec(), &known, &present, &accounts, Days::default()).writes, now);
    }

    #[test]
    fn another_treatment_or_key_rewrites_what_is_personal_only() {
        let state = State { day: None, rows: 1, fingerprint: "x".to_owned() };
        let drop = |dataset| Wanted::new(dataset, "acme", &Personal::Drop, &state);
        let plan =
            decide(&[drop(5), drop(2)], &[wanted(5, None, "x"), wanted(2, None, "x")], Days::default());
        assert_eq!(plan.writes, [drop(5)]);
        assert_eq!(plan.unchanged[2], 1);
    }

    #[test]
    fn what_others_wrote_is_named_and_what_accounts_left_stays() {
        let mine = wanted(0, day(1), "a");
        let (mut known, mut present) = after(std::slice::from_ref(&mine));
        let gone = layout::path("messages", "gone", day(1));
        known.insert(gone.clone(), Object { path: gone.clone(), ..known[&mine.path].clone() });
        let strange = layout::path("messages", "acme", day(9));
        present.extend([(gone, 10), (strange.clone(), 10), ("dataset=notes/readme".to_owned(), 1)]);
        let plan = plan(vec![mine], &known, &present, &HashSet::from(["acme"]), Days::default());
        assert_eq!((plan.writes.len(), plan.removals.len(), plan.strangers), (0, 0, vec![strange]));
    }
}
