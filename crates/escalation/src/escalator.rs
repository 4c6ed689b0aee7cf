//! The role `escalate`: one loop that decides, one for each notifier that tells.

use std::sync::Arc;
use std::time::Duration;

use events::Clock;
use futures::future::join_all;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use store::{PgPool, effects};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::evaluate::Evaluator;
use crate::notifier::{Address, Notifier, Sender, TARGETS};
use crate::{Desk, EscalationError, Evaluation, Links, Rules};

/// What an escalator works with.
pub struct Settings {
    /// What is escalated.
    pub rules: Rules,
    /// Who is told.
    pub notifiers: Vec<Notifier>,
    /// For the links to acknowledge; without them messages have none.
    pub links: Option<Links>,
    /// A name that no other run of any process has.
    pub owner: String,
    /// Chance for the waits between attempts.
    pub seed: u64,
    /// How long a loop that found nothing waits before it looks again. A tenth of a second is an index look-up.
    pub idle: Duration,
}

impl Settings {
    /// Nothing to do, looked at ten times a second.
    pub fn new(owner: String, seed: u64) -> Self {
        let (rules, notifiers, links) = (Rules::default(), Vec::new(), None);
        Self { rules, notifiers, links, owner, seed, idle: Duration::from_millis(100) }
    }
}

/// Decides and tells. Any number of them, in one process or many, may work on one database.
pub struct Escalator {
    evaluator: Evaluator,
    senders: Vec<Sender>,
    wakes: Vec<Arc<Notify>>,
    clock: Arc<dyn Clock>,
    idle: Duration,
}

impl Escalator {
    /// An escalator on the live tables.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let Settings { rules, notifiers, links, owner, seed, idle } = settings;
        let addresses: Vec<Address> = notifiers.iter().map(Notifier::address).collect();
        let mut wakes = Vec::new();
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut senders = Vec::new();
        for notifier in notifiers {
            let wake = Arc::new(Notify::new());
            wakes.push(wake.clone());
            senders.push(Sender {
                pool: pool.clone(),
                clock: clock.clone(),
                owner: format!("{owner}/{}", notifier.name),
                notifier,
                links: links.clone(),
                wake,
                idle,
                chance: ChaCha8Rng::from_rng(&mut chance),
                failures: 0,
            });
        }
        Self { evaluator: Evaluator { pool, rules, addresses }, senders, wakes, clock, idle }
    }

    /// The desk that knows the same notifiers.
    pub fn desk(&self) -> Desk {
        Desk::new(self.evaluator.pool.clone(), self.clock.clone(), self.evaluator.addresses.iter().cloned())
    }

    /// Decides about what changed, once, and tells nobody: what is intended is told by [`Self::run`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn evaluate(&self) -> Result<Evaluation, EscalationError> {
        self.evaluator.evaluate(self.clock.now()).await
    }

    /// Decides and tells until `stop`.
    ///
    /// # Errors
    /// [`EscalationError::Stop`] when going on cannot succeed. A database or a receiver that is away is waited for.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EscalationError> {
        self.warn_of_orphans().await;
        let Self { evaluator, senders, wakes, clock, idle } = self;
        let stop = stop.child_token();
        let deciding = async {
            let ended = decide_until(&evaluator, &wakes, clock.as_ref(), idle, &stop).await;
            stop.cancel();
            ended
        };
        let telling = join_all(senders.into_iter().map(|sender| {
            let (running, stop) = (sender.run(stop.clone()), stop.clone());
            async move {
                // A task of its own: what one waits for or computes holds up no other.
                let ended = match tokio::spawn(running).await {
                    Ok(ended) => ended,
                    Err(died) => Err(EscalationError::Stop(format!("a fault of the program: {died}"))),
                };
                if ended.is_err() {
                    stop.cancel();
                }
                ended
            }
        }));
        let (decided, told) = futures::future::join(deciding, telling).await;
        told.into_iter().fold(decided, Result::and)
    }

    /// What waits for a notifier that is not configured any more is never sent.
    async fn warn_of_orphans(&self) {
        let Ok(waiting) = effects::waiting_targets(&self.evaluator.pool, TARGETS).await else { return };
        let known: Vec<String> = self.evaluator.addresses.iter().map(Address::target).collect();
        for (target, waiting) in waiting.iter().filter(|(target, _)| !known.contains(target)) {
            tracing::warn!(target.name = %target, waiting, "notifications wait for a notifier that is not configured");
        }
    }
}

async fn decide_until(
    evaluator: &Evaluator,
    wakes: &[Arc<Notify>],
    clock: &dyn Clock,
    idle: Duration,
    stop: &CancellationToken,
) -> Result<(), EscalationError> {
    /// Between two attempts while the database is away.
    const AWAY: Duration = Duration::from_secs(1);
    let mut is_away = false;
    while !stop.is_cancelled() {
        let pause = match evaluator.evaluate(clock.now()).await {
            Ok(done) => {
                is_away = false;
                if done.intended > 0 {
                    wakes.iter().for_each(|wake| wake.notify_one());
                }
                if done.changed > 0 {
                    continue;
                }
                idle
            }
            Err(EscalationError::Unavailable(error)) => {
                if !is_away {
                    tracing::warn!(error, "escalation waits for the database");
                }
                is_away = true;
                AWAY
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}
