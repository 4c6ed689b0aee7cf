//! The check before the first row, for whichever CRM.

use store::{StoreError, crm_runs};

use crate::adapter::Trouble;
use crate::error::CrmError;
use crate::judge::{Moment, TargetFate, target};
use crate::worker::{Hand, Worker};

impl Worker {
    /// Checks the setup and remembers it. What stands in the way is written to the CRM's state, told once, and given
    /// back.
    pub(crate) async fn prepare(&self, hand: &mut Hand) -> Result<Result<(), Trouble>, CrmError> {
        let known = crm_runs::setup(&self.pool, &self.crm.name).await?;
        // Doubt keeps the account and forgets what was found in it.
        let known = known.map(|setup| match hand.is_doubtful {
            true => crm_runs::Setup { fingerprint: setup.fingerprint.wrapping_add(1), ..setup },
            false => setup,
        });
        let calls = self.adapter.calls();
        let outcome = self.adapter.check(known.as_ref(), false).await;
        let now = self.clock.now();
        let calls = i64::try_from(self.adapter.calls() - calls).unwrap_or(0);
        if calls > 0 {
            store::effects::count_calls(&self.pool, &self.target, calls, now).await?;
        }
        match outcome {
            Ok(checked) => {
                for done in &checked.done {
                    tracing::info!(crm.name = self.crm.name, crm.setup = done.as_str(), "crm setup");
                }
                crm_runs::save_setup(&self.pool, &self.crm.name, &checked.setup, now).await?;
                (hand.is_ready, hand.is_doubtful) = (true, false);
                // Who was not asked has said nothing: the first answer tells whether it takes leads.
                if calls > 0 {
                    self.set(&TargetFate::Well).await?;
                    self.tell(&TargetFate::Well, hand);
                }
                Ok(Ok(()))
            }
            Err(trouble) => {
                let moment = Moment { now, chance: self.ids.chance(now) };
                // Nothing of ours was at stake: a refusal here is a setup that does not fit.
                let trouble = match trouble {
                    Trouble::Refused { error } => Trouble::Broken { reason: error },
                    other => other,
                };
                let fate = target(trouble.clone(), &mut hand.mood, moment);
                self.set(&fate).await?;
                self.tell(&fate, hand);
                Ok(Err(trouble))
            }
        }
    }

    async fn set(&self, fate: &TargetFate) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        self.set_target(&mut connection, fate, self.clock.now()).await
    }
}
