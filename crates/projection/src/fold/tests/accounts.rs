//! Random accounts through the pure parts: from tellings to deliveries, facts, and the subjects that the store would hand
//! to the fold.
//!
//! [`subjects`] files facts as ARCHITECTURE.md says in words, in one pass over the whole set: no order can matter to it.
//! It is made to be read beside `store`'s SQL, which does the same step by step.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use events::fact::{Conversation, Filing, Identities};
use events::{Capture, Delivery, DeliveryIds, Fact, PagePart, Platform, Road};
use store::folding::{Subject, Told};

use super::random_account::{BOTS, Chance, SCORE_TAGS, Size, Telling, Way, ZONE, account};
use crate::decode::decode;
use crate::{AccountRules, Calendar, Hours, ScoreTag, Scores, calendar};

/// The rules that random accounts are folded by.
pub(super) fn rules() -> &'static AccountRules {
    static RULES: std::sync::LazyLock<AccountRules> = std::sync::LazyLock::new(|| {
        let day = vec![(9 * 3600, 13 * 3600), (14 * 3600, 18 * 3600)];
        let night = vec![(22 * 3600, 2 * 3600 + 1800)];
        let week = [day.clone(), day.clone(), day.clone(), day, night.clone(), night, Vec::new()];
        let version = calendar::Version { week, ..calendar::Version::default() };
        let calendar = Calendar { versions: vec![version] };
        let tag = |(id, label, score): (u64, &str, i32)| ScoreTag {
            tag: if id == 615 { label.to_owned() } else { id.to_string() },
            score: score.into(),
            scale: 5.0,
        };
        AccountRules {
            zone: ZONE,
            bots: BOTS.iter().map(u64::to_string).collect(),
            hours: Some(std::sync::Arc::new(Hours::new(&calendar, ZONE))),
            scores: Scores::new(SCORE_TAGS.into_iter().map(tag).collect()),
            ..AccountRules::default()
        }
    });
    &RULES
}

/// The deliveries of a random account.
pub(super) fn deliveries(seed: u64, size: Size) -> Vec<Delivery> {
    let ids = DeliveryIds::seeded(seed);
    account(&mut Chance::new(seed), size).iter().map(|telling| delivery(telling, &ids)).collect()
}

fn delivery(telling: &Telling, ids: &DeliveryIds) -> Delivery {
    let (road, capture) = match &telling.way {
        Way::Webhook => (Road::Webhook, Capture::default()),
        Way::Script => {
            let event = Some("new_message_handler".to_owned());
            (Road::Script, Capture { event, ..Capture::default() })
        }
        Way::Page(list) => {
            let capture = Capture {
                page: Some(list.clone()),
                part: Some(PagePart::Row(0)),
                fetched_at: Some(telling.received_at),
                ..Capture::default()
            };
            (Road::Backfill, capture)
        }
    };
    Delivery {
        id: ids.next(telling.received_at),
        account: "acme".parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at: telling.received_at,
        capture,
        body: Bytes::from(serde_json::to_vec(&telling.body).unwrap()),
    }
}

/// What the deliveries tell, in their order; and what this platform cannot say but the vocabulary can: deleted messages
/// and the kinds of LiveChat's threads, by the hash of the bytes.
pub(super) fn told(deliveries: &[Delivery]) -> Vec<Told> {
    let twisted = |mut told: Told| {
        let chance = told.hash.cast_unsigned() % 23;
        match &mut told.fact {
            Fact::Message(message) if chance == 0 && told.rank == 2 => message.deleted = Some(true),
            Fact::RequestOpened(opened) if chance < 2 => {
                opened.request_kind = Some(events::fact::RequestKind::ALL[2 + chance as usize]);
            }
            _ => {}
        }
        told.content_hash = events::observation::body_hash(told.fact.to_json().unwrap().as_bytes());
        told
    };
    let observations = deliveries.iter().flat_map(|delivery| decode(delivery, rules()).observations);
    observations
        .map(|o| Told {
            content_hash: 0,
            key: o.key,
            fact: o.fact,
            observed_at: o.stamp.observed_at,
            rank: o.stamp.rank,
            hash: o.stamp.hash,
            received_at: o.received_at,
            delivery: o.delivery,
        })
        .map(twisted)
        .collect()
}

/// One telling of each content, as `facts` keeps it: the greatest stamp, the earliest receipt.
pub(super) fn stored(told: &[Told]) -> Vec<Told> {
    let mut rows: BTreeMap<(&str, &str, i64), Told> = BTreeMap::new();
    for told in told {
        let row =
            rows.entry((told.fact.kind(), &told.key, told.content_hash)).or_insert_with(|| told.clone());
        if told.stamp() > row.stamp() {
            (row.observed_at, row.rank, row.hash) = (told.observed_at, told.rank, told.hash);
        }
        if (told.received_at, told.delivery) < (row.received_at, row.delivery) {
            (row.received_at, row.delivery) = (told.received_at, told.delivery);
        }
    }
    rows.into_values().collect()
}

fn conversation_of(ids: Identities<'_>) -> Option<String> {
    let (client, channel) = (ids.client_id?, ids.channel_id?);
    Some(Conversation { client_id: client.to_owned(), channel_id: channel.to_owned() }.key())
}

fn ids_of(told: &Told) -> Option<Identities<'_>> {
    match told.fact.filing() {
        Filing::Conversation(ids) => Some(ids),
        _ => None,
    }
}

