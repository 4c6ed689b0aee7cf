//! Reads what a judgement needs. No call to the platform, and nothing is written.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use events::AccountId;
use store::completeness::{self, CompletenessRow};
use store::{PgPool, StoreError, cursors};

use super::judge;
use crate::backfill::day_start;
use crate::chat2desk::walk::MessagesState;

/// An account whose days are judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The tables.
    pub pool: &'a PgPool,
    /// The account.
    pub account: &'a AccountId,
    /// Its zone.
    pub zone: Tz,
    /// The present instant.
    pub now: DateTime<Utc>,
}

impl Judged<'_> {
    /// Whether the local days from `since` to `until` are all there: those that are over, and that the account was read
    /// or heard on.
    ///
    /// # Errors
    /// As of the store.
    pub async fn days(
        &self,
        since: Option<NaiveDate>,
        until: Option<NaiveDate>,
    ) -> Result<Vec<CompletenessRow>, StoreError> {
        let Some(first) = self.first_covered().await? else { return Ok(Vec::new()) };
        let days = self.over(since.map_or(first, |since| since.max(first)), until);
        let refetches = self.refetches().await?;
        let evidence = completeness::evidence(self.pool, self.account, self.zone.name(), &days).await?;
        let judged = |evidence: &completeness::DayEvidence| {
            judge(evidence, self.zone, refetches.get(&evidence.day).map_or(0, |counts| counts.0))
        };
        Ok(evidence.iter().flat_map(judged).collect())
    }

    /// The first local day that should be whole: from where messages were read, or the day after the first webhook.
    pub(crate) async fn first_covered(&self) -> Result<Option<NaiveDate>, StoreError> {
        let stored = cursors::cursors(self.pool, self.account).await?;
        let messages = stored.iter().find(|cursor| cursor.walk == "messages").map(|cursor| &cursor.state);
        let read = MessagesState::read(messages).and_then(|state| state.first_at);
        let read = read.map(|at| at.with_timezone(&self.zone).date_naive());
        let heard = completeness::first_webhook_day(self.pool, self.account).await?;
        Ok([read, heard.and_then(|day| day.succ_opt())].into_iter().flatten().min())
    }

    /// The days from `first` on that are over.
    pub(crate) fn over(&self, first: NaiveDate, until: Option<NaiveDate>) -> Vec<NaiveDate> {
        let today = self.now.with_timezone(&self.zone).date_naive();
        let is_over = |day: &NaiveDate| *day < today && until.is_none_or(|until| *day <= until);
        first.iter_days().take_while(is_over).collect()
    }

    /// By day: how often it was fetched again in all, and today.
    pub(crate) async fn refetches(&self) -> Result<HashMap<NaiveDate, (i64, i64)>, StoreError> {
        let today = day_start(self.now.with_timezone(&self.zone).date_naive(), self.zone);
        let refetches = completeness::refetches(self.pool, self.account, today).await?;
        Ok(refetches.into_iter().map(|(day, all, today)| (day, (all, today))).collect())
    }
}
