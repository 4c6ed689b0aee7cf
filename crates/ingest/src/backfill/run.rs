//! The loop: ask, append, save the cursor; walk after walk.

use std::collections::HashMap;

use ::chat2desk::{ApiInfo, ApiMode, List, Page, Report};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{StoreError, budgets, cursors};
use tokio_util::sync::CancellationToken;

use super::fetch::Fetched;
use super::pages::{Press, RawPage};
use super::{Backfill, History, Outcome, Progress, Range, Summary, WalkSummary, first_day, month};
use crate::chat2desk::walk::{
    Days, Extent, MessagesState, MessagesWalk, RESUME_WITHIN, StatisticsWalk, SweepWalk, Walk, range_name,
};
use crate::completeness::final_from;
use crate::error::IngestError;

/// Told of each page and each wait.
pub type Watcher<'a> = &'a (dyn Fn(Progress) + Sync);

const SMALL_LISTS: [List; 4] = [List::Operators, List::OperatorsGroups, List::Channels, List::Tags];
const LONG_LISTS: [List; 2] = [List::Clients, List::Dialogs];
const REPORTS: [Report; 2] = [Report::RequestStats, Report::Rating];
const MESSAGES: &str = "messages";
const RUN: &str = "run";

/// What an interrupted run had finished: so that runs which are stopped again and again still come to an end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Interrupted {
    began_at: DateTime<Utc>,
    finished: Vec<String>,
}

/// Which lists a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// All of them.
    All,
    /// Those that have days: messages and reports.
    Days,
}

/// Why a run stops before its end.
enum Halt {
    QuotaSpent(DateTime<Utc>),
    Stopped,
    Failed(IngestError),
}

impl<E: Into<IngestError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A run under way.
struct Run<'a> {
    backfill: &'a Backfill,
    watcher: Watcher<'a>,
    stop: &'a CancellationToken,
    summary: Summary,
    /// The key of its own cursor, and what that says.
    name: String,
    state: Interrupted,
    /// Calls of the client before this run, and those already written into the budget.
    calls_before: u64,
    calls_saved: u64,
    /// Most calls of this run.
    calls_most: Option<u64>,
}

impl Backfill {
    /// Reads `range` into the log. Whatever ends it, the next run goes on where this one stopped.
    ///
    /// # Errors
    /// [`IngestError`], one line that names the next step. A spent quota is no error but an [`Outcome`].
    pub async fn run(
        &self,
        range: Range,
        watcher: Watcher<'_>,
        stop: &CancellationToken,
    ) -> Result<Outcome, IngestError> {
        self.drive(range, What::All, watcher, stop).await
    }

    /// Reads only what has days: messages and reports. For a day that is to be made whole again.
    pub(super) async fn run_days(
        &self,
        range: Range,
        watcher: Watcher<'_>,
        stop: &CancellationToken,
    ) -> Result<Outcome, IngestError> {
        self.drive(range, What::Days, watcher, stop).await
    }

