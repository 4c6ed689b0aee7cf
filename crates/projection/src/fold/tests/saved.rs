//! A conversation folded bit by bit, from saved states wherever one serves, has the rows of the whole fold.

use std::collections::BTreeMap;

use events::Fact;
use events::fact::{
    DialogClosed, DialogRow, DialogTransferred, Message, Origin, RatingReport, RequestClosed, RequestKind,
    RequestOpened, RequestReport, Tagging,
};

use super::*;
use crate::fold::{Saved, fold_and_save};
use crate::{ScoreTag, Scores};

/// A small generator of chance: the same seed makes the same conversation.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

struct Script {
    chance: Chance,
    now: DateTime<Utc>,
    told: Vec<(DateTime<Utc>, Told)>,
    next_message: u64,
    next_request: u64,
}

impl Script {
    /// Some of what happens is told again by a script, which knows no time: soon after, or too late to be the same.
    fn tell(&mut self, kind_key: String, fact: Fact, observed_at: DateTime<Utc>, rank: i16) {
        let mut echo = fact.clone();
        let key = match &mut echo {
            Fact::RequestOpened(fact) => fact.at.take().map(|_| kind_key.clone()),
            Fact::DialogClosed(DialogClosed { at, .. })
            | Fact::DialogTransferred(DialogTransferred { at, .. })
            | Fact::Tagging(Tagging { at, .. }) => at.take().map(|_| format!("{kind_key}:script")),
            _ => None,
        };
        let is_alone = self.chance.one_in(30);
        if !(is_alone && key.is_some()) {
            self.tell_once(kind_key, fact, observed_at, rank);
        }
        if let Some(key) = key.filter(|_| is_alone || self.chance.one_in(4)) {
            let after = self.now + Duration::milliseconds(self.chance.below(40_000).cast_signed());
            self.tell_once(key, echo, after, 0);
        }
    }

    fn tell_once(&mut self, kind_key: String, fact: Fact, observed_at: DateTime<Utc>, rank: i16) {
        // Most things arrive at once and in order; some late; a few much later.
        let late = match self.chance.below(60) {
            0 => self.chance.below(4000),
            1..=4 => self.chance.below(60),
            _ => 0,
        };
        let received_at = observed_at.max(self.now) + Duration::milliseconds(400);
        let content_hash = events::observation::body_hash(fact.to_json().unwrap().as_bytes());
        let told = Told {
            key: kind_key,
            fact,
            observed_at,
            rank,
            hash: content_hash ^ 77,
            content_hash,
            received_at,
            delivery: DeliveryIds::seeded(content_hash.cast_unsigned())
                .next(ManualClock::at(received_at).now()),
        };
        self.told.push((received_at + Duration::seconds(late.cast_signed()), told));
    }

    fn pass(&mut self, seconds: u64) {
        let more = self.chance.below(seconds);
        self.now += Duration::milliseconds(i64::try_from(more * 1000 + self.chance.below(1000)).unwrap());
    }

    fn message(&mut self, request: Option<u64>, dialog: bool) {
        let id = self.next_message;
        self.next_message += 1 + self.chance.below(2);
        let (origin, operator) = match self.chance.below(10) {
            0..=3 => (Origin::Client, self.chance.one_in(4).then(|| "7001".to_owned())),
            4..=6 => (Origin::Company, Some(format!("70{:02}", 1 + self.chance.below(3)))),
            7 => (Origin::Company, Some("7009".to_owned())),
            8 => (Origin::Automatic, None),
            _ => (if self.chance.one_in(2) { Origin::Note } else { Origin::System }, None),
        };
        let fact = Message {
            client_id: Some("330001".to_owned()),
            channel_id: Some("12".to_owned()),
            dialog_id: dialog.then(|| "410001".to_owned()),
            request_id: request.map(|id| id.to_string()),
            operator_id: operator,
            origin: Some(origin),
            transport: Some("telegram".to_owned()),
            event_at: Some(self.now),
            imported: self.chance.one_in(80).then_some(true),
            menu: self.chance.one_in(30).then_some(true),
            deleted: self.chance.one_in(60).then_some(true),
            opens_request: self.chance.one_in(20).then_some(true),
            ..Message::default()
        };
        let listed = Message {
            created_at: Some(
                self.now - Duration::milliseconds(i64::from(self.now.timestamp_subsec_millis())),
            ),
            event_at: None,
            ..fact.clone()
        };
        self.tell(id.to_string(), Fact::Message(fact), self.now, 1);
        if self.chance.one_in(6) {
            let after = self.now + Duration::seconds(self.chance.below(900).cast_signed());
            self.tell(id.to_string(), Fact::Message(listed), after, 2);
        }
    }

