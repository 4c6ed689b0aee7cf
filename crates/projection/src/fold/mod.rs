//! The fold of one conversation: from the set of its facts to rows. Pure; order of arrival cannot matter.
//!
//! Merge the tellings, date the messages ([`message`]), cut the conversation into requests ([`segment`]), add up what was
//! said in each ([`talk`]), find who held it ([`holding`]), count its turns ([`turns`]), and write the rows ([`request`],
//! [`dialog`]); tags and scores hang on the requests ([`tags`], [`scores`]). A long conversation is folded from a saved
//! state on ([`saved`]), which is chosen where nothing lies on both sides ([`cut`]).

mod assignment;
mod cut;
mod dialog;
mod evidence;
mod holding;
mod message;
mod request;
mod saved;
mod scores;
mod segment;
mod tags;
mod talk;
#[cfg(test)]
mod tests;
mod turns;

use events::fact::Conversation;
use store::folding::Subject;
use store::tables::{AssignmentRow, DialogRow, MessageRow, RequestRow, RequestTagRow, TagScoreRow, TurnRow};

use crate::AccountRules;
use crate::merge::merge;
use evidence::Evidence;
pub use saved::{BeforeTheCut, Saved};

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

impl Folded {
    /// Whether these rows are the last ones of another fold.
    fn ends(&self, whole: &Self) -> bool {
        whole.messages.ends_with(&self.messages)
            && whole.requests.ends_with(&self.requests)
            && whole.turns.ends_with(&self.turns)
            && whole.assignments.ends_with(&self.assignments)
            && whole.dialogs == self.dialogs
            && self.tags.iter().all(|row| whole.tags.contains(row))
            && self.scores.iter().all(|row| whole.scores.contains(row))
    }
}

/// Folds a whole conversation.
pub fn fold(subject: &Subject, rules: &AccountRules) -> Folded {
    // Without a saved state nothing lies before it.
    assemble(subject, rules, None).map(|parts| parts.folded).unwrap_or_default()
}

/// Folds the open end of a conversation from a saved state: `subject` has what happened after its cut, the list of
/// dialogs, and what names the request that lasts or reports on those after it. The rows are those that may have
/// changed.
///
/// # Errors
/// [`BeforeTheCut`] when a fact reaches back: fold the whole conversation.
pub fn resume(subject: &Subject, rules: &AccountRules, saved: &Saved) -> Result<Folded, BeforeTheCut> {
    Ok(assemble(subject, rules, Some(saved))?.folded)
}

/// Folds a conversation, whole or from a saved state, and says where the next fold may start: `None` when there is no new
/// state.
///
/// # Errors
/// As [`resume`].
pub fn fold_and_save(
    subject: &Subject,
    rules: &AccountRules,
    saved: Option<&Saved>,
) -> Result<(Folded, Option<Saved>), BeforeTheCut> {
    let Parts { folded, evidence, segments } = assemble(subject, rules, saved)?;
    let whole = cut::Whole {
        subject,
        rules,
        evidence: &evidence,
        segments: &segments,
        folded: &folded,
        before: saved,
    };
    let state = whole.cut();
    Ok((folded, state))
}

/// What a fold makes on the way.
struct Parts {
    folded: Folded,
    evidence: Evidence,
    segments: segment::Segments,
}

fn assemble(subject: &Subject, rules: &AccountRules, saved: Option<&Saved>) -> Result<Parts, BeforeTheCut> {
    if saved.is_some_and(|saved| !subject.foreign.is_empty() || !saved.covers(&subject.told)) {
        return Err(BeforeTheCut);
    }
    let merged = merge(&subject.told);
    let evidence = Evidence::gather(&subject.told, &merged, &subject.foreign, rules);
    let segments = segment::requests(&evidence, &subject.subject, saved);
    if saved.is_some_and(|saved| !saved.precedes(&segments)) {
        return Err(BeforeTheCut);
    }
    let mut folded = Folded::default();
    let scope = Scope {
        account: &subject.account,
        conversation: &subject.subject,
        place: &Conversation::from_key(&subject.subject),
        rules,
    };
    let mut previous = saved.and_then(|saved| saved.previous.clone());
    for segment in &segments.requests {
        let request::Rows { row, turns, assignments } =
            request::rows(&scope, &evidence, segment, previous.as_ref(), saved);
        if segment.counts_as_contact() {
            previous = Some(row.request_key.clone());
        }
        folded.requests.push(row);
        folded.turns.extend(turns);
        folded.assignments.extend(assignments);
    }
    if saved.is_some_and(|saved| !folded.requests.first().is_some_and(|row| saved.agrees(row))) {
        return Err(BeforeTheCut);
    }
    let episodes = tags::episodes(&evidence);
    folded.tags = tags::rows(&scope, &episodes);
    folded.scores = scores::rows(&scope, &evidence, &segments, &folded.requests, &episodes, saved)?;
    let dialogs = dialog::contacts(
        dialog::named(&evidence, &folded.requests),
        &folded.requests,
        evidence.dialog_closes.iter(),
        saved.map(|saved| &saved.dialogs),
    );
    folded.dialogs = dialog::rows(&scope, &evidence, &dialogs);
    folded.messages = message::rows(&scope, &evidence, &segments, &folded.requests);
    Ok(Parts { folded, evidence, segments })
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
