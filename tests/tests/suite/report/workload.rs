//! `store::report::workload` against the same rules, one contact and one message at a time.

use std::collections::{BTreeMap, BTreeSet};

use chatledger_tests::database;
use chrono::{DateTime, Duration, NaiveDate, Timelike as _, Utc};
use store::report::{By, WorkloadQuery, WorkloadRow, workload};
use store::tables::{AssignmentRow, MessageRow, RequestRow, RequestTagRow, upsert};

use super::naive::Dice;
use super::{ZONE, account, at, midnight};

#[derive(Default)]
struct Business {
    requests: Vec<RequestRow>,
    assignments: Vec<AssignmentRow>,
    messages: Vec<MessageRow>,
    tags: Vec<RequestTagRow>,
}

/// Three days around a night in which the clocks change, and what was open before.
fn business(dice: &mut Dice, first_day: &str, n: usize) -> Business {
    let some = |dice: &mut Dice, of: &[&str]| Some(dice.one(of).to_owned()).filter(|text| !text.is_empty());
    let acme = || "acme".to_owned();
    let mut made = Business::default();
    let start = midnight(first_day, ZONE);
    for no in 0..n {
        let opened_at = start + Duration::milliseconds(dice.below(5 * 86_400_000) - 86_400_000);
        // Some last a minute, some for days.
        let longest = dice.one(&[60_000, 3_600_000, 3 * 86_400_000]);
        let closed_at = (dice.below(4) > 0).then(|| opened_at + Duration::milliseconds(dice.below(longest)));
        let key = format!("r{no}");
        let request = RequestRow {
            account_id: acme(),
            request_key: key.clone(),
            client_id: dice.below(40).to_string(),
            kind: dice.one(&["common", "common", "common", "rating", "continuous", "offline"]).to_owned(),
            initiated_by: dice.one(&["client", "company"]).to_owned(),
            channel_id: some(dice, &["", "7", "8"]),
            transport: some(dice, &["", "whatsapp"]),
            first_operator_id: some(dice, &["", "1", "2"]),
            last_operator_id: some(dice, &["", "1", "3"]),
            holder_operator_id: some(dice, &["", "1", "2", "9"]),
            opened_at,
            closed_at,
            ..RequestRow::default()
        };
        let mut from_at = opened_at;
        for assignment_no in 1..=dice.below(4) {
            let to_at = from_at + Duration::milliseconds(1 + dice.below(longest));
            made.assignments.push(AssignmentRow {
                account_id: acme(),
                request_key: key.clone(),
                assignment_no: assignment_no.try_into().unwrap(),
                operator_id: dice.one(&["1", "2", "3"]).to_owned(),
                from_at,
                to_at: (dice.below(3) > 0).then_some(to_at),
                ..AssignmentRow::default()
            });
            if made.assignments.last().unwrap().to_at.is_none() {
                break;
            }
            from_at = to_at;
        }
        for tag in ["t1", "t2"] {
            made.tags.extend((dice.below(3) == 0).then(|| RequestTagRow {
                account_id: acme(),
                request_key: key.clone(),
                tag_id: tag.to_owned(),
                episode: 1,
                removed_at: (dice.below(3) == 0).then_some(opened_at),
                ..RequestTagRow::default()
            }));
        }
        for message_no in 0..dice.below(12) {
            let author = dice.one(&[
                "client",
                "client",
                "operator",
                "operator",
                "bot",
                "automation",
                "note",
                "system",
            ]);
            made.messages.push(MessageRow {
                account_id: acme(),
                message_id: format!("{no}{message_no:02}"),
                client_id: request.client_id.clone(),
                // Some belong to no request that is known.
                request_key: (dice.below(15) > 0).then(|| key.clone()),
                channel_id: some(dice, &["", "7"]),
                author_kind: author.to_owned(),
                operator_id: match author {
                    "operator" => some(dice, &["1", "2", "3", ""]),
                    "bot" => Some("9".to_owned()),
                    _ => None,
                },
                sent_at: opened_at + Duration::milliseconds(dice.below(longest)),
                time_quality: dice.one(&["ok", "ok", "ok", "ok", "unconfirmed"]).to_owned(),
                is_deleted: dice.below(10) == 0,
                ..MessageRow::default()
            });
        }
        made.requests.push(request);
    }
    made
}

