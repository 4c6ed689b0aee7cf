//! What every report of rows says of itself.

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::Serialize;

use super::period::Period;

/// Whose report it is, and of which days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The account.
    pub(crate) account: &'a str,
    /// Its zone.
    pub(crate) zone: Tz,
    /// Which days.
    pub(crate) period: Period,
}

impl About<'_> {
    /// The first line for people: what, which days, in which zone.
    pub(super) fn headed(&self, title: &str) -> String {
        format!("{title}, {} ({})", self.period.named(), self.zone)
    }

    /// The facts on a page.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Account", self.account.to_owned()),
            ("Local days", self.period.named()),
            ("Time zone", self.zone.name().to_owned()),
        ]
    }
}

/// The JSON of design.md 7.5.
#[derive(Serialize)]
pub(super) struct Document<'a, R> {
    metric_version: i16,
    r#as: &'static str,
    /// `null` without `--by`.
    by: Option<&'static str>,
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    /// Only of reports that have a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_seconds: Option<f64>,
    rows: &'a [R],
}

impl<'a, R> Document<'a, R> {
    /// The document of these rows, by the rules `as`.
    pub(super) fn of(about: &About<'_>, r#as: &'static str, by: Option<&'static str>, rows: &'a [R]) -> Self {
        let Period { from, to } = about.period;
        Self { metric_version: events::METRIC_VERSION, r#as, by, from, to, target_seconds: None, rows }
    }

    /// The same with a target.
    pub(super) fn within(self, target_seconds: f64) -> Self {
        Self { target_seconds: Some(target_seconds), ..self }
    }
}
