//! What can happen to the system, and how it is made to happen.

use chatledger_tests::random_account::Chance;
use events::{Clock as _, Delivery};
use projection::Rebuild;
use projection::rebuild::Control;
use tokio_util::sync::CancellationToken;

use super::{Simulation, accounts};

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// What happened next reaches us, in order.
    Deliver,
    /// What we have comes again, its bytes the same.
    Duplicate,
    /// What comes next comes in another order, some of it much later.
    Reorder,
    /// The next rows of a list are fetched, as a page with its envelope.
    Page,
    /// A worker ends without a word.
    Crash,
    /// One more worker: it gets its share of the partitions.
    Start,
    /// A worker stops and gives its partitions back.
    HandOver,
    /// A worker that has read a batch sleeps until its leases are another's, then goes on.
    Stall,
    /// A new version reads what an older one rejected.
    Upgrade,
    /// Our clock is set.
    ClockJump,
    /// All work is done.
    Settle,
    /// Workers stop and start with other rules.
    Configure,
    /// A rebuild switches while others work.
    Rebuild,
}

impl Operation {
    pub(super) fn any(chance: &mut Chance) -> Self {
        use Operation::{
            ClockJump, Configure, Crash, Deliver, Duplicate, HandOver, Page, Rebuild, Reorder, Settle, Stall,
            Start, Upgrade,
        };
        let common = [Deliver, Deliver, Deliver, Deliver, Duplicate, Reorder, Reorder, Page, Crash, Start];
        match chance.below(15) {
            0..=9 => chance.pick(&common),
            10 => HandOver,
            11 => Stall,
            12 => chance.pick(&[ClockJump, Upgrade]),
            13 => chance.pick(&[Crash, Settle]),
            _ if chance.one_in(2) => Configure,
            _ => Rebuild,
        }
    }

    pub(super) async fn act(self, on: &mut Simulation) {
        match self {
            Self::Deliver => {
                let some = on.next(60);
                on.deliver(some).await;
            }
            Self::Duplicate => {
                let again = (0..20).filter_map(|_| on.earlier()).collect();
                on.deliver(again).await;
            }
            Self::Reorder => {
                let mut some = on.next(80);
                on.chance.shuffle(&mut some);
                let late = some.split_off(some.len() / 2);
                on.deliver(some).await;
                // The other half comes at some time to come.
                for delivery in late {
                    let place = on.chance.below(u32::try_from(on.coming.len() + 1).unwrap()) as usize;
                    on.coming.insert(place, delivery);
                }
            }
            Self::Page => on.page().await,
            Self::Crash => on.workers.crash(&mut on.chance).await,
            Self::Start => on.workers.start(on.rules).await,
            Self::HandOver => on.workers.hand_over(&mut on.chance).await,
            Self::Stall => {
                on.workers.start(on.rules).await;
                on.workers.at_least_one(on.rules).await;
                let stalled = on.workers.stall(&mut on.chance);
                let some = on.next(60);
                on.deliver(some).await;
                on.workers.wakes_up_too_late(stalled, on.rules).await;
            }
            Self::Upgrade => on.upgrade().await,
            Self::ClockJump => {
                let minutes = on.chance.pick(&[-3000, -9, -1, 0, 7, 90, 4000]);
                on.skew = chrono::Duration::minutes(minutes);
            }
            Self::Settle => on.settle().await,
            Self::Configure => {
                on.workers.stop().await;
                on.rules = on.chance.below(3) as usize;
                on.workers.start(on.rules).await;
            }
            Self::Rebuild => on.rebuild().await,
        }
    }
}

impl Simulation {
    /// Up to so many of what is still to come.
    fn next(&mut self, most: u32) -> Vec<Delivery> {
        let some = self.chance.below(most) as usize;
        self.coming.drain(..some.min(self.coming.len())).collect()
    }

    fn earlier(&mut self) -> Option<Delivery> {
        let place = self.chance.below(u32::try_from(self.appended.len()).unwrap_or_default()) as usize;
        self.appended.get(place).cloned()
    }

    /// Appends deliveries as they reach us: our clock is the platform's with its skew, and each has an id of its own.
    async fn deliver(&mut self, deliveries: Vec<Delivery>) {
        let mut captured = Vec::with_capacity(deliveries.len());
        for mut delivery in deliveries {
            let before = self.clock.now();
            let at = (delivery.received_at + self.skew).max(before - chrono::Duration::hours(30));
            self.clock.set(at);
            delivery.received_at = self.clock.now();
            if delivery.capture.page.is_some() {
                delivery.capture.fetched_at = Some(delivery.received_at);
            }
            delivery.id = self.ids.next(delivery.received_at);
            captured.push(delivery);
        }
        self.append(captured).await;
    }

    /// All that is still to come of one list of one account, up to a page full, and the page's envelope.
    async fn page(&mut self) {
        let first = self.coming.iter().position(|delivery| delivery.capture.page.is_some());
        let Some(first) = first else { return };
        let (account, page) = (self.coming[first].account.clone(), self.coming[first].capture.page.clone());
        let of_page = |delivery: &Delivery| delivery.account == account && delivery.capture.page == page;
        let (mut rows, rest): (Vec<Delivery>, Vec<Delivery>) =
            std::mem::take(&mut self.coming).into_iter().partition(of_page);
        self.coming = rest;
        let later = rows.split_off(rows.len().min(25));
        self.coming.extend(later);
        let mut envelope = rows[0].clone();
        envelope.capture.part = Some(events::PagePart::Envelope);
        envelope.body = format!("{{\"meta\":{{\"total\":{}}}}}", rows.len()).into();
        rows.push(envelope);
        self.deliver(rows).await;
    }

    /// Makes a generation beside the live one, whoever works meanwhile, and puts it in its place.
    async fn rebuild(&mut self) {
        // It would read what the workers cannot yet.
        if self.workers.has_old_decoder() {
            return;
        }
        let live = self.database.pool();
        // Nobody else rebuilds.
        let claim = store::generations::claim(&live).await.unwrap().unwrap();
        let owner = format!("rebuild {}", self.chance.any());
        let rebuild =
            Rebuild::new(self.log.clone(), live.clone(), rules(self.rules), &owner, &self.database.folder);
        let control = Control::new(CancellationToken::new());
        rebuild.build(false, &control).await.unwrap();
        rebuild.follow(&control, async || Ok(())).await.unwrap();
        rebuild.switch(&control).await.unwrap();
        rebuild.close().await;
        claim.release().await.unwrap();
        live.close().await;
    }

    /// All workers stop; what the old decoder made of the log (positions, counts, rejects) is forgotten and the log is
    /// read again by the new one. Facts and rows stay: telling them again changes nothing.
    async fn upgrade(&mut self) {
        if !self.workers.has_old_decoder() {
            return;
        }
        self.workers.stop().await;
        self.workers.set_old_decoder(false);
        for table in ["positions", "accounting", "rejects"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table}")))
                .execute(&self.pool)
                .await
                .unwrap();
        }
        self.workers.start(self.rules).await;
    }
}

/// Rules by number, for whoever starts a worker.
pub(super) fn rules(number: usize) -> projection::Rules {
    accounts::rules(number)
}