/// What one row counts.
#[derive(Default)]
struct Counted {
    opened: i64,
    closed: i64,
    open_at_end: i64,
    messages: BTreeMap<&'static str, i64>,
    people: BTreeSet<String>,
    operators: BTreeSet<String>,
    /// Clients by operator and local hour.
    hours: BTreeMap<(String, NaiveDate, u32), BTreeSet<String>>,
}

struct Reading<'a> {
    made: &'a Business,
    query: &'a WorkloadQuery<'a>,
    rows: BTreeMap<String, Counted>,
}

impl Reading<'_> {
    /// The rows that something counts for.
    fn keys(
        &self,
        operator: &str,
        request: Option<&RequestRow>,
        channel: Option<&String>,
        when: DateTime<Utc>,
    ) -> BTreeSet<String> {
        let local = when.with_timezone(&ZONE);
        let key = match self.query.by {
            By::All => "all".to_owned(),
            By::Operator => operator.to_owned(),
            By::Channel => channel.cloned().unwrap_or_default(),
            By::Transport => request.and_then(|request| request.transport.clone()).unwrap_or_default(),
            By::Day => local.date_naive().to_string(),
            By::Hour => local.hour().to_string(),
            By::Tag => {
                let of = |tag: &&RequestTagRow| {
                    Some(&tag.request_key) == request.map(|request| &request.request_key)
                        && tag.removed_at.is_none()
                };
                let tags: BTreeSet<String> =
                    self.made.tags.iter().filter(of).map(|tag| tag.tag_id.clone()).collect();
                return if tags.is_empty() { [String::new()].into() } else { tags };
            }
        };
        [key].into()
    }

    fn each(&mut self, keys: BTreeSet<String>, count: impl Fn(&mut Counted)) {
        for key in keys {
            count(self.rows.entry(key).or_default());
        }
    }

    fn happened(&mut self) {
        let (since, until) = (self.query.since, self.query.until);
        let is_within = |at: DateTime<Utc>| since.is_none_or(|since| at >= since) && at < until;
        for request in self.made.requests.iter().filter(|request| request.kind != "rating") {
            let or_holder = |operator: &Option<String>| {
                operator.clone().or(request.holder_operator_id.clone()).unwrap_or_default()
            };
            let channel = request.channel_id.as_ref();
            if is_within(request.opened_at) {
                let operator = or_holder(&request.first_operator_id);
                let keys = self.keys(&operator, Some(request), channel, request.opened_at);
                self.each(keys, |row| row.opened += 1);
            }
            if let Some(closed) = request.closed_at.filter(|closed| is_within(*closed)) {
                let operator = or_holder(&request.last_operator_id);
                let keys = self.keys(&operator, Some(request), channel, closed);
                self.each(keys, |row| row.closed += 1);
            }
        }
        for said in self.made.messages.iter().filter(|said| is_within(said.sent_at)) {
            let request = said
                .request_key
                .as_ref()
                .and_then(|key| self.made.requests.iter().find(|request| request.request_key == *key));
            let is_left_out = said.is_deleted
                || said.time_quality == "unconfirmed"
                || request.is_some_and(|request| request.kind == "rating");
            let author = ["client", "operator", "bot", "automation"]
                .into_iter()
                .find(|author| *author == said.author_kind);
            let Some(author) = author.filter(|_| !is_left_out) else { continue };
            let holder = request.and_then(|r| r.first_operator_id.clone().or(r.holder_operator_id.clone()));
            let whose = if matches!(author, "operator" | "bot") { said.operator_id.clone() } else { holder };
            let whose = whose.unwrap_or_default();
            let channel =
                said.channel_id.as_ref().or(request.and_then(|request| request.channel_id.as_ref()));
            let local = said.sent_at.with_timezone(&ZONE);
            let keys = self.keys(&whose, request, channel, said.sent_at);
            self.each(keys, |row| {
                *row.messages.entry(author).or_default() += 1;
                if matches!(author, "client" | "operator") {
                    row.people.insert(said.client_id.clone());
                }
                if author == "operator" {
                    row.operators.insert(whose.clone());
                    let hour = (whose.clone(), local.date_naive(), local.hour());
                    row.hours.entry(hour).or_default().insert(said.client_id.clone());
                }
            });
        }
    }

    fn left_open(&mut self) {
        let until = self.query.until;
        let last_day = (until - Duration::microseconds(1)).with_timezone(&ZONE).date_naive();
        let known = self.made.requests.iter().filter(|r| r.kind != "rating" && r.opened_at < until);
        for request in known {
            let closed = request.closed_at.filter(|closed| *closed < until);
            // Not after the end of a day, or of an hour of the last day.
            let is_by = |at: DateTime<Utc>, key: &str| {
                let local = at.with_timezone(&ZONE);
                match self.query.by {
                    By::Day => local.date_naive().to_string().as_str() <= key,
                    _ => (local.date_naive(), local.hour()) <= (last_day, key.parse().unwrap()),
                }
            };
            match self.query.by {
                By::Day | By::Hour => {
                    for (key, row) in &mut self.rows {
                        let is_open =
                            is_by(request.opened_at, key) && !closed.is_some_and(|closed| is_by(closed, key));
                        row.open_at_end += i64::from(is_open);
                    }
                }
                _ if closed.is_some() => {}
                _ => {
                    let mut held =
                        self.made.assignments.iter().filter(|a| a.request_key == request.request_key);
                    let is_held =
                        |a: &&AssignmentRow| a.from_at < until && a.to_at.is_none_or(|to| to >= until);
                    let operator = match held.clone().count() {
                        0 => request.holder_operator_id.clone(),
                        _ => held.find(is_held).map(|a| a.operator_id.clone()),
                    };
                    let channel = request.channel_id.as_ref();
                    let keys = self.keys(&operator.unwrap_or_default(), Some(request), channel, until);
                    self.each(keys, |row| row.open_at_end += 1);
                }
            }
        }
    }
}

