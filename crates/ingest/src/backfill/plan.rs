//! What a backfill would cost, asked with as few calls as possible.

use std::collections::HashMap;

use ::chat2desk::{ApiInfo, List, Page, Report, Request};
use chrono::Datelike as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::fetch::Fetched;
use super::run::{check, is_without_past};
use super::{Backfill, Range};
use crate::chat2desk::row::created;
use crate::chat2desk::walk::{StatisticsWalk, Walk};
use crate::error::IngestError;

/// One walk of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWalk {
    /// The walk.
    pub walk: String,
    /// Rows that it would bring; `None` where asking is not worth a call.
    pub rows: Option<u64>,
    /// Calls that it would take.
    pub calls: u64,
}

/// What a backfill would cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// By walk, in the order in which they would run.
    pub walks: Vec<PlannedWalk>,
    /// Calls in all, `api_info` included.
    pub calls: u64,
    /// Rows in all, as far as they are known.
    pub rows: u64,
    /// Minutes at the account's calls a second.
    pub minutes: f64,
    /// The platform's word for the access level.
    pub api_mode: String,
    /// Calls a month; `None`: no limit.
    pub quota: Option<u64>,
    /// Calls left this month; `None`: no limit, or not known.
    pub quota_left: Option<u64>,
    /// Calls that planning itself took.
    pub asked: u64,
}

impl Plan {
    /// Whether the quota that is left suffices.
    pub fn fits(&self) -> bool {
        self.quota_left.is_none_or(|left| self.calls <= left)
    }
}

impl Backfill {
    /// What [`Backfill::run`] of the same range would cost, asked with six calls. `Ok(None)` when the quota is spent, so
    /// that nothing can be asked, or when told to stop. The small lists are taken as one call each; each report is
    /// reckoned from its last working day: quiet days make it less.
    ///
    /// # Errors
    /// As [`Backfill::run`].
    pub async fn plan(&self, range: Range, stop: &CancellationToken) -> Result<Option<Plan>, IngestError> {
        check(range)?;
        let before = self.client.calls();
        let Fetched::Answer(mut info, _) = self.api_info(stop, &|_| {}).await? else { return Ok(None) };
        let told_at = self.client.calls();
        let stored = self.stored().await?;
        let Some(walks) = self.planned(range, &stored, stop).await? else { return Ok(None) };
        let asked = self.client.calls().saturating_sub(before);
        // What was asked since is not in the platform's word.
        let since = self.client.calls().saturating_sub(told_at);
        info.api_calls = info.calls_left().map(|left| left.saturating_sub(since));
        let today = super::month(self.today()).0;
        let spent = i64::try_from(asked).unwrap_or(i64::MAX);
        let (account, now) = (&self.account.id, self.clock.now());
        store::budgets::spend(&self.pool, account, today, spent, now).await?;
        store::budgets::tell(&self.pool, account, today, &super::run::told(&info), now).await?;
        Ok(Some(self.sum(walks, &info, asked)))
    }

    async fn planned(
        &self,
        range: Range,
        stored: &HashMap<String, Value>,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<PlannedWalk>>, IngestError> {
        let one = |list: List| PlannedWalk { walk: list.name().to_owned(), rows: None, calls: 1 };
        let small = [List::Operators, List::OperatorsGroups, List::Channels, List::Tags];
        let mut walks: Vec<PlannedWalk> = small.map(one).to_vec();
        if is_without_past(range, stored) {
            return Ok(Some(walks));
        }
        let messages = self.messages_walk(range, stored);
        let mut first_at = messages.cursor().first_at;
        if let Some(counting) = messages.counting() {
            let Some(page) = self.one(&counting, stop).await? else { return Ok(None) };
            let total = total(&page);
            // The row that came along is the first message: reports begin with its day.
            first_at = first_at.or_else(|| created(page.rows.first()?));
            let (walk, calls) = (messages.name().to_owned(), messages.calls(total));
            walks.push(PlannedWalk { walk, rows: Some(total), calls });
        }
        for list in [List::Clients, List::Dialogs] {
            let walk = self.sweep_walk(list, range, stored);
            let Some(request) = walk.request() else { continue };
            let Some(total) = self.total(&request.limited(1), stop).await? else { return Ok(None) };
            let rows = Some(total.saturating_sub(walk.offset()));
            walks.push(PlannedWalk { walk: walk.name().to_owned(), rows, calls: walk.calls(total) });
        }
        for report in [Report::RequestStats, Report::Rating] {
            let walk = self.statistics_walk(report, range, stored, first_at);
            let Some(sample) = self.sample(&walk) else { continue };
            let Some(a_day) = self.total(&sample, stop).await? else { return Ok(None) };
            let (rows, calls) = (Some(a_day.saturating_mul(walk.days())), walk.calls(a_day));
            walks.push(PlannedWalk { walk: walk.name().to_owned(), rows, calls });
        }
        Ok(Some(walks))
    }

    /// The last working day of a walk stands for its days.
    fn sample(&self, walk: &StatisticsWalk) -> Option<Request> {
        let Some(Request::Statistics(report, first, query)) = walk.request() else { return None };
        let today = self.today();
        let days =
            (1..=walk.days()).rev().filter_map(|day| first.checked_add_days(chrono::Days::new(day - 1)));
        let working = |day: &chrono::NaiveDate| *day < today && day.weekday().number_from_monday() <= 5;
        let day = days.clone().find(working).or_else(|| days.clone().next())?;
        Some(Request::Statistics(report, day, query).limited(1))
    }

    async fn total(&self, request: &Request, stop: &CancellationToken) -> Result<Option<u64>, IngestError> {
        Ok(self.one(request, stop).await?.map(|page| total(&page)))
    }

    async fn one(&self, request: &Request, stop: &CancellationToken) -> Result<Option<Page>, IngestError> {
        Ok(match self.page(request, stop, &|_| {}).await? {
            Fetched::Answer(page, _) => Some(page),
            Fetched::QuotaSpent(_) | Fetched::Stopped => None,
        })
    }

    fn sum(&self, walks: Vec<PlannedWalk>, info: &ApiInfo, asked: u64) -> Plan {
        let calls = 1 + walks.iter().map(|walk| walk.calls).sum::<u64>();
        let rows = walks.iter().filter_map(|walk| walk.rows).sum();
        Plan {
            calls,
            rows,
            minutes: calls as f64 / self.account.calls_per_second.max(0.001) / 60.0,
            api_mode: info.mode.as_str().to_owned(),
            quota: info.mode.monthly_limit(),
            quota_left: info.calls_left(),
            asked,
            walks,
        }
    }
}

fn total(page: &Page) -> u64 {
    page.total().unwrap_or(page.rows.len() as u64)
}
