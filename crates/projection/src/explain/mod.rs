//! The fold of one dialog or request, told step by step, with the delivery behind each step (design.md 5, promise 7).
//!
//! It runs the fold itself ([`crate::fold::fold`], [`crate::merge`]) and tells what came out: every number is the row's.
//! What it adds is which telling, message or event lies at each end, found among the merged facts by the instant that the
//! row names. No text that people wrote is told unless it is asked for.

mod cut;
mod evidence;
mod measured;
mod rated;
mod told;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use store::folding::Subject;
use store::tables::{MessageRow, RequestRow};
use uuid::Uuid;

use crate::AccountRules;
use crate::fold::{Folded, fold};
use crate::merge::merge;
use evidence::Evidence;

/// What is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// One request, by its key.
    Request(&'a str),
    /// All requests of a dialog, by its id.
    Dialog(&'a str),
}

/// The parts of the fold, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Which telling won which field.
    Told,
    /// Where requests begin and end.
    Cut,
    /// Who held them.
    Held,
    /// Who asked, who answered.
    Turn,
    /// How long it took.
    Duration,
    /// Tags put on and taken off.
    Tag,
    /// Scores and what they rate.
    Score,
    /// What does not count, and why.
    LeftOut,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// When it happened.
    pub at: Option<DateTime<Utc>>,
    /// The part of the fold.
    pub part: Part,
    /// The request that it is about.
    pub request_key: Option<String>,
    /// What.
    pub what: String,
    /// A column of the row that the step is about, and its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<&'static str>,
    /// The value, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The delivery that told it first: `trace` shows it.
    pub delivery_id: Option<Uuid>,
}

/// The steps of a fold and the rows that it made.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// The requests that are told of, by opening.
    pub requests: Vec<RequestRow>,
    /// The steps, part by part, each by time.
    pub steps: Vec<Step>,
}

/// Folds a conversation and tells of one request or one dialog of it. `with_texts` also tells what people wrote.
pub fn explain(subject: &Subject, rules: &AccountRules, about: About<'_>, with_texts: bool) -> Story {
    let folded = fold(subject, rules);
    let merged = merge(&subject.told);
    let is_asked = |row: &RequestRow| match about {
        About::Request(key) => row.request_key == key,
        About::Dialog(id) => row.dialog_id.as_deref() == Some(id),
    };
    let requests: Vec<RequestRow> = folded.requests.iter().filter(|row| is_asked(row)).cloned().collect();
    let telling = Telling {
        subject,
        rules,
        keys: requests.iter().map(|row| row.request_key.as_str()).collect(),
        dialogs: requests.iter().filter_map(|row| row.dialog_id.as_deref()).collect(),
        evidence: Evidence::new(&merged),
        folded: &folded,
        is_whole: matches!(about, About::Dialog(_)),
        with_texts,
    };
    let mut steps = told::steps(&telling, &merged);
    for row in &requests {
        steps.extend(cut::steps(&telling, row));
        steps.extend(measured::held(&telling, row));
        steps.extend(measured::turns(&telling, row));
        steps.extend(measured::durations(&telling, row));
    }
    steps.extend(rated::tags(&telling));
    steps.extend(rated::scores(&telling));
    steps.extend(told::left_out(&telling));
    // Stable: within a part and an instant the order above holds.
    steps.sort_by_key(|step| step.part);
    Story { requests, steps }
}

/// What every part of the story needs.
struct Telling<'a> {
    subject: &'a Subject,
    rules: &'a AccountRules,
    /// The requests that are told of.
    keys: BTreeSet<&'a str>,
    /// Their dialogs.
    dialogs: BTreeSet<&'a str>,
    evidence: Evidence<'a>,
    folded: &'a Folded,
    /// All of a dialog, also what belongs to no request.
    is_whole: bool,
    with_texts: bool,
}

impl<'a> Telling<'a> {
    fn is_told_of(&self, request: Option<&str>) -> bool {
        request.is_some_and(|key| self.keys.contains(key))
    }

    /// The messages of a request, in their order.
    fn messages_of(&self, request: &'a str) -> impl DoubleEndedIterator<Item = &'a MessageRow> {
        self.folded.messages.iter().filter(move |row| row.request_key.as_deref() == Some(request))
    }

    /// Of a request the message that was sent at an instant by this author, and by this operator where one is named.
    fn message_at(
        &self,
        request: &'a str,
        at: DateTime<Utc>,
        author: &str,
        operator: Option<&str>,
    ) -> Option<&'a MessageRow> {
        self.messages_of(request).find(|row| {
            row.sent_at == at
                && row.author_kind == author
                && operator.is_none_or(|operator| row.operator_id.as_deref() == Some(operator))
        })
    }
}

impl Step {
    fn new(part: Part, request: Option<&str>, at: Option<DateTime<Utc>>, what: String) -> Self {
        let request_key = request.map(str::to_owned);
        Self { at, part, request_key, what, column: None, seconds: None, delivery_id: None }
    }

    fn by(self, delivery: Option<Uuid>) -> Self {
        Self { delivery_id: delivery, ..self }
    }

    fn column(self, column: &'static str, seconds: Option<f64>) -> Self {
        Self { column: Some(column), seconds, ..self }
    }
}