fn naive(made: &Business, query: &WorkloadQuery<'_>) -> BTreeMap<String, WorkloadRow> {
    let mut reading = Reading { made, query, rows: BTreeMap::new() };
    if query.by == By::All {
        reading.rows.insert("all".to_owned(), Counted::default());
    }
    reading.happened();
    reading.left_open();
    let count = |n: usize| i64::try_from(n).unwrap();
    let row = |(key, counted): (String, Counted)| {
        let messages = |author: &str| counted.messages.get(author).copied().unwrap_or_default();
        let people: usize = counted.hours.values().map(BTreeSet::len).sum();
        let row = WorkloadRow {
            key: key.clone(),
            label: String::new(),
            opened: counted.opened,
            closed: counted.closed,
            open_at_end: counted.open_at_end,
            client_messages: messages("client"),
            operator_messages: messages("operator"),
            bot_messages: messages("bot"),
            automation_messages: messages("automation"),
            people: count(counted.people.len()),
            operators: count(counted.operators.len()),
            operator_hours: count(counted.hours.len()),
            people_per_operator_hour: (!counted.hours.is_empty())
                .then(|| count(people) as f64 / count(counted.hours.len()) as f64),
        };
        (key, row)
    };
    reading.rows.into_iter().map(row).collect()
}

