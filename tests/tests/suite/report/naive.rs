//! Random requests, and the report's rules one value at a time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Timelike, Utc};
use projection::Hours;
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use store::report::{By, LeftOut, Query, Summary};
use store::tables::{RequestRow, RequestTagRow, TurnRow};

use super::{ZONE, midnight};

/// Chance from a fixed seed.
pub(super) struct Dice(TestRng);

impl Dice {
    pub(super) fn new(seed: u8) -> Self {
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
    }

    pub(super) fn below(&mut self, end: i64) -> i64 {
        (self.0.next_u64() % end.unsigned_abs()).cast_signed()
    }

    pub(super) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len().try_into().unwrap())).unwrap()].clone()
    }
}

/// A request with its turns, as they are stored.
pub(super) struct Case {
    pub(super) request: RequestRow,
    pub(super) turns: Vec<TurnRow>,
    pub(super) tags: Vec<RequestTagRow>,
}

impl Case {
    /// The tags that are on, each once; `''` without any. `is_counted` leaves tags out.
    pub(super) fn topics(&self, is_counted: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let on = self.tags.iter().filter(|tag| tag.removed_at.is_none() && is_counted(&tag.tag_id));
        let topics: BTreeSet<String> = on.map(|tag| tag.tag_id.clone()).collect();
        if topics.is_empty() { [String::new()].into() } else { topics }
    }
}

/// Some tags, one of them possibly taken off and put on again.
fn tags(dice: &mut Dice, request: &str, at: DateTime<Utc>) -> Vec<RequestTagRow> {
    let mut tags = Vec::new();
    for tag in ["t1", "t2", "t3", "score-5"] {
        for episode in 1..=dice.below(3) {
            let is_last = dice.below(2) == 0;
            tags.push(RequestTagRow {
                account_id: "acme".to_owned(),
                request_key: request.to_owned(),
                tag_id: tag.to_owned(),
                episode: episode.try_into().unwrap(),
                label: Some(format!("Tag {tag}")),
                added_at: at,
                removed_at: (!is_last).then_some(at),
                ..RequestTagRow::default()
            });
            if is_last {
                break;
            }
        }
    }
    tags
}

pub(super) fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64()
}

/// Five days of requests, with everything that the rules tell apart.
pub(super) fn cases(dice: &mut Dice, n: usize, hours: Option<&Hours>) -> Vec<Case> {
    let some = |dice: &mut Dice, of: &[&str]| dice.one(of).to_owned().into_some();
    let business = |from, to| hours.and_then(|hours| hours.seconds_between(from, to));
    let mut cases = Vec::new();
    for no in 0..n {
        let first = midnight("2026-03-26", ZONE) + Duration::milliseconds(dice.below(5 * 86_400_000));
        let local = first.with_timezone(&ZONE);
        let kind =
            dice.one(&["common", "common", "common", "common", "common", "rating", "continuous", "offline"]);
        let initiated_by = dice.one(&["client", "client", "client", "client", "company"]);
        let measured = kind == "common" && initiated_by == "client";
        let holder = some(dice, &["", "1", "2", "3"]);
        let key = format!("r{no}");
        let mut turns = Vec::new();
        let (mut now, mut closed_at) = (first, None);
        for turn_no in 1..=dice.below(4) {
            // Often about the target, sometimes hours.
            let scale = dice.one(&[120_000, 240_000, 8 * 3_600_000]);
            let end = now + Duration::milliseconds(dice.below(scale));
            let ending = dice.one(&["answered", "answered", "answered", "closed_unanswered", "waiting"]);
            let mut turn = TurnRow {
                account_id: "acme".to_owned(),
                request_key: key.clone(),
                turn_no: turn_no.try_into().unwrap(),
                asked_at: now,
                state: ending.to_owned(),
                operator_id: holder.clone(),
                ..TurnRow::default()
            };
            if ending == "answered" {
                turn.answered_at = Some(end);
                turn.operator_id = some(dice, &["1", "2", "3", "4"]);
                turn.reply_seconds = measured.then(|| seconds(now, end));
                turn.reply_business_seconds = business(now, end).filter(|_| measured);
            }
            turn.ended_at = (ending != "waiting").then_some(end);
            turns.push(turn);
            now = end;
            if ending != "answered" {
                closed_at = (ending == "closed_unanswered").then_some(end);
                break;
            }
            if dice.below(3) == 0 {
                closed_at = Some(end);
            }
        }
        let replies = || turns.iter().filter(|turn| turn.answered_at.is_some());
        let answer = turns.first().and_then(|turn| turn.answered_at).filter(|_| measured);
        let human = first
            + Duration::milliseconds(answer.map_or(0, |at| dice.below((at - first).num_milliseconds() + 1)));
        let closed = closed_at.filter(|_| measured);
        let request = RequestRow {
            account_id: "acme".to_owned(),
            request_key: key,
            kind: kind.to_owned(),
            initiated_by: initiated_by.to_owned(),
            channel_id: some(dice, &["", "7", "8"]),
            transport: some(dice, &["", "whatsapp", "telegram"]),
            opened_at: first,
            closed_at,
            first_client_message_at: Some(first),
            first_operator_id: replies().next().and_then(|turn| turn.operator_id.clone()),
            last_operator_id: replies().next_back().and_then(|turn| turn.operator_id.clone()),
            holder_operator_id: holder,
            frt_customer_seconds: answer.map(|at| seconds(first, at)),
            frt_customer_business_seconds: answer.and_then(|at| business(first, at)),
            frt_human_seconds: answer.map(|at| seconds(human, at)),
            resolution_seconds: closed.map(|at| seconds(first, at)),
            local_day: local.date_naive(),
            local_hour: local.hour().try_into().unwrap(),
            metric_version: 1,
            ..RequestRow::default()
        };
        let tags = tags(dice, &request.request_key, first);
        cases.push(Case { request, turns, tags });
    }
    cases
}

