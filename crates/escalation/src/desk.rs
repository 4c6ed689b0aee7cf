//! What people do about escalations, however they say it: a link, the API, the command line.

use std::sync::Arc;

use events::Clock;
use store::PgPool;
use store::escalations::{self, Escalation, Response, Scored};

use crate::EscalationError;
use crate::event::{Event, Telling};
use crate::notifier::{Address, Kind};
use crate::tell;

/// Names and reasons are cut to so many characters.
const LONGEST: usize = 200;

/// Takes people's word for it. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    /// Webhooks hear what people did; a mail about it would be one too many.
    webhooks: Arc<[Address]>,
}

impl Desk {
    /// A desk that tells those of `addresses` that are webhooks.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, addresses: impl IntoIterator<Item = Address>) -> Self {
        let webhooks = addresses.into_iter().filter(|address| address.kind == Kind::Webhook).collect();
        Self { pool, clock, webhooks }
    }

    /// One escalation.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find(&self, key: &str) -> Result<Option<Escalation>, EscalationError> {
        Ok(escalations::find(&self.pool, key).await?)
    }

    /// `by` takes care of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn acknowledge(&self, key: &str, by: &str) -> Result<Response, EscalationError> {
        let (by, now) = (cut(by), self.clock.now());
        let mut transaction = store::begin(&self.pool).await?;
        let response = escalations::acknowledge(&mut transaction, key, &by, now).await?;
        self.finish(transaction, response, Event::Acknowledged, Some(&by), None).await
    }

    /// It is done with, for a reason.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn close(
        &self,
        key: &str,
        reason: &str,
        by: Option<&str>,
    ) -> Result<Response, EscalationError> {
        let (reason, by, now) = (cut(reason), by.map(cut), self.clock.now());
        let mut transaction = store::begin(&self.pool).await?;
        let response = escalations::close(&mut transaction, key, &reason, by.as_deref(), now).await?;
        self.finish(transaction, response, Event::Closed, by.as_deref(), Some(&reason)).await
    }

    async fn finish(
        &self,
        mut transaction: store::Transaction,
        response: Response,
        event: Event,
        by: Option<&str>,
        reason: Option<&str>,
    ) -> Result<Response, EscalationError> {
        if let Response::Done(escalation) = &response {
            let cause = [(escalation.account.clone(), escalation.cause.clone())];
            let scores = escalations::scores(&mut transaction, &cause).await?;
            // Of several scales the one that it is about: names and comments are of that one.
            let is_its = |scored: &&Scored| {
                (Some(scored.score), Some(scored.scale), &scored.operator_id)
                    == (escalation.score, escalation.scale, &escalation.operator_id)
            };
            let scored = scores.iter().find(is_its);
            let telling = Telling { event, escalation, scored, by, reason, at: escalation.updated_at };
            tell::who_heard(&mut transaction, self.webhooks.iter(), &telling, chrono_tz::UTC).await?;
            store::commit(transaction).await?;
            tracing::info!(escalation.key = %escalation.key, "escalation {}", event.word());
        }
        Ok(response)
    }
}

/// What a person wrote, on one line and within bounds.
fn cut(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST)
        .collect()
}
