//! Random accounts as deliveries, and the rules that they are projected by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use chatledger_tests::random_account::{BOTS, Chance, SCORE_TAGS, Size, Telling, Way, ZONE, account};
use events::{Capture, Delivery, DeliveryIds, PagePart, Platform, Road};
use projection::{AccountRules, Calendar, Hours, Rules, ScoreTag, Scores, calendar};

use super::ACCOUNTS;

/// One telling as it is captured.
pub(crate) fn delivery(account: &str, telling: &Telling, ids: &DeliveryIds) -> Delivery {
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
        account: account.parse().unwrap(),
        platform: Platform::Chat2desk,
        road,
        received_at: telling.received_at,
        capture,
        body: serde_json::to_vec(&telling.body).unwrap().into(),
    }
}

/// What is told of all accounts, by the time at which it reaches us.
pub(super) fn mixed(chance: &mut Chance) -> Vec<Delivery> {
    let ids = DeliveryIds::seeded(chance.any() >> 40);
    let mut all: Vec<Delivery> = Vec::new();
    for name in ACCOUNTS {
        all.extend(account(chance, Size::TINY).iter().map(|telling| delivery(name, telling, &ids)));
    }
    all.sort_by_key(|delivery| (delivery.received_at, delivery.id));
    all
}

fn hours(of: &[(u32, u32)]) -> Arc<Hours> {
    let week = std::array::from_fn(|_| of.iter().map(|(from, to)| (from * 3600, to * 3600)).collect());
    let version = calendar::Version { week, ..calendar::Version::default() };
    Arc::new(Hours::new(&Calendar { versions: vec![version] }, ZONE))
}

/// The usual rules, and what a change of the configuration makes of them: other bots, hours and scores.
pub(crate) fn rules(number: usize) -> Rules {
    // Thirty years of intervals are made once.
    static ALL: LazyLock<[AccountRules; 3]> = LazyLock::new(|| {
        let tag = |(id, label, score): (u64, &str, i32)| ScoreTag {
            tag: if id == 615 { label.to_owned() } else { id.to_string() },
            score: score.into(),
            scale: 5.0,
        };
        let scores: Vec<ScoreTag> = SCORE_TAGS.into_iter().map(tag).collect();
        let bots = |bots: &[u64]| -> BTreeSet<String> { bots.iter().map(u64::to_string).collect() };
        let usual = AccountRules {
            zone: ZONE,
            bots: bots(&BOTS),
            hours: Some(hours(&[(9, 13), (14, 18)])),
            default_country: Some("KZ".to_owned()),
            scores: Scores::new(scores.clone()),
            ..AccountRules::default()
        };
        let other_people =
            AccountRules { bots: bots(&[7002]), hours: Some(hours(&[(22, 3)])), ..usual.clone() };
        let other_scores =
            AccountRules { scores: Scores::new(scores[1..].to_vec()), hours: None, ..usual.clone() };
        [usual, other_people, other_scores]
    });
    let all = &*ALL;
    let rules = &all[number % all.len()];
    Rules::new(ACCOUNTS.iter().map(|name| ((*name).to_owned(), rules.clone())).collect::<BTreeMap<_, _>>())
}
