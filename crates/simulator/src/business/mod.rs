//! A business whose clients and operators write: it makes a world's past, and keeps it going.
//!
//! [`Plan::build`] settles the company and lives through its past; [`Business::advance_to`] moves it on, as fast as the
//! caller likes; [`Business::go_live`] adds quick chats for a demonstration. Everything comes from one seed: the
//! same plan makes the same world, message by message. What is planned but overtaken (somebody closed the chat through the
//! API) is counted in [`Business::overtaken`].

mod act;
mod asides;
mod chat;
mod holdings;
mod hours;
mod people;

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::chat2desk::{Account, Id, Thread, World};
use act::act;
pub use chat::Deed;
use chat::{Scene, Tempo};
use people::STAFF;

/// Contacts for each client over the planned days.
const CONTACTS_PER_CLIENT: f64 = 2.6;

/// What kind of past to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Settings of the account; its zone is the business's.
    pub account: Account,
    /// Clients at the end, about; one in twelve is an old one who wrote before the planned days.
    pub clients: u32,
    /// Days of past.
    pub days: u32,
    /// The seed.
    pub seed: u64,
    /// The present at the end.
    pub until: DateTime<Utc>,
}

/// A live phase: many short chats, whatever the hour.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
pub struct Live {
    /// New chats a minute.
    pub chats_per_minute: f64,
    /// Chats run so many times faster than in the office.
    pub haste: f64,
    /// How long new chats keep coming, seconds.
    pub seconds: u32,
}

