//! The fold of one conversation: from the set of its facts to rows. Pure; order of arrival cannot matter.
//!
//! Merge the tellings, date the messages ([`message`]), cut the conversation into requests ([`segment`]), find who
//! held each ([`holding`]), count its turns ([`turns`]), and write the rows ([`request`], [`dialog`]); tags and scores
//! hang on the requests ([`tags`], [`scores`]).

mod assignment;
mod dialog;
mod evidence;
mod holding;
mod message;
mod request;
mod scores;
mod segment;
mod tags;
#[cfg(test)]
mod tests;
mod turns;

use events::fact::Conversation;
use store::folding::Subject;
use store::tables::{AssignmentRow, DialogRow, MessageRow, RequestRow, RequestTagRow, TagScoreRow, TurnRow};

use crate::AccountRules;
use crate::merge::merge;
use evidence::Evidence;

/// The rows of one conversation, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// By order of messages.
    pub messages: Vec<MessageRow>,
    /// By dialog id.
    pub dialogs: Vec<DialogRow>,
    /// By opening.
    pub requests: Vec<RequestRow>,
    /// By request and number.
    pub turns: Vec<TurnRow>,
    /// By request and number.
    pub assignments: Vec<AssignmentRow>,
    /// By request, tag and episode.
    pub tags: Vec<RequestTagRow>,
    /// By valuation request and scale.
    pub scores: Vec<TagScoreRow>,
}

/// Folds a conversation.
pub fn fold(subject: &Subject, rules: &AccountRules) -> Folded {
    let merged = merge(&subject.told);
    let evidence = Evidence::gather(&subject.told, &merged, &subject.foreign, rules);
    let segments = segment::requests(&evidence, &subject.subject);
    let mut folded = Folded::default();
    let scope = Scope {
        account: &subject.account,
        conversation: &subject.subject,
        place: &Conversation::from_key(&subject.subject),
        rules,
    };
    let mut previous = None;
    for segment in &segments.requests {
        let request::Rows { row, turns, assignments } =
            request::rows(&scope, &evidence, segment, previous.as_ref());
        if segment.counts_as_contact() {
            previous = Some(row.request_key.clone());
        }
        folded.requests.push(row);
        folded.turns.extend(turns);
        folded.assignments.extend(assignments);
    }
    let episodes = tags::episodes(&evidence);
    folded.tags = tags::rows(&scope, &episodes);
    folded.scores = scores::rows(&scope, &evidence, &segments, &folded.requests, &episodes);
    folded.dialogs = dialog::rows(&scope, &evidence, &folded.requests);
    folded.messages = message::rows(&scope, &evidence, &segments, &folded.requests);
    folded
}

/// What every row of the conversation needs.
struct Scope<'a> {
    account: &'a str,
    conversation: &'a str,
    place: &'a Conversation,
    rules: &'a AccountRules,
}

impl Scope<'_> {
    fn channel(&self) -> Option<String> {
        (!self.place.channel_id.is_empty()).then(|| self.place.channel_id.clone())
    }
}
