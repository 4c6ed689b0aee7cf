//! What an address asks for: which account, which days, which rows.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use events::local_day;
use serde::Deserialize;
use store::report::{By, Query, ScoresQuery};

use crate::{Account, DashboardError, Settings};

/// The parameters of every address here, as they came.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    pub(crate) account: Option<String>,
    pub(crate) days: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) which: Option<String>,
    pub(crate) sentiment: Option<String>,
    pub(crate) of: Option<String>,
    pub(crate) crm: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) format: Option<String>,
}

/// The account and the local days that are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    /// The account.
    pub(crate) account: &'a Account,
    /// The present.
    pub(crate) now: DateTime<Utc>,
    /// The account's local day.
    pub(crate) today: NaiveDate,
    /// First local day.
    pub(crate) from: NaiveDate,
    /// Last local day, inclusive.
    pub(crate) to: NaiveDate,
    /// The target.
    pub(crate) target_seconds: f64,
}

/// The periods that the page offers, in days, today included.
pub(crate) const PERIODS: [u64; 3] = [1, 7, 14];

impl<'a> Asked<'a> {
    /// Reads the parameters. Days are `from` and `to`, else the last `days`, else today.
    ///
    /// # Errors
    /// [`DashboardError::Unknown`] and [`DashboardError::Unreadable`].
    pub(crate) fn new(settings: &'a Settings, parameters: &Parameters) -> Result<Self, DashboardError> {
        let account = match &parameters.account {
            None => settings.accounts.first(),
            Some(id) => settings.accounts.iter().find(|account| account.id.as_str() == id),
        };
        let account = account.ok_or(DashboardError::Unknown("such account"))?;
        // Postgres takes no NUL in a text.
        let Parameters { key, crm, status, reason, sentiment, .. } = parameters;
        let texts = [key, crm, status, reason, sentiment];
        if texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(DashboardError::Unreadable("the key"));
        }
        let now = settings.clock.now();
        let today = now.with_timezone(&account.zone).date_naive();
        let days: u64 = match &parameters.days {
            None => 1,
            Some(text) => {
                let days = text.parse().ok().filter(|days| (1..=366).contains(days));
                days.ok_or(DashboardError::Unreadable("the number of days"))?
            }
        };
        let to = day(parameters.to.as_deref())?.unwrap_or(today);
        let from = day(parameters.from.as_deref())?
            .or_else(|| to.checked_sub_days(Days::new(days - 1)))
            .unwrap_or(to);
        Ok(Self { account, now, today, from, to, target_seconds: settings.target_seconds })
    }

    /// The same account over the last so many days.
    pub(crate) fn last_days(&self, days: u64) -> Self {
        let from = self.today.checked_sub_days(Days::new(days - 1)).unwrap_or(self.today);
        Self { from, to: self.today, ..self.clone() }
    }

    /// How many days.
    pub(crate) fn length(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }

    /// As the report is asked.
    pub(crate) fn query(&self, by: By) -> Query<'_> {
        Query {
            account: &self.account.id,
            from: Some(self.from),
            to: Some(self.to),
            by,
            target_seconds: self.target_seconds,
            as_of: self.as_of(),
        }
    }

    /// As the report of scores is asked.
    pub(crate) fn scores(&self, by: By) -> ScoresQuery<'_> {
        ScoresQuery { account: &self.account.id, from: Some(self.from), to: Some(self.to), by }
    }

    /// When waiting is looked at: at the end of the last day, or now, whichever is earlier.
    pub(crate) fn as_of(&self) -> DateTime<Utc> {
        local_day::end(Some(self.to), &self.account.zone, self.now)
    }
}

fn day(text: Option<&str>) -> Result<Option<NaiveDate>, DashboardError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let day: Option<NaiveDate> = text.parse().ok();
    // Years that Postgres knows as well.
    let day = day.filter(|day| (1..=9999).contains(&day.year()));
    day.map(Some).ok_or(DashboardError::Unreadable("the day"))
}

/// How a report is grouped, by its name; absent: not at all.
///
/// # Errors
/// [`DashboardError::Unreadable`].
pub(crate) fn grouping(text: Option<&str>) -> Result<By, DashboardError> {
    let Some(text) = text else { return Ok(By::All) };
    By::ALL.into_iter().find(|by| by.as_str() == text).ok_or(DashboardError::Unreadable("the grouping"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Tz;
    use events::ManualClock;

    use super::*;

    fn settings(zone: Tz, now: &str) -> Settings {
        let account = |id: &str| Account { id: id.parse().unwrap(), zone, name: id.to_owned() };
        Settings {
            accounts: vec![account("acme"), account("other")],
            target_seconds: 120.0,
            clock: Arc::new(ManualClock::at(now.parse().unwrap())),
            crms: Vec::new(),
            unread: Arc::new(|| None),
        }
    }

    fn parameters(query: &str) -> Parameters {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let map: serde_json::Map<_, _> =
            pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
        serde_json::from_value(map.into()).unwrap()
    }

    #[test]
    fn today_is_the_accounts_local_day() {
        let settings = settings(Tz::Asia__Almaty, "2026-10-01T20:00:00Z");
        let asked = Asked::new(&settings, &Parameters::default()).unwrap();
        assert_eq!((asked.account.id.as_str(), asked.from.to_string()), ("acme", "2026-10-02".to_owned()));
        assert_eq!((asked.from, asked.as_of()), (asked.to, asked.now));
        let week = Asked::new(&settings, &parameters("account=other&days=7")).unwrap();
        assert_eq!((week.account.id.as_str(), week.from.to_string()), ("other", "2026-09-26".to_owned()));
        assert_eq!(week.length(), 7);
    }

    #[test]
    fn a_past_day_is_looked_at_at_its_end_also_where_midnight_is_skipped() {
        let settings = settings(Tz::America__Santiago, "2026-10-01T20:00:00Z");
        let asked = Asked::new(&settings, &parameters("to=2026-09-05")).unwrap();
        assert_eq!(asked.as_of().to_rfc3339(), "2026-09-06T04:00:00+00:00");
    }

    #[test]
    fn what_cannot_be_read_is_said_and_a_stranger_is_unknown() {
        let settings = settings(Tz::UTC, "2026-10-01T20:00:00Z");
        for bad in
            ["days=0", "days=x", "days=367", "from=yesterday", "to=2026-13-01", "to=10000-01-01", "key=%00"]
        {
            let error = Asked::new(&settings, &parameters(bad)).unwrap_err();
            assert!(matches!(error, DashboardError::Unreadable(_)), "{bad}: {error}");
        }
        for extreme in ["from=0001-01-01", "to=9999-12-31", "to=0001-01-01", "from=2026-10-02&to=2026-10-01"]
        {
            Asked::new(&settings, &parameters(extreme)).unwrap().query(By::All);
        }
        let error = Asked::new(&settings, &parameters("account=nobody")).unwrap_err();
        assert!(matches!(error, DashboardError::Unknown(_)));
        assert!(grouping(Some("star sign")).is_err() && grouping(Some("hour")).is_ok());
    }
}