    fn request(&mut self) {
        let id = self.next_request;
        self.next_request += 1;
        let given = !self.chance.one_in(6);
        let request = given.then_some(id);
        let named = Some(id.to_string());
        if given && !self.chance.one_in(4) {
            let fact = RequestOpened {
                request_id: named.clone(),
                client_id: Some("330001".to_owned()),
                channel_id: Some("12".to_owned()),
                operator_id: self.chance.one_in(5).then(|| "7009".to_owned()),
                by_client: self.chance.one_in(3).then(|| !self.chance.one_in(9)),
                request_kind: self.chance.one_in(12).then_some(RequestKind::Continuous),
                at: Some(self.now),
                ..RequestOpened::default()
            };
            self.tell(id.to_string(), Fact::RequestOpened(fact), self.now, 1);
        }
        let length = if self.chance.one_in(5) { 60 + self.chance.below(120) } else { self.chance.below(25) };
        let dialog_from = self.chance.below(4);
        for n in 0..length {
            let lost = self.chance.one_in(40);
            self.message(request.filter(|_| !lost), n >= dialog_from);
            self.pass(40);
            if self.chance.one_in(25) {
                let fact = DialogTransferred {
                    dialog_id: Some("410001".to_owned()),
                    client_id: Some("330001".to_owned()),
                    channel_id: Some("12".to_owned()),
                    request_id: named.clone().filter(|_| given && self.chance.one_in(2)),
                    operator_id: Some(format!("70{:02}", 1 + self.chance.below(4))),
                    at: Some(self.now),
                    extra: None,
                };
                self.tell(
                    format!("410001:{}", self.now.timestamp()),
                    Fact::DialogTransferred(fact),
                    self.now,
                    1,
                );
                self.pass(3);
            }
            if given && self.chance.one_in(50) {
                self.tag(id, 50 + self.chance.0 % 3);
            }
        }
        let closed_by = self.chance.below(4);
        if given && closed_by == 0 {
            let fact = RequestClosed {
                request_id: named.clone(),
                client_id: Some("330001".to_owned()),
                channel_id: Some("12".to_owned()),
                at: Some(self.now),
                reason: Some("operator".to_owned()),
                ..RequestClosed::default()
            };
            self.tell(id.to_string(), Fact::RequestClosed(fact), self.now, 1);
        } else if closed_by < 3 {
            let fact = DialogClosed {
                dialog_id: Some("410001".to_owned()),
                client_id: Some("330001".to_owned()),
                channel_id: Some("12".to_owned()),
                request_id: named.clone().filter(|_| given && self.chance.one_in(3)),
                at: Some(self.now),
                ..DialogClosed::default()
            };
            self.tell(format!("410001:{}", self.now.timestamp()), Fact::DialogClosed(fact), self.now, 1);
        }
        if given && self.chance.one_in(3) {
            self.survey(id);
        }
        let named_last = named.clone().filter(|_| given);
        if given && self.chance.one_in(5) {
            let fact = RequestReport {
                request_id: named,
                client_id: Some("330001".to_owned()),
                channel_id: Some("12".to_owned()),
                opened_at: Some(self.now - Duration::seconds(100)),
                closed_at: self.chance.one_in(2).then_some(self.now),
                operator_id: Some("7003".to_owned()),
                ..RequestReport::default()
            };
            let fetched = self.now + Duration::seconds(self.chance.below(20_000).cast_signed());
            self.tell(id.to_string(), Fact::RequestReport(fact), fetched, 2);
        }
        if self.chance.one_in(8) {
            let fact = DialogRow {
                dialog_id: Some("410001".to_owned()),
                client_id: Some("330001".to_owned()),
                channel_id: Some("12".to_owned()),
                operator_id: Some(format!("70{:02}", 1 + self.chance.below(4))),
                state: Some(if self.chance.one_in(2) { "closed" } else { "open" }.to_owned()),
                ended_at: self.chance.one_in(2).then_some(self.now),
                request_id: named_last.filter(|_| self.chance.one_in(2)),
                ..DialogRow::default()
            };
            self.tell("410001".to_owned(), Fact::DialogRow(fact), self.now, 2);
        }
        self.pass(4000);
    }