/// Something that is due at an instant.
#[derive(Clone, Debug)]
pub enum Step {
    /// A local day begins: its chats are planned.
    Day(NaiveDate),
    /// A client comes.
    Arrival,
    /// A client comes in the live phase, which ends at the instant.
    LiveArrival(Live, DateTime<Utc>),
    /// An operator's status changes.
    Status(Id, bool, Option<&'static str>),
    /// Something is done in a chat.
    Chat(Thread, &'static str, Deed),
}

/// A client as the business knows them.
#[derive(Clone, Debug)]
struct Acquaintance {
    thread: Thread,
    transport: &'static str,
    busy_until: DateTime<Utc>,
}

/// The people who act in one world.
#[derive(Debug)]
pub struct Business {
    /// Deeds that the world refused because somebody else was first.
    pub overtaken: u64,
    rng: ChaCha8Rng,
    asides: ChaCha8Rng,
    zone: Tz,
    clients: u32,
    contacts_a_day: f64,
    queue: BTreeMap<(DateTime<Utc>, u64), Step>,
    sequence: u64,
    known: Vec<Acquaintance>,
}

impl Plan {
    /// Makes the world and lives through its past. Webhooks that are registered later know nothing of it.
    pub fn build(&self) -> (World, Business) {
        self.build_with(|_| {})
    }

    /// The same; `prepare` may register webhooks before the first message.
    pub fn build_with(&self, prepare: impl FnOnce(&mut World)) -> (World, Business) {
        let zone = self.account.zone;
        let first = hours::date(self.until, zone) - Days::new(self.days.into());
        let begin = hours::instant(first, 0, zone);
        let mut world = World::new(self.account.clone(), begin - TimeDelta::days(60));
        people::settle(&mut world, begin);
        prepare(&mut world);
        let days = f64::from(self.days.max(1));
        let mut business = Business {
            overtaken: 0,
            rng: ChaCha8Rng::seed_from_u64(self.seed),
            asides: ChaCha8Rng::seed_from_u64(!self.seed),
            zone,
            clients: self.clients,
            contacts_a_day: f64::from(self.clients) * CONTACTS_PER_CLIENT / days,
            queue: BTreeMap::new(),
            sequence: 0,
            known: Vec::new(),
        };
        for _ in 0..self.clients / 12 {
            let day = first - Days::new(business.rng.random_range(5..60));
            let at = hours::arrival(&mut business.rng, day, zone);
            business.plan(at, Step::Arrival);
        }
        business.plan(begin, Step::Day(first));
        business.advance_to(&mut world, self.until);
        (world, business)
    }
}

impl Business {
    /// Does all that is due up to `until` (inclusive), in order. An earlier instant does nothing.
    pub fn advance_to(&mut self, world: &mut World, until: DateTime<Utc>) {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= until
        {
            let at = entry.key().0;
            let step = entry.remove();
            if self.step(world, at, step).is_err() {
                self.overtaken += 1;
            }
        }
        world.reach(until);
    }

    /// When the next thing is due.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Begins a live phase at `now`.
    pub fn go_live(&mut self, live: Live, now: DateTime<Utc>) {
        let until = now + TimeDelta::seconds(live.seconds.into());
        self.plan(now, Step::LiveArrival(live, until));
    }

    fn plan(&mut self, at: DateTime<Utc>, step: Step) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), step);
    }

    fn step(&mut self, world: &mut World, at: DateTime<Utc>, step: Step) -> Result<(), Error> {
        match step {
            Step::Day(date) => self.begin_day(date),
            Step::Arrival => {
                let tempo = Tempo { stretch: 1.0, round_the_clock: false };
                self.arrive(world, at, tempo);
            }
            Step::LiveArrival(live, until) => {
                let tempo = Tempo { stretch: 1.0 / live.haste.max(1.0), round_the_clock: true };
                self.arrive(world, at, tempo);
                let gap = 60.0 / live.chats_per_minute.clamp(0.01, 6_000.0) * self.rng.random_range(0.3..1.7);
                let next = at + TimeDelta::microseconds((gap * 1e6) as i64);
                if next < until {
                    self.plan(next, Step::LiveArrival(live, until));
                }
            }
            Step::Status(operator, online, kind) => world.operator_status(at, operator, online, kind)?,
            Step::Chat(thread, transport, deed) => act(world, at, thread, transport, deed)?,
        }
        Ok(())
    }

    fn begin_day(&mut self, date: NaiveDate) {
        let noise = self.rng.random_range(0.9..1.1);
        let chats = (self.contacts_a_day * hours::weight_of(date) * noise).round() as u32;
        for _ in 0..chats {
            let at = hours::arrival(&mut self.rng, date, self.zone);
            self.plan(at, Step::Arrival);
        }
        if let Some((opens, closes)) = hours::office(date) {
            for person in STAFF.iter().filter(|person| opens == 9 * 3600 || person.saturdays) {
                let late = self.rng.random_range(0..600);
                let at = |seconds| hours::instant(date, seconds, self.zone);
                let steps = [
                    (at(opens - 300 + late), true, Some("online")),
                    (at(13 * 3600 + late), true, Some("break")),
                    (at(13 * 3600 + 2_400 + late), true, Some("online")),
                    (at(closes - 300 + late), true, Some("busy")),
                ];
                for (at, online, kind) in steps {
                    self.plan(at, Step::Status(person.id, online, kind));
                }
            }
        }
        let tomorrow = date + Days::new(1);
        self.plan(hours::instant(tomorrow, 0, self.zone), Step::Day(tomorrow));
    }

    /// Somebody comes: an old acquaintance who is not in a chat, or a new one. The whole chat is planned.
    fn arrive(&mut self, world: &mut World, at: DateTime<Utc>, tempo: Tempo) {
        let share = if self.known.len() < self.clients as usize / 12 { 1.0 } else { 0.36 };
        let full = !tempo.round_the_clock && self.known.len() >= self.clients as usize;
        let is_new = self.known.is_empty() || (!full && self.rng.random_bool(share));
        let old = (0..8).filter(|_| !is_new).find_map(|_| {
            let index = self.rng.random_range(0..self.known.len());
            self.known.get(index).filter(|known| known.busy_until < at).map(|_| index)
        });
        let index = old.unwrap_or_else(|| self.meet(world));
        let Some(known) = self.known.get_mut(index) else { return };
        let greets = matches!(known.transport, "telegram" | "widget");
        let (thread, transport) = (known.thread, known.transport);
        let mut deeds = Scene::write(&mut self.rng, self.zone, tempo, at, greets);
        if let Some((last, _)) = deeds.last() {
            known.busy_until = *last;
        }
        asides::add(&mut self.asides, tempo, &mut deeds);
        for (at, deed) in deeds {
            self.plan(at, Step::Chat(thread, transport, deed));
        }
    }

    fn meet(&mut self, world: &mut World) -> usize {
        let number = self.known.len();
        let name = people::client_name(number);
        let (channel, transport) = match self.rng.random_range(0..100) {
            0..38 => (12, "whatsapp"),
            38..46 => (12, "viber"),
            46..74 => (13, "telegram"),
            74..92 => (14, "widget"),
            _ => (15, "insta_direct"),
        };
        let (phone, name) = match transport {
            "telegram" => (format!("[tg] {}", 100_200_000 + number), name),
            "insta_direct" => (format!("[insta] {}", 500_000 + number), name),
            "widget" => {
                let phone =
                    format!("[chat] {:06x}", 0xa1_b2c3_u32.wrapping_mul(number as u32 + 1) & 0xff_ffff);
                (phone.clone(), phone)
            }
            _ => {
                (format!("7700{number:07}"), if number.is_multiple_of(40) { "unknown".into() } else { name })
            }
        };
        let client = world.add_client(&phone, Some(&name));
        let thread = Thread { client, channel };
        self.known.push(Acquaintance { thread, transport, busy_until: DateTime::<Utc>::MIN_UTC });
        number
    }
}

#[cfg(test)]
mod tests;
