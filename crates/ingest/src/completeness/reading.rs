//! Reads what a judgement needs. No call to the platform, and nothing is written.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use events::AccountId;
use store::completeness::{self, CompletenessRow};
use store::{PgPool, StoreError, cursors};

use super::{final_from, judge};
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

/// The days of which everything is expected: those that messages were read of, and those from the day after the first
/// webhook on. Today is not over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coverage {
    /// The first and the last.
    read: Option<(NaiveDate, NaiveDate)>,
    heard_from: Option<NaiveDate>,
    today: NaiveDate,
}

impl Coverage {
    /// The days from `since` to `until`, in order.
    pub(crate) fn days(&self, since: Option<NaiveDate>, until: Option<NaiveDate>) -> Vec<NaiveDate> {
        let first = [self.read.map(|read| read.0), self.heard_from].into_iter().flatten().min();
        let Some(first) = first else { return Vec::new() };
        let is_expected = |day: &NaiveDate| {
            self.read.is_some_and(|(first, last)| first <= *day && *day <= last)
                || self.heard_from.is_some_and(|from| from <= *day)
        };
        since
            .map_or(first, |since| since.max(first))
            .iter_days()
            .take_while(|day| *day < self.today && until.is_none_or(|until| *day <= until))
            .filter(is_expected)
            .collect()
    }
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
        let days = self.coverage().await?.days(since, until);
        let refetches = self.refetches().await?;
        let evidence = completeness::evidence(self.pool, self.account, self.zone.name(), &days).await?;
        let judged = |evidence: &completeness::DayEvidence| {
            judge(evidence, self.zone, refetches.get(&evidence.day).map_or(0, |counts| counts.0))
        };
        Ok(evidence.iter().flat_map(judged).collect())
    }

    /// Which days should be whole.
    pub(crate) async fn coverage(&self) -> Result<Coverage, StoreError> {
        let cursors = cursors::cursors(self.pool, self.account).await?;
        let of = |walk: &str| cursors.iter().find(|cursor| cursor.walk == walk);
        let day_of = |at: DateTime<Utc>| at.with_timezone(&self.zone).date_naive();
        let read = of("messages").and_then(|cursor| {
            let state = MessagesState::read(Some(&cursor.state))?;
            let first = day_of(state.first_at?);
            // A run under way may not have come to its end: what lies behind the newest message is not read yet.
            let is_read_out = of("run").is_none_or(|run| {
                run.state["finished"]
                    .as_array()
                    .is_some_and(|walks| walks.iter().any(|walk| walk == "messages"))
            });
            let last = if is_read_out {
                let read_on = day_of(cursor.updated_at);
                let before = read_on.pred_opt()?;
                if final_from(before, self.zone) <= cursor.updated_at { before } else { before.pred_opt()? }
            } else {
                day_of(state.newest_at()?).pred_opt()?
            };
            Some((first, last))
        });
        let heard = completeness::first_webhook_day(self.pool, self.account).await?;
        let heard_from = heard.and_then(|day| day.succ_opt());
        Ok(Coverage { read, heard_from, today: day_of(self.now) })
    }

    /// By day: how often it was fetched again in all, and today.
    pub(crate) async fn refetches(&self) -> Result<HashMap<NaiveDate, (i64, i64)>, StoreError> {
        let today = day_start(self.now.with_timezone(&self.zone).date_naive(), self.zone);
        let refetches = completeness::refetches(self.pool, self.account, today).await?;
        Ok(refetches.into_iter().map(|(day, all, today)| (day, (all, today))).collect())
    }
}
