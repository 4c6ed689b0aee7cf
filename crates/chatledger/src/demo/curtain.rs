//! The reports at the end, on stdout.

use std::io::Write as _;

use chrono::{DateTime, Utc};
use store::PgConnection;
use store::report::{By, Query, ScoresQuery};

use crate::configuration::Account;
use crate::report::accounting::Accounting;
use crate::report::period::Period;
use crate::report::response_times::ResponseTimes;
use crate::report::scores::ScoresReport;
use crate::report::{About, Report as _, ReportFormat, Rules};
use crate::roles::Stage;

/// Response times of all, of the history alone: what there is to see before the live chats, on stderr.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn overture(stage: &Stage<'_>, account: &Account) -> anyhow::Result<()> {
    let now = stage.installation.clock.now();
    let mut snapshot = store::snapshot(&stage.installation.pool).await?;
    let report = response_times(&mut snapshot, stage, account, By::All, now).await?;
    // Nobody may be listening there.
    let _ = writeln!(std::io::stderr(), "\n{}", report.heading());
    Ok(())
}

/// Response times of all and by operator, scores by operator, and what became of every delivery.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn reports(stage: &Stage<'_>, account: &Account) -> anyhow::Result<()> {
    let now = stage.installation.clock.now();
    let mut page = String::new();
    // All of one moment: the reports agree with each other.
    let mut snapshot = store::snapshot(&stage.installation.pool).await?;
    for by in [By::All, By::Operator] {
        let report = response_times(&mut snapshot, stage, account, by, now).await?;
        // What the columns mean is said once, under the last one.
        page.push_str(&if by == By::All { report.heading() } else { report.written(ReportFormat::Table)? });
        page.push('\n');
    }
    let by = By::Operator;
    let query = ScoresQuery { account: &account.id, from: None, to: None, by };
    let rows = store::report::scores(&mut *snapshot, &query).await?;
    let about = About { account: account.id.as_str(), zone: account.time_zone, period: Period::default() };
    let report = ScoresReport { about, by, rules: Rules::Chatledger, rows };
    page.push_str(&report.written(ReportFormat::Table)?);
    page.push('\n');
    let lines = store::accounting::lines(&mut *snapshot, None, None, None).await?;
    page.push_str(&Accounting::new(lines, None).written(ReportFormat::Table)?);
    Ok(std::io::stdout().write_all(page.as_bytes())?)
}

/// Response times of all days, as of an instant.
async fn response_times<'a>(
    connection: &mut PgConnection,
    stage: &Stage<'_>,
    account: &'a Account,
    by: By,
    now: DateTime<Utc>,
) -> anyhow::Result<ResponseTimes<'a>> {
    let period = Period { from: None, to: None };
    let as_of = period.as_of(account.time_zone, now);
    let target_seconds = stage.configuration.report.target_seconds;
    let query = Query { account: &account.id, from: None, to: None, by, target_seconds, as_of };
    let rows = store::report::response_times(connection, &query).await?;
    let about = About { account: account.id.as_str(), zone: account.time_zone, period };
    Ok(ResponseTimes { about, by, rules: Rules::Chatledger, target_seconds, as_of, rows })
}