trait IntoSome {
    /// `None` for the empty text.
    fn into_some(self) -> Option<String>;
}

impl IntoSome for String {
    fn into_some(self) -> Option<String> {
        Some(self).filter(|text| !text.is_empty())
    }
}

/// A summary one value at a time.
#[derive(Default)]
pub(super) struct Naive {
    values: Vec<f64>,
    met: i32,
    missed: i32,
    unanswered: i64,
    waiting: i64,
}

impl Naive {
    pub(super) fn add(
        &mut self,
        query: &Query<'_>,
        value: Option<f64>,
        state: &str,
        asked: DateTime<Utc>,
        ended: Option<DateTime<Utc>>,
        lasting: &dyn Fn(DateTime<Utc>, DateTime<Utc>) -> Option<f64>,
    ) {
        self.values.extend(value);
        let target = query.target_seconds;
        match (state, value) {
            ("answered", Some(value)) if value <= target => self.met += 1,
            ("answered", Some(_)) => self.missed += 1,
            ("answered", None) => {}
            _ => {
                let lasted = lasting(asked, ended.unwrap_or(query.as_of));
                self.missed += i32::from(lasted.is_some_and(|lasted| lasted > target));
            }
        }
        self.unanswered += i64::from(state == "closed_unanswered");
        self.waiting += i64::from(asked <= query.as_of && ended.is_none_or(|ended| ended > query.as_of));
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small numbers"
    )]
    pub(super) fn summary(mut self) -> Summary {
        self.values.sort_by(f64::total_cmp);
        let values = &self.values;
        let percentile = |p: f64| {
            let last = values.len().checked_sub(1)?;
            let place = p * last as f64;
            let low = values[place.floor() as usize];
            Some(low + (values[place.ceil() as usize] - low) * place.fract())
        };
        let judged = self.met + self.missed;
        Summary {
            n: values.len().try_into().unwrap(),
            mean: (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
            p50: percentile(0.5),
            p90: percentile(0.9),
            p95: percentile(0.95),
            max: values.last().copied(),
            within_target: (judged > 0).then(|| f64::from(self.met) / f64::from(judged)),
            unanswered: self.unanswered,
            waiting: self.waiting,
        }
    }
}

pub(super) type Counted = (i64, LeftOut, [Naive; 6]);

