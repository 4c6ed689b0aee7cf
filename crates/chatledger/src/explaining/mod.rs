//! `explain`: which conversation a dialog or request stands in, and its story.
//!
//! Owns: what was asked, and how it is written. Must not know: how a conversation is folded ([`projection::explain`]).

mod written;

use std::collections::BTreeSet;

use events::AccountId;
use projection::explain::{About, Story, explain};
use store::{folding, trace};

use crate::configuration::Configuration;
use crate::installation::Installation;
use crate::rules;

pub(crate) use written::{Format, written};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    kind: Option<&'static str>,
    id: String,
}

impl Asked {
    /// Reads an id with or without its kind.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        for kind in ["request", "dialog"] {
            if let Some(id) = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')) {
                return Self { kind: Some(kind), id: id.to_owned() };
            }
        }
        Self { kind: None, id: text.to_owned() }
    }
}

/// One dialog or request of an account.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) account: String,
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) conversation: String,
    pub(crate) story: Story,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Found {
    /// One story for each account that has it.
    Stories(Vec<Explained>),
    /// Nobody has it.
    Nothing,
    /// A dialog and a request of one account have this id.
    Several,
}

/// Folds what was asked for, and tells of it.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn gather(
    installation: &Installation,
    configuration: &Configuration,
    asked: &Asked,
    account: Option<&AccountId>,
    with_texts: bool,
) -> anyhow::Result<Found> {
    let rules = rules::projection(configuration);
    let known = configuration.accounts.iter().map(|account| &account.id);
    let mut stories = Vec::new();
    for account in account.map_or_else(|| known.collect(), |account| vec![account]) {
        // One moment: the tables may move on between the look-up and the facts.
        let mut transaction = store::snapshot(&installation.pool).await?;
        let mut places = trace::conversations_of(&mut *transaction, account.as_str(), &asked.id).await?;
        places.retain(|(kind, _)| asked.kind.is_none_or(|asked| asked == kind));
        let kinds: BTreeSet<&str> = places.iter().map(|(kind, _)| kind.as_str()).collect();
        if kinds.len() > 1 {
            return Ok(Found::Several);
        }
        for (kind, conversation) in places {
            let subject = folding::peek(&mut transaction, account.as_str(), &conversation).await?;
            let about = match kind.as_str() {
                "dialog" => About::Dialog(&asked.id),
                _ => About::Request(&asked.id),
            };
            let story = explain(&subject, rules.of(account.as_str()), about, with_texts);
            let (account, id) = (account.as_str().to_owned(), asked.id.clone());
            stories.push(Explained { account, kind, id, conversation, story });
        }
    }
    Ok(if stories.is_empty() { Found::Nothing } else { Found::Stories(stories) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_with_and_without_their_kind() {
        let asked = |kind, id: &str| Asked { kind, id: id.to_owned() };
        assert_eq!(Asked::read(" 8800031 "), asked(None, "8800031"));
        assert_eq!(Asked::read("dialog:41"), asked(Some("dialog"), "41"));
        assert_eq!(Asked::read("request:derived:5/12:3"), asked(Some("request"), "derived:5/12:3"));
        assert_eq!(Asked::read("derived:5/12:3"), asked(None, "derived:5/12:3"));
    }
}
