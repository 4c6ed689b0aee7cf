//! One chat, written down beforehand: who does what when. The business carries it out as time passes.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::hours;
use super::people::{BOT, Colleague, FILLERS, STAFF, TOPICS, Topic, topic_tag};
use crate::chat2desk::{Closing, Id, Told};

/// Something that somebody does in a chat.
#[derive(Clone, Debug)]
pub enum Deed {
    /// The client writes; perhaps with a file.
    Ask(String, Option<&'static str>),
    /// The vendor's rule gives the new chat to an operator.
    Assign(Id),
    /// An operator or the bot writes.
    Answer(Id, &'static str),
    /// An automatic answer.
    Autoreply(&'static str),
    /// A note.
    Note(Id, &'static str),
    /// The dialog moves.
    Transfer(Id),
    /// An answer typed on the phone of the connected account so many seconds before its import.
    Import(i64, &'static str),
    /// A tag on the newest request.
    TagRequest(Id),
    /// It is taken off.
    UntagRequest(Id),
    /// A tag on the client.
    TagClient(Id),
    /// The client card is filled in.
    FillCard,
    /// The chat is closed.
    Close(Closing),
    /// The survey is sent.
    Survey,
    /// It is answered.
    Score(u8, Told),
    /// The score that was given then is taken back.
    Withdraw(DateTime<Utc>),
    /// It ends without an answer.
    EndSurvey,
}

/// How time runs in a chat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tempo {
    /// All waits are multiplied by it.
    pub(super) stretch: f64,
    /// Nobody waits for the morning.
    pub(super) round_the_clock: bool,
}

/// Questions after the first one, at most.
const MOST_TURNS: usize = 9;

/// A chat being written down.
pub(super) struct Scene<'r> {
    rng: &'r mut ChaCha8Rng,
    zone: Tz,
    tempo: Tempo,
    at: DateTime<Utc>,
    /// Grows with each line, so that nobody says the same twice in a row.
    lines: usize,
    deeds: Vec<(DateTime<Utc>, Deed)>,
}

impl<'r> Scene<'r> {
    /// Writes a chat that begins at `at`. `greets` says whether the bot is on duty in this channel.
    pub(super) fn write(
        rng: &'r mut ChaCha8Rng,
        zone: Tz,
        tempo: Tempo,
        at: DateTime<Utc>,
        greets: bool,
    ) -> Vec<(DateTime<Utc>, Deed)> {
        let lines = rng.random_range(0..100);
        let mut scene = Self { rng, zone, tempo, at, lines, deeds: Vec::new() };
        if scene.chance(0.02) {
            scene.company_first();
        } else {
            scene.contact(greets);
        }
        scene.deeds
    }

    /// A message to an old client, closed at once: a request that asks nothing.
    fn company_first(&mut self) {
        self.at = self.at_work(self.at, 0.0);
        let colleague = self.colleague();
        self.then(0.0, Deed::Answer(colleague.id, "Your club discount is ready, come by on Dostyk Avenue."));
        self.then(5.0, Deed::Close(Closing::Operator));
    }

    fn contact(&mut self, greets: bool) {
        let number = self.rng.random_range(0..TOPICS.len());
        let Some(topic) = TOPICS.get(number) else { return };
        let opening = self.pick(topic.openings);
        let asked = self.at;
        self.then(0.0, Deed::Ask(opening.into(), None));
        self.burst(0.45);
        let open = self.tempo.round_the_clock || hours::is_open(self.at, self.zone);
        let bot = greets && self.chance(0.65);
        if bot {
            self.then(1.5, Deed::Assign(BOT));
            self.then(
                0.8,
                Deed::Answer(BOT, "Hello! I am Barsik, the shop's assistant. One moment, please."),
            );
            if self.chance(0.08) {
                self.then(4.0, Deed::Answer(BOT, "We are open Monday to Friday 9-18 and Saturday 10-15."));
                self.then(600.0, Deed::Close(Closing::Timeout));
                return;
            }
        } else if !open {
            self.then(2.0, Deed::Autoreply("We are closed now and answer in the morning."));
        }
        if self.chance(0.05) {
            self.then(24.0 * 3600.0, Deed::Close(Closing::Timeout));
            return;
        }
        let mut colleague = self.colleague();
        if bot {
            self.at = self.at_work(self.at, 6.0);
            self.then(0.0, Deed::Transfer(colleague.id));
        } else if self.chance(0.3) {
            self.at = self.at_work(self.at, 8.0);
            self.then(0.0, Deed::Assign(colleague.id));
        }
        self.reply(colleague, topic);
        let waited = self.at - asked;
        let turns = (0..MOST_TURNS).take_while(|_| self.chance(0.64)).count();
        for _ in 0..turns {
            self.then_about(70.0, 0.9, |scene| {
                let text = scene.pick(topic.follow_ups);
                let file = scene.chance(0.08).then_some("photo.jpg");
                Deed::Ask(text.into(), file)
            });
            self.burst(0.2);
            let next = self.colleague();
            if next.id != colleague.id && self.chance(0.07) {
                self.then(20.0, Deed::Note(colleague.id, "The colleague knows this better."));
                colleague = next;
                self.then(3.0, Deed::Transfer(colleague.id));
            }
            self.reply(colleague, topic);
        }
        self.leave(colleague, number);
        if self.chance(0.38) {
            self.rate(waited);
        }
    }

    /// What is done about the chat besides talking, and its close.
    fn leave(&mut self, colleague: Colleague, topic: usize) {
        if self.chance(0.08) {
            self.then(8.0, Deed::Note(colleague.id, "Asked the warehouse."));
        }
        if self.chance(0.01) {
            self.then(30.0, Deed::Import(15, "Sent from the phone of the shop"));
        }
        if self.chance(0.4) {
            self.then(10.0, Deed::TagRequest(topic_tag(topic)));
        }
        if self.chance(0.03) {
            let tag = if self.chance(0.5) { 601 } else { 602 };
            self.then(4.0, Deed::TagClient(tag));
        }
        if self.chance(0.06) {
            self.then(12.0, Deed::FillCard);
        }
        if self.chance(0.7) {
            self.then_about(180.0, 0.8, |_| Deed::Close(Closing::Operator));
        } else {
            self.then(2.0 * 3600.0, Deed::Close(Closing::Timeout));
        }
    }

    fn rate(&mut self, waited: TimeDelta) {
        self.then(2.0, Deed::Survey);
        if !self.chance(0.58) {
            self.then(3600.0, Deed::EndSurvey);
            return;
        }
        // Who waited long is less kind.
        let patience = TimeDelta::seconds((300.0 * self.tempo.stretch.max(0.2)) as i64);
        let shares = if waited < patience { [3, 4, 10, 28, 55] } else { [16, 18, 24, 25, 17] };
        let mut rest = self.rng.random_range(0..100);
        let score = (1..=5).zip(shares).find(|(_, share)| {
            rest -= share;
            rest < 0
        });
        self.then_about(60.0, 1.0, |_| Deed::Score(score.map_or(5, |(score, _)| score), Told::Both));
    }

    fn reply(&mut self, colleague: Colleague, topic: &Topic) {
        let wait = colleague.reply_seconds * hours::load(self.at, self.zone) * self.spread(0.8);
        self.at = self.at_work(self.at, wait);
        let text = self.pick(topic.answers);
        self.then(0.0, Deed::Answer(colleague.id, text));
        if self.chance(0.22) {
            let text = self.pick(topic.answers);
            self.then(15.0, Deed::Answer(colleague.id, text));
        }
    }

    fn burst(&mut self, share: f64) {
        while self.chance(share) {
            let text = self.pick(&FILLERS);
            self.then_about(9.0, 0.5, |_| Deed::Ask(text.into(), None));
        }
    }

    /// Somebody who works at that time, quick ones a little more often.
    fn colleague(&mut self) -> Colleague {
        let when = self.at_work(self.at, 0.0);
        let saturday = hours::office(hours::date(when, self.zone)).is_some_and(|(opens, _)| opens > 9 * 3600);
        let there: Vec<Colleague> = STAFF
            .into_iter()
            .filter(|person| !saturday || person.saturdays || self.tempo.round_the_clock)
            .collect();
        let draw = self.rng.random_range(0.0..1.0_f64).powf(1.3);
        there.get((draw * there.len() as f64) as usize).copied().unwrap_or(STAFF[0])
    }

    /// `wait` seconds after `from`, but in working hours: else the next morning, behind those who came before.
    fn at_work(&mut self, from: DateTime<Utc>, wait: f64) -> DateTime<Utc> {
        let at = self.after(from, wait);
        if self.tempo.round_the_clock || hours::is_open(at, self.zone) {
            return at;
        }
        let backlog = self.rng.random_range(30.0..1_800.0);
        self.after(hours::next_opening(at, self.zone), backlog)
    }

    fn after(&mut self, from: DateTime<Utc>, seconds: f64) -> DateTime<Utc> {
        // A little noise, so that sub-second parts differ.
        let noise = self.rng.random_range(0.0..0.9);
        let seconds = ((seconds + noise) * self.tempo.stretch).max(0.05);
        from + TimeDelta::microseconds((seconds * 1e6) as i64)
    }

    fn then(&mut self, seconds: f64, deed: Deed) {
        self.at = self.after(self.at, seconds);
        self.deeds.push((self.at, deed));
    }

    fn then_about(&mut self, median: f64, sigma: f64, deed: impl FnOnce(&mut Self) -> Deed) {
        let seconds = median * self.spread(sigma);
        let deed = deed(self);
        self.then(seconds, deed);
    }

    /// A log-normal factor with median 1; a sum of uniforms stands in for the normal draw.
    fn spread(&mut self, sigma: f64) -> f64 {
        let sum: f64 = (0..4).map(|_| self.rng.random_range(0.0..1.0)).sum();
        ((sum - 2.0) * 1.732 * sigma).exp()
    }

    fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share)
    }

    fn pick(&mut self, texts: &'static [&'static str]) -> &'static str {
        self.lines += 1;
        texts.get(self.lines % texts.len().max(1)).copied().unwrap_or("")
    }
}