/// The rows of the report for which it counts.
fn keys(by: By, case: &Case, operator: Option<&String>) -> BTreeSet<String> {
    let Case { request, .. } = case;
    let key = match by {
        By::All => "all".to_owned(),
        By::Operator => operator.cloned().unwrap_or_default(),
        By::Channel => request.channel_id.clone().unwrap_or_default(),
        By::Transport => request.transport.clone().unwrap_or_default(),
        By::Day => request.local_day.to_string(),
        By::Hour => request.local_hour.to_string(),
        By::Tag => return case.topics(|_| true),
    };
    [key].into()
}

/// Business hours of the account, and of the operators who have their own.
#[derive(Default)]
pub(super) struct Clocks {
    pub(super) account: Option<Hours>,
    pub(super) operators: BTreeMap<String, Hours>,
}

impl Clocks {
    fn own(&self, operator: Option<&String>) -> Option<&Hours> {
        operator.and_then(|operator| self.operators.get(operator))
    }
}

pub(super) fn naive(cases: &[Case], query: &Query<'_>, clocks: &Clocks) -> BTreeMap<String, Counted> {
    let mut rows: BTreeMap<String, Counted> = BTreeMap::new();
    if query.by == By::All {
        rows.insert("all".to_owned(), Counted::default());
    }
    let real = |from, to| Some(seconds(from, to));
    let business = |operator: Option<&String>, from, to| {
        clocks.own(operator).or(clocks.account.as_ref()).and_then(|hours| hours.seconds_between(from, to))
    };
    for case in cases {
        let Case { request, turns, .. } = case;
        if query.from.is_some_and(|from| request.local_day < from)
            || query.to.is_some_and(|to| request.local_day > to)
        {
            continue;
        }
        let holder = request.holder_operator_id.as_ref();
        let mut is_left_out = false;
        let first = request.first_operator_id.as_ref().or(holder);
        // A first response is one operator's where rows are operators.
        let whose = first.filter(|_| query.by == By::Operator);
        for key in keys(query.by, case, first) {
            let row = rows.entry(key).or_default();
            let left_out = match (request.kind.as_str(), request.initiated_by.as_str()) {
                ("rating", _) => Some(&mut row.1.rating),
                ("continuous", _) => Some(&mut row.1.continuous),
                ("offline", _) => Some(&mut row.1.offline),
                (_, "company") => Some(&mut row.1.company),
                _ => None,
            };
            if let Some(left_out) = left_out {
                *left_out += 1;
                is_left_out = true;
                continue;
            }
            row.0 += 1;
            if let Some(turn) = turns.first() {
                let (state, asked, ended) = (turn.state.as_str(), turn.asked_at, turn.ended_at);
                row.2[0].add(query, request.frt_customer_seconds, state, asked, ended, &real);
                let took = match clocks.own(whose) {
                    Some(own) => {
                        request.frt_customer_seconds.and_then(|_| own.seconds_between(asked, ended?))
                    }
                    None => request.frt_customer_business_seconds,
                };
                row.2[1].add(query, took, state, asked, ended, &|from, to| business(whose, from, to));
                row.2[2].add(query, request.frt_human_seconds, state, asked, ended, &real);
            }
        }
        if is_left_out {
            continue;
        }
        let state = if request.closed_at.is_some() { "answered" } else { "waiting" };
        let asked = request.first_client_message_at.unwrap();
        for key in keys(query.by, case, request.last_operator_id.as_ref().or(holder)) {
            let row = rows.entry(key).or_default();
            row.2[5].add(query, request.resolution_seconds, state, asked, request.closed_at, &real);
        }
        for turn in turns {
            let (state, asked, ended) = (turn.state.as_str(), turn.asked_at, turn.ended_at);
            for key in keys(query.by, case, turn.operator_id.as_ref()) {
                let row = rows.entry(key).or_default();
                row.2[3].add(query, turn.reply_seconds, state, asked, ended, &real);
                let whose = turn.operator_id.as_ref();
                let took = match clocks.own(whose) {
                    Some(own) => turn.reply_seconds.and_then(|_| own.seconds_between(asked, ended?)),
                    None => turn.reply_business_seconds,
                };
                row.2[4].add(query, took, state, asked, ended, &|from, to| business(whose, from, to));
            }
        }
    }
    rows
}