    async fn drive(
        &self,
        range: Range,
        what: What,
        watcher: Watcher<'_>,
        stop: &CancellationToken,
    ) -> Result<Outcome, IngestError> {
        check(range)?;
        let calls_before = self.client.calls();
        let mut run = Run {
            backfill: self,
            watcher,
            stop,
            summary: Summary::default(),
            name: RUN.into(),
            state: Interrupted { began_at: self.clock.now(), finished: Vec::new() },
            calls_before,
            calls_saved: 0,
            calls_most: None,
        };
        let ended = run.all(range, what).await;
        run.summary.calls = run.calls();
        run.spend().await?;
        let summary = run.summary;
        tracing::info!(account.id = %self.account.id, backfill.calls = summary.calls, backfill.rows = summary.rows,
            "backfill ended");
        match ended {
            Ok(()) => Ok(Outcome::Done(summary)),
            Err(Halt::Stopped) => Ok(Outcome::Stopped(summary)),
            Err(Halt::QuotaSpent(continues_at)) => Ok(Outcome::QuotaSpent { summary, continues_at }),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    /// The messages walk of a range.
    pub(super) fn messages_walk(&self, range: Range, stored: &HashMap<String, Value>) -> MessagesWalk {
        let today = self.today();
        let zone = self.account.zone;
        match range {
            Range::Continue(_) => {
                let days = Days { since: first_day(range, today), until: today, zone };
                let cursor = MessagesState::read(stored.get(MESSAGES));
                MessagesWalk::new(MESSAGES.into(), Extent::Open(days), cursor)
            }
            Range::Days { since, until } => {
                let name = range_name(MESSAGES, since, until);
                let cursor = MessagesState::read(stored.get(&name));
                let days = Days { since, until: until.unwrap_or(today), zone };
                let extent = if until.is_some_and(|until| until < today) {
                    Extent::Closed(days)
                } else {
                    Extent::Open(days)
                };
                MessagesWalk::new(name, extent, cursor)
            }
        }
    }

    /// The walk of a list by offset.
    pub(super) fn sweep_walk(&self, list: List, range: Range, stored: &HashMap<String, Value>) -> SweepWalk {
        let is_whole = matches!(range, Range::Days { .. });
        SweepWalk::new(list, stored.get(list.name()), is_whole, self.clock.now())
    }

    /// The walk of a report; `first_at` is when the oldest known message was made.
    pub(super) fn statistics_walk(
        &self,
        report: Report,
        range: Range,
        stored: &HashMap<String, Value>,
        first_at: Option<DateTime<Utc>>,
    ) -> StatisticsWalk {
        let today = self.today();
        let oldest = first_at.map(|at| at.with_timezone(&self.account.zone).date_naive());
        let since = first_day(range, today).or(oldest).unwrap_or(today);
        let list = StatisticsWalk::list_name(report);
        let (name, until) = match range {
            Range::Continue(_) => (list, today),
            Range::Days { since, until } => {
                (range_name(&list, since, until), until.unwrap_or(today).min(today))
            }
        };
        let cursor = stored.get(&name);
        StatisticsWalk::new(name.clone(), report, since, until, cursor, self.clock.now())
    }

    /// All cursors of the account, by walk.
    pub(super) async fn stored(&self) -> Result<HashMap<String, Value>, StoreError> {
        let cursors = cursors::cursors(&self.pool, &self.account.id).await?;
        Ok(cursors.into_iter().map(|cursor| (cursor.walk, cursor.state)).collect())
    }
}

/// Whether a range can be read.
pub(super) fn check(range: Range) -> Result<(), IngestError> {
    match range {
        Range::Days { since: Some(since), until: Some(until) } if since > until => {
            Err(IngestError::Usage(format!("--since {since} is after --until {until}")))
        }
        _ => Ok(()),
    }
}

/// Whether nothing of the past is wanted, and none was read before.
pub(super) fn is_without_past(range: Range, stored: &HashMap<String, Value>) -> bool {
    range == Range::Continue(History::None) && !stored.contains_key(MESSAGES)
}

impl Run<'_> {
    async fn all(&mut self, range: Range, what: What) -> Result<(), Halt> {
        let backfill = self.backfill;
        self.quota().await?;
        let stored = backfill.stored().await?;
        self.resume(range, &stored);
        let (small, long): (&[List], &[List]) = match what {
            What::All => (&SMALL_LISTS, &LONG_LISTS),
            What::Days => (&[], &[]),
        };
        for list in small.iter().copied() {
            self.walk(&mut backfill.sweep_walk(list, range, &stored)).await?;
        }
        if !is_without_past(range, &stored) {
            let mut messages = backfill.messages_walk(range, &stored);
            self.walk(&mut messages).await?;
            for list in long.iter().copied() {
                self.walk(&mut backfill.sweep_walk(list, range, &stored)).await?;
            }
            let first_at = messages.cursor().first_at;
            for report in REPORTS {
                self.walk(&mut backfill.statistics_walk(report, range, &stored, first_at)).await?;
            }
            self.end_range(range, &stored, messages.cursor()).await?;
        }
        cursors::delete_cursors(&backfill.pool, &backfill.account.id, std::slice::from_ref(&self.name))
            .await?;
        Ok(())
    }

    /// Takes over what a run of the same range had finished when it was interrupted a little while ago.
    fn resume(&mut self, range: Range, stored: &HashMap<String, Value>) {
        let now = self.backfill.clock.now();
        self.name = match range {
            Range::Continue(_) => RUN.into(),
            Range::Days { since, until } => range_name(RUN, since, until),
        };
        let interrupted: Option<Interrupted> =
            stored.get(&self.name).and_then(|state| serde_json::from_value(state.clone()).ok());
        self.state = interrupted
            .filter(|run| now - run.began_at < RESUME_WITHIN)
            .unwrap_or(Interrupted { began_at: now, finished: Vec::new() });
    }

    /// Asks for mode and quota, and writes down what is left.
    async fn quota(&mut self) -> Result<(), Halt> {
        let info = match self
            .backfill
            .api_info(self.stop, &|why| self.tell("api_info", 0, None, Some(why)))
            .await?
        {
            Fetched::Answer(info, _) => info,
            Fetched::QuotaSpent(until) => return Err(Halt::QuotaSpent(until)),
            Fetched::Stopped => return Err(Halt::Stopped),
        };
        let account = &self.backfill.account;
        if info.mode == ApiMode::Disabled {
            let (account, what) = (account.id.to_string(), "its api mode is disabled".to_owned());
            return Err(IngestError::Unauthorized { account, what }.into());
        }
        let (month, _) = month(self.backfill.today());
        let quota = told(&info);
        // First what we used: the platform's own count includes it.
        self.spend().await?;
        budgets::tell(&self.backfill.pool, &account.id, month, &quota, self.backfill.clock.now()).await?;
        self.calls_most = info.calls_left().zip(account.quota_share).map(|(left, share)| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to 0..=left"
            )]
            let most = (left as f64 * share.clamp(0.0, 1.0)).floor() as u64;
            most
        });
        Ok(())
    }

    async fn walk(&mut self, walk: &mut dyn Walk) -> Result<(), Halt> {
        if self.has_finished(walk) {
            return Ok(());
        }
        let mut done = WalkSummary { walk: walk.name().to_owned(), ..WalkSummary::default() };
        let ended = self.pages(walk, &mut done).await;
        done.is_stuck = walk.is_stuck();
        if done.is_stuck {
            tracing::warn!(account.id = %self.backfill.account.id, backfill.walk = done.walk,
                "the platform repeats the same rows; the list is not complete");
        }
        self.summary.rows += done.rows;
        self.summary.walks.push(done);
        ended?;
        if !self.has_finished(walk) {
            // There was nothing to ask for.
            let state = self.finished(walk);
            let (backfill, now) = (self.backfill, self.backfill.clock.now());
            cursors::save_cursor(&backfill.pool, &backfill.account.id, &self.name, &state, now).await?;
        }
        Ok(())
    }

    fn has_finished(&self, walk: &dyn Walk) -> bool {
        self.state.finished.iter().any(|finished| finished == walk.name())
    }

    /// What is finished with this walk, as the run's own cursor keeps it.
    fn finished(&mut self, walk: &dyn Walk) -> Value {
        self.state.finished.push(walk.name().to_owned());
        serde_json::to_value(&self.state).unwrap_or_default()
    }

    async fn pages(&mut self, walk: &mut dyn Walk, done: &mut WalkSummary) -> Result<(), Halt> {
        let backfill = self.backfill;
        while let Some(request) = walk.request() {
            if self.calls_most.is_some_and(|most| self.calls() >= most) {
                return Err(Halt::QuotaSpent(backfill.next_month()));
            }
            let waiting = |why: &str| self.tell(walk.name(), done.rows, walk.total(), Some(why));
            let (page, fetched_at) = match backfill.page(&request, self.stop, &waiting).await? {
                Fetched::Answer(page, at) => (page, at),
                Fetched::QuotaSpent(until) => return Err(Halt::QuotaSpent(until)),
                Fetched::Stopped => return Err(Halt::Stopped),
            };
            done.left_out += self.append(request.to_string(), fetched_at, &page).await?;
            fail::fail_point!("backfill.page_appended", |_| std::process::abort());
            walk.took(&page, fetched_at);
            self.save(walk).await?;
            done.pages += 1;
            done.rows += page.rows.len() as u64;
            self.tell(walk.name(), done.rows, walk.total(), None);
        }
        Ok(())
    }

    async fn append(
        &self,
        asked: String,
        fetched_at: DateTime<Utc>,
        page: &Page,
    ) -> Result<u64, IngestError> {
        let backfill = self.backfill;
        let press =
            Press { account: &backfill.account.id, clock: backfill.clock.as_ref(), ids: &backfill.ids };
        let page = RawPage { asked, fetched_at, rows: &page.rows, envelope: Some(&page.envelope) };
        Ok(press.append(backfill.log.as_ref(), &page).await?)
    }

    /// The cursor, the calls that it cost and the end of the walk, in one transaction. Only after the page is in the log.
    async fn save(&mut self, walk: &dyn Walk) -> Result<(), StoreError> {
        let backfill = self.backfill;
        let (account, now) = (&backfill.account.id, backfill.clock.now());
        let calls = self.calls();
        let mut transaction = backfill.pool.begin().await?;
        cursors::save_cursor(&mut *transaction, account, walk.name(), &walk.state(), now).await?;
        let fresh = i64::try_from(calls - self.calls_saved).unwrap_or(i64::MAX);
        budgets::spend(&mut *transaction, account, month(backfill.today()).0, fresh, now).await?;
        if walk.request().is_none() {
            let state = self.finished(walk);
            cursors::save_cursor(&mut *transaction, account, &self.name, &state, now).await?;
        }
        transaction.commit().await?;
        self.calls_saved = calls;
        Ok(())
    }

    /// Calls that no cursor was saved with: those that failed or were not answered.
    async fn spend(&mut self) -> Result<(), StoreError> {
        let backfill = self.backfill;
        let calls = self.calls();
        let fresh = i64::try_from(calls - self.calls_saved).unwrap_or(i64::MAX);
        if fresh > 0 {
            let (month, now) = (month(backfill.today()).0, backfill.clock.now());
            budgets::spend(&backfill.pool, &backfill.account.id, month, fresh, now).await?;
            self.calls_saved = calls;
        }
        Ok(())
    }

    /// A range was read to its end: its cursors go, and the account's own moves where the range reaches on from it.
    async fn end_range(
        &mut self,
        range: Range,
        stored: &HashMap<String, Value>,
        read: &MessagesState,
    ) -> Result<(), StoreError> {
        let Range::Days { since, until } = range else { return Ok(()) };
        let backfill = self.backfill;
        let (account, now) = (&backfill.account.id, backfill.clock.now());
        let main = MessagesState::read(stored.get(MESSAGES));
        let joined = MessagesState::joined(main.as_ref(), read);
        let cursors = cursors::cursors(&backfill.pool, account).await?;
        let main_at = cursors.iter().find(|cursor| cursor.walk == MESSAGES).map(|cursor| cursor.updated_at);
        // What lies behind the last of the days was not read: the cursor's time says until when all is.
        let read_at = match until {
            Some(until) if until < backfill.today() => {
                now.min(final_from(until, backfill.account.zone)).max(main_at.unwrap_or_default())
            }
            _ => now,
        };
        // Lists without days have no cursor of the range: theirs stay.
        let suffix = range_name("", since, until);
        let ended: Vec<String> =
            self.state.finished.iter().filter(|walk| walk.ends_with(&suffix)).cloned().collect();
        let mut transaction = backfill.pool.begin().await?;
        if let Some(joined) = joined.filter(|joined| !joined.is_empty()) {
            let state = serde_json::to_value(joined).unwrap_or_default();
            cursors::save_cursor(&mut *transaction, account, MESSAGES, &state, read_at).await?;
        }
        cursors::delete_cursors(&mut *transaction, account, &ended).await?;
        transaction.commit().await?;
        Ok(())
    }

    fn calls(&self) -> u64 {
        self.backfill.client.calls().saturating_sub(self.calls_before)
    }

    fn tell(&self, walk: &str, rows: u64, total: Option<u64>, waiting: Option<&str>) {
        let waiting = waiting.map(str::to_owned);
        (self.watcher)(Progress { walk: walk.to_owned(), rows, total, calls: self.calls(), waiting });
    }
}

/// What `api_info` says, as the budget keeps it.
pub(super) fn told(info: &ApiInfo) -> budgets::Quota {
    let whole = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    budgets::Quota {
        call_limit: whole(info.mode.monthly_limit()),
        api_mode: Some(info.mode.as_str().to_owned()),
        calls_left: whole(info.calls_left()),
    }
}
