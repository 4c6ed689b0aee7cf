//! Folding claimed conversations: from their saved states where these serve, whole where they do not.

use std::collections::BTreeSet;

use store::folding::{self, ClaimedConversations, OpenEnd, SavedState, StateChange, Subject};
use store::{PgConnection, StoreError};

use super::changed_rows::ChangedRows;
use crate::Rules;
use crate::fold::{Folded, Saved, fold_and_save};

/// What the folds of a batch come to.
pub(super) struct Folds {
    pub(super) changed: ChangedRows,
    /// Account, conversation, and what happens to its saved state.
    pub(super) states: Vec<(String, String, StateChange)>,
    /// Tellings that were read.
    pub(super) told: usize,
}

/// Reads what is needed of each conversation and folds it.
pub(super) async fn fold(
    connection: &mut PgConnection,
    claimed: &ClaimedConversations,
    rules: &Rules,
) -> Result<Folds, StoreError> {
    let mut folds = Folds { changed: ChangedRows::default(), states: Vec::new(), told: 0 };
    let usable: Vec<(&SavedState, Saved)> =
        claimed.states.iter().filter_map(|state| Some((state, usable(state, rules)?))).collect();
    let ends: Vec<OpenEnd> = usable.iter().map(|(state, saved)| open_end(state, saved)).collect();
    let open = folding::read_open_ends(connection, &ends).await?;
    let mut resumed: Vec<(Subject, Folded, Option<Saved>)> = Vec::new();
    for subject in open {
        let place = usable.binary_search_by(|(state, _)| {
            (&state.account, &state.conversation).cmp(&(&subject.account, &subject.subject))
        });
        let Some((_, saved)) = place.ok().and_then(|place| usable.get(place)) else { continue };
        if let Ok((folded, next)) = fold_and_save(&subject, rules.of(&subject.account), Some(saved)) {
            resumed.push((subject, folded, next));
        }
    }
    let is_resumed = |(account, conversation): &&(String, String)| {
        resumed.binary_search_by(|(s, ..)| (&s.account, &s.subject).cmp(&(account, conversation))).is_ok()
    };
    let rest: Vec<(String, String)> =
        claimed.conversations.iter().filter(|one| !is_resumed(one)).cloned().collect();
    metrics::counter!("chatledger_folds_total", "from" => "state").increment(resumed.len() as u64);
    metrics::counter!("chatledger_folds_total", "from" => "beginning").increment(rest.len() as u64);
    let whole = folding::read_whole(connection, &rest).await?;
    let quiet = claimed.quiet(connection).await?;
    for (subject, folded, next) in resumed {
        folds.add(&subject, folded, next, rules, &quiet)?;
    }
    for subject in whole {
        let Ok((folded, next)) = fold_and_save(&subject, rules.of(&subject.account), None) else { continue };
        let is_saved = next.is_some();
        folds.add(&subject, folded, next, rules, &quiet)?;
        let has_state = |state: &SavedState| {
            (&state.account, &state.conversation) == (&subject.account, &subject.subject)
        };
        // Of one whose marks have no time the state was not looked for: it may be there.
        if !is_saved
            && (claimed.states.iter().any(has_state)
                || claimed.is_undated(&subject.account, &subject.subject))
        {
            folds.states.push((subject.account, subject.subject, StateChange::Dropped));
        }
    }
    folds.changed.one_of_each();
    Ok(folds)
}

impl Folds {
    /// Takes what a fold made.
    fn add(
        &mut self,
        subject: &Subject,
        folded: Folded,
        next: Option<Saved>,
        rules: &Rules,
        quiet: &BTreeSet<(String, String)>,
    ) -> Result<(), StoreError> {
        let place = (subject.account.clone(), subject.subject.clone());
        self.told += subject.told.len();
        self.changed.add(subject, folded, quiet.contains(&place))?;
        if let Some(next) = next {
            let state = serde_json::to_string(&next)
                .map_err(|error| StoreError::Refused(format!("state of a fold: {error}")))?;
            let change = StateChange::Saved(rules.fingerprint(&subject.account), state);
            self.states.push((place.0, place.1, change));
        }
        Ok(())
    }
}

/// The state, when it was made under these rules and nothing that is marked happened before its cut.
fn usable(state: &SavedState, rules: &Rules) -> Option<Saved> {
    if state.rules != rules.fingerprint(&state.account) {
        return None;
    }
    // One that a later version wrote in another form is made anew.
    let saved: Saved = serde_json::from_str(&state.state).ok()?;
    state.since.is_some_and(|since| since >= saved.cut_at()).then_some(saved)
}

fn open_end(state: &SavedState, saved: &Saved) -> OpenEnd {
    OpenEnd {
        account: state.account.clone(),
        conversation: state.conversation.clone(),
        cut_at: saved.cut_at(),
        request_key: saved.request_key().to_owned(),
        request_id: saved.request_id().map(str::to_owned),
        opened_at: saved.opened_at(),
        turn_no: saved.turn_no(),
        assignment_no: saved.assignment_no(),
    }
}
