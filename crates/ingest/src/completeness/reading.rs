//! Reads what a judgement needs. No call to the platform, and nothing is written.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use events::AccountId;
use log::Log;
use store::completeness::{self, CompletenessRow, Refetches};
use store::level::Level;
use store::{PgPool, StoreError, cursors};
use tokio_util::sync::CancellationToken;

use super::{BEHIND, GIVEN_UP, final_from, fingerprint, judge};
use crate::backfill::day_start;
use crate::chat2desk::walk::MessagesState;
use crate::error::IngestError;

/// Days whose evidence is read by one statement.
const DAYS: usize = 14;
/// A day that was fetched so often and looks as before is fetched again only when something of it changes.
const UNCHANGED: i64 = 6;
/// Between two questions whether the projection has caught up.
const ASK: Duration = Duration::from_millis(200);

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
    /// Whether the list of messages was read of a day: what it did not bring it does not show.
    fn is_read(&self, day: NaiveDate) -> bool {
        self.read.is_some_and(|(first, last)| first <= day && day <= last)
    }

    /// The days from `since` to `until`, in order.
    pub(crate) fn days(&self, since: Option<NaiveDate>, until: Option<NaiveDate>) -> Vec<NaiveDate> {
        let first = [self.read.map(|read| read.0), self.heard_from].into_iter().flatten().min();
        let Some(first) = first else { return Vec::new() };
        let is_expected =
            |day: &NaiveDate| self.is_read(*day) || self.heard_from.is_some_and(|from| from <= *day);
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
    /// or heard on. Waits so long for the projection to come level with the log; where it does not, nothing is called
    /// missing.
    ///
    /// # Errors
    /// As of the store and the log.
    pub async fn days(
        &self,
        log: &dyn Log,
        patience: Duration,
        since: Option<NaiveDate>,
        until: Option<NaiveDate>,
    ) -> Result<Vec<CompletenessRow>, IngestError> {
        // What cursors say is read is in the log: so cursors first, then the log's end, then the facts.
        let coverage = self.coverage().await?;
        let is_level = is_level(self.pool, log, patience, &CancellationToken::new()).await?;
        let mut rows = self.covered(&coverage, since, until).await?;
        for row in rows.iter_mut().filter(|row| row.state == "red" && !is_level) {
            (row.state, row.reason) = ("not_provable", Some(BEHIND.to_owned()));
        }
        Ok(rows)
    }

    /// The same for days of this coverage, which the tables have come level with since.
    pub(crate) async fn covered(
        &self,
        coverage: &Coverage,
        since: Option<NaiveDate>,
        until: Option<NaiveDate>,
    ) -> Result<Vec<CompletenessRow>, StoreError> {
        let refetches = self.refetches().await?;
        let mut rows = Vec::new();
        for days in coverage.days(since, until).chunks(DAYS) {
            for mut evidence in
                completeness::evidence(self.pool, self.account, self.zone.name(), days).await?
            {
                if !coverage.is_read(evidence.day) {
                    evidence.messages_unlisted = 0;
                }
                rows.extend(self.judged(&evidence, &refetches));
            }
        }
        Ok(rows)
    }

    /// A day's rows; a red one says when fetching does not help.
    fn judged(&self, evidence: &completeness::DayEvidence, refetches: &Tries) -> Vec<CompletenessRow> {
        let day = evidence.day;
        let mut rows = judge(evidence, self.zone, refetches.in_all(day));
        if refetches.is_given_up(day, &fingerprint(&rows)) {
            for row in rows.iter_mut().filter(|row| row.state == "red") {
                let missing = row.reason.take().unwrap_or_default();
                row.reason = Some(format!("{missing}{GIVEN_UP}"));
            }
        }
        rows
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

    /// How often each day was fetched again.
    pub(crate) async fn refetches(&self) -> Result<Tries, StoreError> {
        let today = day_start(self.now.with_timezone(&self.zone).date_naive(), self.zone);
        Ok(Tries(completeness::refetches(self.pool, self.account, today).await?))
    }
}

/// Whether what is in the log now is in the tables, waiting for it.
pub(crate) async fn is_level(
    pool: &PgPool,
    log: &dyn Log,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<bool, IngestError> {
    let ends = log.bounds().await?;
    let ends = ends.iter().filter(|end| end.end > end.start).map(|end| (end.partition, end.end));
    let (mut level, mut waited) = (Level::with(ends.collect()), Duration::ZERO);
    loop {
        if level.is_reached(pool).await? {
            return Ok(true);
        }
        if waited >= patience || stop.is_cancelled() {
            return Ok(false);
        }
        waited += ASK;
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(ASK) => {}
        }
    }
}

/// How often days were fetched again, and what they looked like then.
pub(crate) struct Tries(Vec<Refetches>);

impl Tries {
    fn of(&self, day: NaiveDate) -> impl Iterator<Item = &Refetches> {
        self.0.iter().filter(move |tries| tries.day == day)
    }

    fn in_all(&self, day: NaiveDate) -> i64 {
        self.of(day).map(|tries| tries.tries).sum()
    }

    /// How often today.
    pub(crate) fn today(&self, day: NaiveDate) -> i64 {
        self.of(day).map(|tries| tries.recent).sum()
    }

    /// Whether the day was fetched so often without anything of it changing that it will not change.
    pub(crate) fn is_given_up(&self, day: NaiveDate, evidence: &str) -> bool {
        let same = self.of(day).filter(|tries| tries.evidence.as_deref() == Some(evidence));
        !evidence.is_empty() && same.map(|tries| tries.done).sum::<i64>() >= UNCHANGED
    }
}