/// Where each fact of an account belongs: the subjects of all its conversations.
pub(super) fn subjects(told: &[Told]) -> Vec<Subject> {
    // What facts that name client and channel say of requests and dialogs; of several conversations the smallest.
    let mut links: BTreeMap<String, String> = BTreeMap::new();
    // Where the latest telling of a message that names a channel puts it, and the smallest of all such places.
    let mut stands: BTreeMap<&str, (_, String)> = BTreeMap::new();
    let mut siblings: BTreeMap<&str, String> = BTreeMap::new();
    for told in told {
        let Some(ids) = ids_of(told) else { continue };
        let Some(conversation) = conversation_of(ids) else { continue };
        for identity in identities(ids) {
            smallest(links.entry(identity), &conversation);
        }
        if matches!(told.fact, Fact::Message(_)) {
            smallest(siblings.entry(&told.key), &conversation);
            let place = (told.stamp(), conversation);
            if stands.get(&*told.key).is_none_or(|held| held.0 < place.0) {
                stands.insert(&told.key, place);
            }
        }
    }
    let link = |kind: &str, id: Option<&str>| links.get(&format!("{kind}:{}", id?)).cloned();
    // Ratings lead the tags of a survey that nobody saw to the rated request.
    let mut rated: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for told in told {
        let (Fact::RatingReport(_), Some(ids)) = (&told.fact, ids_of(told)) else { continue };
        if let (Some(valuation), Some(request)) = (ids.request_id, told.key.split(':').nth(1)) {
            rated.entry(valuation).or_default().insert(request);
        }
    }
    // A message is filed as one, whatever each of its tellings names.
    let mut tellings: BTreeMap<&str, Vec<Identities<'_>>> = BTreeMap::new();
    for told in told.iter().filter(|told| matches!(told.fact, Fact::Message(_))) {
        tellings.entry(&told.key).or_default().extend(ids_of(told));
    }
    let message_place = |key: &str| -> Option<String> {
        let tellings = tellings.get(key).map(Vec::as_slice).unwrap_or_default();
        let least = |of: &dyn Fn(&Identities<'_>) -> Option<String>| tellings.iter().filter_map(of).min();
        let by_client = || Some(format!("{}/", tellings.iter().filter_map(|ids| ids.client_id).min()?));
        siblings
            .get(key)
            .cloned()
            .or_else(|| least(&|ids| link("request", ids.request_id)))
            .or_else(|| least(&|ids| link("dialog", ids.dialog_id)))
            .or_else(by_client)
    };
    let concluded = |told: &Told, ids: Identities<'_>| -> Option<String> {
        if matches!(told.fact, Fact::Message(_)) {
            return message_place(&told.key);
        }
        link("request", ids.request_id)
            .or_else(|| link("dialog", ids.dialog_id))
            .or_else(|| match &told.fact {
                Fact::RatingReport(_) => link("request", told.key.split(':').nth(1)),
                Fact::Tagging(_) => {
                    let requests = rated.get(ids.request_id?).into_iter().flatten();
                    requests.filter_map(|request| link("request", Some(request))).min()
                }
                _ => None,
            })
            .or_else(|| {
                let tag = matches!(told.fact, Fact::Tagging(_));
                ids.client_id.filter(|_| tag).map(|client| format!("{client}/"))
            })
    };

    let mut found: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    // Of an identity that no firm fact links: the smallest conversation that was concluded.
    let mut guessed: BTreeMap<String, String> = BTreeMap::new();
    for told in told {
        let Some(ids) = ids_of(told) else { continue };
        let firm = conversation_of(ids);
        let Some(place) = firm.clone().or_else(|| concluded(told, ids)) else { continue };
        if firm.is_none() {
            for identity in identities(ids) {
                smallest(guessed.entry(identity), &place);
            }
        }
        // A message is merged of all its tellings where it stands; elsewhere it is foreign.
        if let (Fact::Message(_), Some((_, stands))) = (&told.fact, stands.get(&*told.key))
            && *stands != place
        {
            found.entry(stands.clone()).or_default().push(told.clone());
        }
        found.entry(place).or_default().push(told.clone());
    }
    let owner = |identity: &String| links.get(identity).or_else(|| guessed.get(identity));
    found
        .into_iter()
        .map(|(conversation, told)| {
            let mut foreign = BTreeSet::new();
            for told in &told {
                let named = ids_of(told).into_iter().flat_map(identities);
                foreign.extend(named.filter(|id| owner(id).is_some_and(|owner| *owner != conversation)));
                let stands = stands.get(&*told.key).filter(|_| matches!(told.fact, Fact::Message(_)));
                if stands.is_some_and(|(_, stands)| *stands != conversation) {
                    foreign.insert(format!("message:{}", told.key));
                }
            }
            Subject { account: "acme".to_owned(), subject: conversation, told, foreign, ..Subject::default() }
        })
        .collect()
}

fn identities(ids: Identities<'_>) -> Vec<String> {
    let request = ids.request_id.map(|id| format!("request:{id}"));
    request.into_iter().chain(ids.dialog_id.map(|id| format!("dialog:{id}"))).collect()
}

fn smallest(entry: std::collections::btree_map::Entry<'_, impl Ord, String>, conversation: &str) {
    let held = entry.or_insert_with(|| conversation.to_owned());
    if conversation < held.as_str() {
        conversation.clone_into(held);
    }
}