    fn tag(&mut self, request: u64, tag: u64) {
        let added = !self.chance.one_in(4);
        let fact = Tagging {
            request_id: Some(request.to_string()),
            client_id: Some("330001".to_owned()),
            tag_id: Some(tag.to_string()),
            label: Some(format!("score-{}", tag % 5)),
            added: Some(added),
            at: Some(self.now),
            ..Tagging::default()
        };
        self.tell(
            format!("{request}:{tag}:{added}:{}", self.now.timestamp()),
            Fact::Tagging(fact),
            self.now,
            1,
        );
    }

    fn survey(&mut self, rated: u64) {
        let id = self.next_request;
        self.next_request += 1;
        self.pass(20);
        let fact = RequestOpened {
            request_id: Some(id.to_string()),
            client_id: Some("330001".to_owned()),
            channel_id: Some("12".to_owned()),
            request_kind: Some(RequestKind::Rating),
            at: Some(self.now),
            ..RequestOpened::default()
        };
        self.tell(id.to_string(), Fact::RequestOpened(fact), self.now, 1);
        self.message(Some(id), true);
        self.pass(60);
        if self.chance.one_in(2) {
            let tag = 1 + self.chance.below(5);
            self.tag(id, tag);
        }
        if self.chance.one_in(3) {
            let fact = RatingReport {
                valuation_request_id: Some(id.to_string()),
                request_id: self.chance.one_in(2).then(|| rated.to_string()),
                score: Some(3.0),
                at: (!self.chance.one_in(4)).then_some(self.now),
                ..RatingReport::default()
            };
            let fetched = self.now + Duration::seconds(self.chance.below(9000).cast_signed());
            self.tell(format!("{id}:{rated}::"), Fact::RatingReport(fact), fetched, 2);
        }
        self.pass(60);
    }
}

/// The tellings of a conversation in the order in which they arrive.
fn conversation(seed: u64, requests: usize) -> Vec<Told> {
    let mut script = Script {
        chance: Chance(seed),
        now: at("08:00:00"),
        told: Vec::new(),
        next_message: 1000,
        next_request: 1,
    };
    for _ in 0..requests {
        script.request();
    }
    let mut told = script.told;
    told.sort_by_key(|(arrives, _)| *arrives);
    told.into_iter().map(|(_, told)| told).collect()
}

/// What the database would hand to a fold from a state.
fn open_end(all: &[Told], saved: &Saved) -> Vec<Told> {
    saved.open_end(all).into_iter().cloned().collect()
}

