//! Days that are counted, and those that are fetched again because something of them is missing (design.md 6).
//!
//! Repairs use what is left of the quota whatever the share of history is, and whoever runs both runs them first: so the
//! order live, repair, nightly, history holds.

use std::collections::HashMap;
use std::time::Duration;

use ::chat2desk::{MessagesQuery, Request, Start};
use chrono::{DateTime, Days, NaiveDate, Utc};
use store::completeness::CompletenessRow;
use store::{budgets, completeness};
use tokio_util::sync::CancellationToken;

use super::fetch::Fetched;
use super::pages::{Press, RawPage};
use super::{Backfill, Outcome, Range, month};
use crate::completeness::{Coverage, Judged, final_from, fingerprint, is_level};
use crate::error::IngestError;

/// Days that are looked at each time.
const RECENT: u64 = 35;
/// Days that were never counted are counted, the newest first, so many in a look: one call each.
const COUNTED: usize = 100;
/// A day is fetched again at most so often in a local day.
const REFETCHES: i64 = 3;
/// Longest wait for the projection.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// What a look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Days that were judged.
    pub days: usize,
    /// Of them days of which something is missing, as they were before they were fetched again.
    pub red: Vec<NaiveDate>,
    /// Days that the platform was asked to count.
    pub counted: usize,
    /// Days that were fetched again: look once more soon.
    pub refetched: Vec<NaiveDate>,
    /// The projection is behind, the quota is spent, or it was told to stop: some of it is for later.
    pub is_cut_short: bool,
}

impl Backfill {
    /// The same for repairs: with all of the quota that is left.
    #[must_use]
    pub fn repairing(mut self) -> Self {
        self.account.quota_share = None;
        self
    }

    /// Counts the days that have no final count, judges, writes `chat.completeness`, and fetches red days again.
    ///
    /// # Errors
    /// [`IngestError`], one line that names the next step.
    pub async fn keep_complete(&self, stop: &CancellationToken) -> Result<Look, IngestError> {
        let mut look = Look::default();
        // What is not projected yet is no gap, and a count that is not read yet would be asked for again. The cursors first:
        // what another run reads from now on is for the next look.
        let coverage = self.judged().coverage().await?;
        if !self.is_level(stop).await? {
            look.is_cut_short = true;
            return Ok(look);
        }
        self.count(&coverage, &mut look, stop).await?;
        if look.counted > 0 && !self.is_level(stop).await? {
            look.is_cut_short = true;
            return Ok(look);
        }
        let since = self.today().checked_sub_days(Days::new(RECENT));
        let rows = self.judged().covered(&coverage, since, None).await?;
        look.days = rows.chunk_by(|a, b| a.day == b.day).count();
        let now = self.clock.now();
        let mut transaction = store::begin(&self.pool).await?;
        completeness::write(&mut transaction, &self.account.id, &rows, now).await?;
        store::commit(transaction).await?;
        let is_red = |row: &CompletenessRow| row.state == "red";
        look.red = rows.iter().filter(|row| is_red(row)).map(|row| row.day).collect();
        look.red.dedup();
        for of_day in rows.chunk_by(|a, b| a.day == b.day).filter(|rows| rows.iter().any(is_red)) {
            if !self.refetch(of_day, &mut look, stop).await? {
                break;
            }
        }
        Ok(look)
    }

    fn judged(&self) -> Judged<'_> {
        Judged { pool: &self.pool, account: &self.account.id, zone: self.account.zone, now: self.clock.now() }
    }

    /// Asks the platform to count messages: the newest days first that have no final count.
    async fn count(
        &self,
        coverage: &Coverage,
        look: &mut Look,
        stop: &CancellationToken,
    ) -> Result<(), IngestError> {
        let (zone, judged) = (self.account.zone, self.judged());
        let counted: HashMap<NaiveDate, DateTime<Utc>> =
            completeness::messages_counted(&self.pool, &self.account.id).await?.into_iter().collect();
        let is_open = |day: &NaiveDate| {
            let from = final_from(*day, zone);
            from <= judged.now && counted.get(day).is_none_or(|at| *at < from)
        };
        for day in coverage.days(None, None).into_iter().rev().filter(is_open).take(COUNTED) {
            if !self.count_messages(day, stop).await? {
                look.is_cut_short = true;
                break;
            }
            look.counted += 1;
        }
        Ok(())
    }

    /// Asks for one day's count; the answer is a page like any other, and in the log. False: no quota, or told to stop.
    async fn count_messages(&self, day: NaiveDate, stop: &CancellationToken) -> Result<bool, IngestError> {
        let before = self.client.calls();
        let request = Request::Messages(MessagesQuery { start: Start::Days(day, day), limit: 1 });
        let fetched = self.page(&request, stop, &|_| {}).await;
        let calls = i64::try_from(self.client.calls().saturating_sub(before)).unwrap_or(i64::MAX);
        let this_month = month(self.today()).0;
        budgets::spend(&self.pool, &self.account.id, this_month, calls, self.clock.now()).await?;
        let Fetched::Answer(page, fetched_at) = fetched? else { return Ok(false) };
        let press = Press { account: &self.account.id, clock: self.clock.as_ref(), ids: &self.ids };
        let raw = RawPage {
            asked: request.to_string(),
            fetched_at,
            rows: &page.rows,
            envelope: Some(&page.envelope),
        };
        press.append(self.log.as_ref(), &raw).await?;
        Ok(true)
    }

    /// Fetches a day again unless it was often enough today, or so often without any change that it would be in vain;
    /// false: no more of them now.
    async fn refetch(
        &self,
        rows: &[CompletenessRow],
        look: &mut Look,
        stop: &CancellationToken,
    ) -> Result<bool, IngestError> {
        let Some(day) = rows.first().map(|row| row.day) else { return Ok(true) };
        let (tries, evidence) = (self.judged().refetches().await?, fingerprint(rows));
        if tries.today(day) >= REFETCHES || tries.is_given_up(day, &evidence) {
            return Ok(true);
        }
        let (account, began_at) = (&self.account.id, self.clock.now());
        completeness::begin_refetch(&self.pool, account, day, &evidence, began_at).await?;
        tracing::warn!(account.id = %account, completeness.day = %day, "something of a day is missing, fetching it again");
        let range = Range::Days { since: Some(day), until: Some(day) };
        let run = self.run_days(range, &|_| {}, stop).await;
        let (calls, word) = match &run {
            Ok(outcome) => (
                outcome.summary().calls,
                match outcome {
                    Outcome::Done(_) => "done",
                    Outcome::QuotaSpent { .. } => "quota_spent",
                    Outcome::Stopped(_) => "stopped",
                },
            ),
            Err(_) => (0, "failed"),
        };
        let calls = i64::try_from(calls).unwrap_or(i64::MAX);
        let ended = (self.clock.now(), calls, word);
        completeness::end_refetch(&self.pool, account, day, began_at, ended).await?;
        if !matches!(run?, Outcome::Done(_)) {
            look.is_cut_short = true;
            return Ok(false);
        }
        look.refetched.push(day);
        // The rows that came may not be those that were counted.
        if !self.count_messages(day, stop).await? {
            look.is_cut_short = true;
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether what is in the log now is in the tables, waiting for it.
    async fn is_level(&self, stop: &CancellationToken) -> Result<bool, IngestError> {
        is_level(&self.pool, self.log.as_ref(), self.patience, stop).await
    }
}

impl Look {
    /// How long to wait before the next look: not long after a repair, else an hour.
    pub fn pause(&self) -> Duration {
        if self.refetched.is_empty() { Duration::from_secs(3600) } else { Duration::from_secs(120) }
    }
}