async fn compare(seed: u8, first_day: &str, last_day: &str) {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let made = business(&mut Dice::new(seed), first_day, 250);
    upsert(&mut connection, &made.requests).await.unwrap();
    upsert(&mut connection, &made.assignments).await.unwrap();
    upsert(&mut connection, &made.messages).await.unwrap();
    upsert(&mut connection, &made.tags).await.unwrap();
    // Another tenant's rows are nobody else's business.
    let others = |row: &RequestRow| RequestRow { account_id: "other".to_owned(), ..row.clone() };
    upsert(&mut connection, &made.requests.iter().map(others).collect::<Vec<_>>()).await.unwrap();
    let others = |row: &MessageRow| MessageRow { account_id: "other".to_owned(), ..row.clone() };
    upsert(&mut connection, &made.messages.iter().map(others).collect::<Vec<_>>()).await.unwrap();
    let acme = account("acme");
    let (start, end) = (midnight(first_day, ZONE), midnight(last_day, ZONE));
    for (since, until) in [
        (Some(start), end),
        (None, end + Duration::days(30)),
        // Now, in the middle of the night with the change.
        (Some(start), end - Duration::hours(20)),
        (Some(at("2027-01-01T00:00:00Z")), at("2027-01-02T00:00:00Z")),
    ] {
        for by in By::ALL {
            let query = WorkloadQuery { account: &acme, since, until, by, zone: ZONE.name() };
            let found = workload(&mut *connection, &query).await.unwrap();
            let what = format!("seed {seed}, {since:?} until {until}, by {}", by.as_str());
            let expected = naive(&made, &query);
            let mut keys: Vec<&str> = found.iter().map(|row| row.key.as_str()).collect();
            keys.sort_unstable();
            assert_eq!(expected.keys().map(String::as_str).collect::<Vec<_>>(), keys, "{what}");
            for row in found {
                let mut row = row;
                row.label.clear();
                assert_eq!(expected[&row.key], row, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_workload_equals_a_naive_reading_over_a_night_that_skips_an_hour() {
    compare(5, "2026-03-28", "2026-03-31").await;
}

#[tokio::test]
async fn the_workload_equals_a_naive_reading_over_a_night_that_repeats_an_hour() {
    compare(6, "2025-10-25", "2025-10-28").await;
}

#[tokio::test]
async fn nothing_to_do_is_one_row_of_zeros_and_no_group() {
    let pool = database().await.pool();
    let acme = account("acme");
    for by in By::ALL {
        let until = at("2026-03-30T20:00:00Z");
        let query = WorkloadQuery { account: &acme, since: None, until, by, zone: "Asia/Almaty" };
        let found = workload(&pool, &query).await.unwrap();
        match by {
            By::All => {
                let empty =
                    WorkloadRow { key: "all".to_owned(), label: "all".to_owned(), ..WorkloadRow::default() };
                assert_eq!(found, [empty]);
            }
            _ => assert!(found.is_empty(), "{found:?}"),
        }
    }
}

/// The example of docs/metrics.md.
#[tokio::test]
async fn two_clients_in_one_hour_and_three_in_the_next_are_two_and_a_half_an_hour() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let message = |(no, (client, minute)): (usize, &(&str, i64))| MessageRow {
        account_id: "acme".to_owned(),
        message_id: no.to_string(),
        client_id: (*client).to_owned(),
        author_kind: "operator".to_owned(),
        operator_id: Some("ann".to_owned()),
        sent_at: at("2026-03-27T09:00:00Z") + Duration::minutes(*minute),
        time_quality: "ok".to_owned(),
        ..MessageRow::default()
    };
    let said = [("1", 5), ("2", 50), ("1", 55), ("2", 60), ("3", 70), ("4", 119)];
    let messages: Vec<MessageRow> = said.iter().enumerate().map(message).collect();
    upsert(&mut connection, &messages).await.unwrap();
    let acme = account("acme");
    let until = at("2026-03-28T00:00:00Z");
    let query = WorkloadQuery { account: &acme, since: None, until, by: By::Operator, zone: "UTC" };
    let found = workload(&mut *connection, &query).await.unwrap().remove(0);
    assert_eq!((found.people, found.operators, found.operator_hours), (4, 1, 2));
    assert_eq!((found.key.as_str(), found.people_per_operator_hour), ("ann", Some(2.5)));
}
