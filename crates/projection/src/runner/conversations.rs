//! Folding claimed conversations: from their saved states where these serve, whole where they do not.

use std::collections::BTreeSet;

use store::folding::{self, ClaimedConversations, OpenEnd, SavedState, StateChange, Subject};
use store::{PgConnection, StoreError};

use super::changed_rows::ChangedRows;
use crate::Rules;
use crate::fold::{Saved, fold_and_save};

/// What the folds of a batch come to.
pub(super) struct Folds {
    pub(super) changed: ChangedRows,
    /// Account, conversation, and what happens to its saved state.
    pub(super) states: Vec<(String, String, StateChange)>,
}

/// Refuses to fold under rules that another process has replaced: each would undo the other's rows.
pub(super) async fn check_rules(
    connection: &mut PgConnection,
    claimed: &ClaimedConversations,
    rules: &Rules,
) -> Result<(), StoreError> {
    let accounts: BTreeSet<&str> =
        claimed.conversations.iter().map(|(account, _)| account.as_str()).collect();
    let ours: Vec<(&str, i64)> =
        accounts.into_iter().map(|account| (account, rules.fingerprint(account))).collect();
    match store::rules::replaced(connection, &ours).await?.first() {
        None => Ok(()),
        Some(account) => Err(StoreError::Refused(format!(
            "account {account}: a process that was started later folds it under another configuration. Give both the same \
             configuration and restart this one"
        ))),
    }
}

/// Reads what is needed of each conversation and folds it.
pub(super) async fn fold(
    connection: &mut PgConnection,
    claimed: &ClaimedConversations,
    rules: &Rules,
) -> Result<Folds, StoreError> {
    let mut folds = Folds { changed: ChangedRows::default(), states: Vec::new() };
    let usable: Vec<(&SavedState, Saved)> =
        claimed.states.iter().filter_map(|state| Some((state, usable(state, rules)?))).collect();
    let ends: Vec<OpenEnd> = usable.iter().map(|(state, saved)| open_end(state, saved)).collect();
    let mut resumed: Vec<(String, String)> = Vec::new();
    for subject in folding::read_open_ends(connection, &ends).await? {
        let place = usable.binary_search_by(|(state, _)| {
            (&state.account, &state.conversation).cmp(&(&subject.account, &subject.subject))
        });
        let Some((_, saved)) = place.ok().and_then(|place| usable.get(place)) else { continue };
        let quiet = claimed.is_quiet(&subject.account, &subject.subject);
        if folds.add(&subject, rules, Some(saved), quiet)? {
            resumed.push((subject.account, subject.subject));
        }
    }
    let whole: Vec<(String, String)> =
        claimed.conversations.iter().filter(|c| resumed.binary_search(c).is_err()).cloned().collect();
    metrics::counter!("chatledger_folds_total", "from" => "state").increment(resumed.len() as u64);
    metrics::counter!("chatledger_folds_total", "from" => "beginning").increment(whole.len() as u64);
    for subject in folding::read_whole(connection, &whole).await? {
        let quiet = claimed.is_quiet(&subject.account, &subject.subject);
        folds.add(&subject, rules, None, quiet)?;
        let has_state = |state: &SavedState| {
            (&state.account, &state.conversation) == (&subject.account, &subject.subject)
        };
        let replaced =
            folds.states.last().is_some_and(|(a, c, _)| (a, c) == (&subject.account, &subject.subject));
        // One whose marks have no time was not read: it may be there.
        if !replaced
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
    /// Folds a conversation; false when the saved state does not do, and nothing was taken.
    fn add(
        &mut self,
        subject: &Subject,
        rules: &Rules,
        saved: Option<&Saved>,
        quiet: bool,
    ) -> Result<bool, StoreError> {
        let Ok((folded, next)) = fold_and_save(subject, rules.of(&subject.account), saved) else {
            return Ok(false);
        };
        self.changed.add(subject, folded, quiet)?;
        if let Some(next) = next {
            let state = serde_json::to_string(&next)
                .map_err(|error| StoreError::Refused(format!("state of a fold: {error}")))?;
            let change = StateChange::Saved(rules.fingerprint(&subject.account), state);
            self.states.push((subject.account.clone(), subject.subject.clone(), change));
        }
        Ok(true)
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