/// Rows by table and key, and what decides whether a fold from a state may replace them.
type Rows = BTreeMap<(&'static str, String), (String, bool)>;

fn rows_of(folded: &Folded, saved: Option<&Saved>) -> Rows {
    let mut rows = Rows::new();
    let opened: BTreeMap<&str, DateTime<Utc>> =
        folded.requests.iter().map(|r| (r.request_key.as_str(), r.opened_at)).collect();
    let late = |at: DateTime<Utc>| saved.is_none_or(|s| at >= s.cut_at());
    let lasting = |key: &str| saved.is_some_and(|s| key == s.request_key());
    let later = |key: &str| saved.is_none_or(|s| opened.get(key).is_some_and(|at| *at > s.opened_at()));
    for m in &folded.messages {
        rows.insert(("messages", m.message_id.clone()), (format!("{m:?}"), late(m.sent_at)));
    }
    for d in &folded.dialogs {
        rows.insert(("dialogs", d.dialog_id.clone()), (format!("{d:?}"), true));
    }
    for r in &folded.requests {
        let scope = later(&r.request_key) || lasting(&r.request_key);
        rows.insert(("requests", r.request_key.clone()), (format!("{r:?}"), scope));
    }
    for t in &folded.turns {
        let scope = later(&t.request_key)
            || (lasting(&t.request_key) && saved.is_some_and(|s| t.turn_no >= s.turn_no()));
        rows.insert(("turns", format!("{}#{}", t.request_key, t.turn_no)), (format!("{t:?}"), scope));
    }
    for a in &folded.assignments {
        let last = lasting(&a.request_key) && saved.is_some_and(|s| a.assignment_no >= s.assignment_no());
        let scope = later(&a.request_key) || last;
        rows.insert(
            ("assignments", format!("{}#{}", a.request_key, a.assignment_no)),
            (format!("{a:?}"), scope),
        );
    }
    for t in &folded.tags {
        let scope = late(t.added_at) || lasting(&t.request_key);
        let key = format!("{}#{}#{}", t.request_key, t.tag_id, t.episode);
        rows.insert(("request_tags", key), (format!("{t:?}"), scope));
    }
    for s in &folded.scores {
        let scope = late(s.given_at) || lasting(&s.valuation_request_key);
        rows.insert(
            ("tag_scores", format!("{}#{}", s.valuation_request_key, s.scale_id)),
            (format!("{s:?}"), scope),
        );
    }
    rows
}

fn scored_rules() -> AccountRules {
    let tags = (1..=5).map(|n| ScoreTag { tag: n.to_string(), score: n.into(), scale: 5.0 }).collect();
    AccountRules { scores: Scores::new(tags), ..rules().clone() }
}

/// How many folds went from a state, and how many of whole conversations.
#[derive(Debug, Default)]
struct Effort {
    resumed: usize,
    whole: usize,
    most: usize,
}

/// Folds what arrives in batches, as the runner does, and compares with the whole fold after each.
fn bit_by_bit(seed: u64, requests: usize) -> Effort {
    let rules = scored_rules();
    let arriving = conversation(seed, requests);
    let mut chance = Chance(seed ^ 0xabcdef);
    let subject_of = |told: Vec<Told>| Subject {
        account: "acme".to_owned(),
        subject: CONVERSATION.to_owned(),
        told,
        ..Subject::default()
    };
    let (mut all, mut saved): (Vec<Told>, Option<Saved>) = (Vec::new(), None);
    let mut known = Folded::default();
    let mut effort = Effort::default();
    let mut rest = arriving.as_slice();
    while !rest.is_empty() {
        let size = usize::try_from(1 + chance.below(12)).unwrap().min(rest.len());
        let (batch, after) = rest.split_at(size);
        rest = after;
        all.extend(batch.iter().cloned());
        let since = batch
            .iter()
            .map(|t| t.fact.happened_at(t.received_at).unwrap_or(DateTime::<Utc>::MIN_UTC))
            .min()
            .unwrap();
        let truth = fold(&subject_of(all.clone()), &rules);
        let resumed = saved.as_ref().filter(|saved| since >= saved.cut_at()).and_then(|saved| {
            let end = open_end(&all, saved);
            let named =
                end.iter().filter_map(|t| t.fact.request_id()).filter(|id| Some(*id) != saved.request_id());
            let earlier = |id: &str| {
                known.requests.iter().any(|r| r.request_key == id && r.opened_at <= saved.opened_at())
            };
            let count = end.len();
            if named.into_iter().any(earlier) {
                return None;
            }
            Some((fold_and_save(&subject_of(end), &rules, Some(saved)).ok()?, count))
        });
        let expected = rows_of(&truth, None);
        match resumed {
            Some(((folded, next), count)) => {
                effort.resumed += 1;
                effort.most = effort.most.max(count);
                let mut rows = rows_of(&known, saved.as_ref());
                rows.retain(|_, (_, scope)| !*scope);
                let fresh = rows_of(&folded, None);
                for key in fresh.keys() {
                    assert!(!rows.contains_key(key), "seed {seed}: {key:?} stands before the cut");
                }
                rows.extend(fresh);
                let differing: Vec<_> = expected
                    .iter()
                    .map(|(k, v)| (k, Some(&v.0), rows.get(k).map(|v| &v.0)))
                    .chain(rows.keys().filter(|k| !expected.contains_key(*k)).map(|k| (k, None, None)))
                    .filter(|(_, a, b)| a != b || a.is_none())
                    .take(3)
                    .collect();
                assert!(differing.is_empty(), "seed {seed}, state {saved:?}: {differing:#?}");
                if next.is_some() {
                    saved = next.as_ref().map(stored);
                }
            }
            None => {
                effort.whole += 1;
                saved = fold_and_save(&subject_of(all.clone()), &rules, None).unwrap().1.as_ref().map(stored);
            }
        }
        known = truth;
    }
    effort
}

/// Through the form in which it is stored.
fn stored(saved: &Saved) -> Saved {
    serde_json::from_str(&serde_json::to_string(saved).unwrap()).unwrap()
}

#[test]
fn from_saved_states_the_rows_are_those_of_the_whole_fold() {
    // 400 rounds were run once; `CHATLEDGER_FOLDS=400` does it again.
    let rounds = std::env::var("CHATLEDGER_FOLDS").map_or(20, |rounds| rounds.parse().unwrap());
    let (mut resumed, mut whole, mut most) = (0, 0, 0);
    for seed in 0..rounds {
        let effort = bit_by_bit(seed, 12);
        resumed += effort.resumed;
        whole += effort.whole;
        most = most.max(effort.most);
    }
    println!("{resumed} folds from a state, {whole} whole; most tellings read from a state: {most}");
    assert!(resumed > whole / 4, "states hardly serve: {resumed} of {}", resumed + whole);
}
