//! Tags on requests: each time that one was put on, and when it was taken off again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use events::DeliveryId;
use store::tables::RequestTagRow;

use super::Scope;
use super::evidence::Evidence;

/// A tag on a request, from putting on to taking off.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Episode {
    pub(super) request_id: String,
    pub(super) tag_id: String,
    /// From 1 for each request and tag.
    pub(super) number: i32,
    pub(super) label: Option<String>,
    pub(super) added_at: DateTime<Utc>,
    pub(super) removed_at: Option<DateTime<Utc>>,
    pub(super) delivery: DeliveryId,
}

/// The episodes of all tags of the conversation's requests, by request, tag and time. Taking off what nobody put on
/// makes none.
pub(super) fn episodes(evidence: &Evidence) -> Vec<Episode> {
    let mut of_tag: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, tagging) in evidence.taggings.iter().enumerate() {
        let (Some(request), Some(tag)) = (&tagging.fact.request_id, &tagging.fact.tag_id) else { continue };
        if !evidence.owns_request(request) {
            continue;
        }
        of_tag.entry((request, tag)).or_default().push(place);
    }
    let mut episodes = Vec::new();
    for ((request_id, tag_id), places) in of_tag {
        let mut number = 0;
        let mut open: Option<Episode> = None;
        for instant in places.chunk_by(|a, b| evidence.taggings[*a].fact.at == evidence.taggings[*b].fact.at)
        {
            // On and off within one instant: what changes the state comes first.
            let is_on = open.is_some();
            let mut instant: Vec<usize> = instant.to_vec();
            instant.sort_by_key(|place| (evidence.taggings[*place].fact.added == Some(is_on), *place));
            for place in instant {
                let tagging = &evidence.taggings[place];
                let Some(at) = tagging.fact.at else { continue };
                match (tagging.fact.added == Some(true), &mut open) {
                    (true, None) => {
                        number += 1;
                        open = Some(Episode {
                            request_id: request_id.to_owned(),
                            tag_id: tag_id.to_owned(),
                            number,
                            label: tagging.fact.label.clone(),
                            added_at: at,
                            removed_at: None,
                            delivery: tagging.delivery,
                        });
                    }
                    (true, Some(episode)) => {
                        if tagging.fact.label.is_some() {
                            episode.label.clone_from(&tagging.fact.label);
                        }
                    }
                    (false, None) => {}
                    (false, Some(episode)) => {
                        episode.removed_at = Some(at);
                        episodes.extend(open.take());
                    }
                }
            }
        }
        episodes.extend(open);
    }
    episodes
}

/// The rows of the episodes.
pub(super) fn rows(scope: &Scope<'_>, episodes: &[Episode]) -> Vec<RequestTagRow> {
    let row = |episode: &Episode| RequestTagRow {
        account_id: scope.account.to_owned(),
        request_key: episode.request_id.clone(),
        tag_id: episode.tag_id.clone(),
        episode: episode.number,
        conversation: scope.conversation.to_owned(),
        label: episode.label.clone(),
        added_at: episode.added_at,
        removed_at: episode.removed_at,
        delivery_id: episode.delivery.0,
        row_hash: 0,
    };
    episodes.iter().map(row).collect()
}
