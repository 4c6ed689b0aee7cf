//! What happens in which order.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use export::plan::Days;
use ingest::backfill::{History, Range};
use simulator::business::Live;
use store::escalations::Status;

use super::cast::{ACCOUNT, CRM, Cast, HOOK_SECRET};
use super::{Play, curtain, say};
use crate::configuration::Account;
use crate::exporting::{Exporting, sentence};
use crate::progress::{BackfillProgress, ExportProgress};
use crate::report::text::grouped;
use crate::roles::Stage;
use crate::{lag, rules};

/// Between two lines of the live minute.
const LIVE_LINE: Duration = Duration::from_secs(10);
/// How long a part may take to catch up with another.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// The story with all that it needs.
pub(super) struct Story<'a> {
    pub(super) play: &'a Play,
    pub(super) cast: &'a Cast,
    pub(super) stage: &'a Stage<'a>,
}

impl Story<'_> {
    /// Tells it. Stopped early, it ends without the reports.
    pub(super) async fn tell(&self) -> anyhow::Result<()> {
        let account = self.stage.configuration.accounts.first().context("the demo has no account")?;
        let address = self.stage.address;
        self.cast.register_hook(&format!("http://{address}/hooks/{ACCOUNT}/{HOOK_SECRET}"));
        say(&format!("the page with everything: http://{address}/"));
        self.history(account).await?;
        lag::caught_up(self.stage.installation, PATIENCE).await?;
        curtain::overture(self.stage, account).await?;
        if !self.leads().await? || !self.live(account).await? {
            return Ok(());
        }
        lag::caught_up(self.stage.installation, PATIENCE).await?;
        self.parquet().await?;
        curtain::reports(self.stage, account).await?;
        if self.play.stays {
            say(&format!("going on at http://{address}/ until you stop it (ctrl-c)"));
            self.stage.stop.cancelled().await;
        }
        Ok(())
    }

    async fn history(&self, account: &Account) -> anyhow::Result<()> {
        say("its history is fetched, page by page");
        let bars = BackfillProgress::new(ACCOUNT);
        let backfill = rules::backfill(self.stage.installation, account, None)?;
        let outcome = backfill
            .run(Range::Continue(History::All), &|progress| bars.show(&progress), self.stage.stop)
            .await;
        bars.finish();
        let outcome = outcome?;
        say(&format!("{} rows in {} calls", outcome.summary().rows, outcome.summary().calls));
        Ok(())
    }

    /// Waits until the CRM has the leads of the past; `false` when it was stopped.
    async fn leads(&self) -> anyhow::Result<bool> {
        let pool = &self.stage.installation.pool;
        lag::caught_up(self.stage.installation, PATIENCE).await?;
        let all = async || {
            let links = store::crm_links::counts(pool, CRM).await?;
            anyhow::Ok(links.ok + links.dead >= store::leads::count(pool).await?)
        };
        if !self.wait("the leads are in the CRM", all).await? {
            return Ok(false);
        }
        let (contacts, calls) =
            self.cast.crm.with(|crm| (crm.contacts.len(), crm.tally.calls.values().sum::<u64>()));
        say(&format!("{} leads are in the CRM, after {calls} calls", grouped(contacts.try_into()?)));
        let all = store::escalations::list(pool, &[], None, i64::MAX).await?;
        let historic = all.iter().filter(|escalation| escalation.status == Status::Historic).count();
        say(&format!(
            "{} low scores of the last day were told to the supervisor; {historic} older ones are only listed",
            all.len() - historic
        ));
        Ok(true)
    }

    /// The live chats, with a line every few seconds and a bad score in the middle; `false` when it was stopped.
    async fn live(&self, account: &Account) -> anyhow::Result<bool> {
        let seconds = self.play.live_seconds;
        say(&format!("live chats arrive for {seconds} seconds"));
        self.cast.platform.go_live(ACCOUNT, Live { chats_per_minute: 40.0, haste: 30.0, seconds });
        let end = tokio::time::Instant::now() + Duration::from_secs(seconds.into());
        let middle = tokio::time::Instant::now() + Duration::from_secs(u64::from(seconds) / 2);
        let mut is_rated = false;
        loop {
            tokio::select! {
                () = self.stage.stop.cancelled() => return Ok(false),
                () = tokio::time::sleep_until(middle), if !is_rated => {
                    is_rated = true;
                    if !self.low_score().await? {
                        return Ok(false);
                    }
                }
                () = tokio::time::sleep_until(end), if is_rated => return Ok(true),
                () = tokio::time::sleep(LIVE_LINE) => say(&self.live_line(account).await?),
            }
        }
    }

    /// Webhooks in the tables, and who waits: one line of the live minute.
    async fn live_line(&self, account: &Account) -> anyhow::Result<String> {
        let pool = &self.stage.installation.pool;
        let lines = store::accounting::lines(pool, None, None, None).await?;
        let webhooks: i64 =
            lines.iter().filter(|line| line.road == "webhook").map(|line| line.appended).sum();
        let waiting = store::report::waiting(pool, account.id.as_str()).await?;
        let longest = waiting.since.map_or_else(String::new, |since| {
            format!(", the longest since {}", since.with_timezone(&account.time_zone).format("%a %H:%M"))
        });
        Ok(format!("{webhooks} webhooks in the tables; {} clients wait{longest}", waiting.requests))
    }

    /// A client gives a score of 1; how long until the supervisor's receiver has heard of it. `false`: stopped.
    async fn low_score(&self) -> anyhow::Result<bool> {
        let began = Instant::now();
        let rated = self.cast.platform.rate_latest(ACCOUNT, 1)?;
        let valuation = rated.valuation_request_id.to_string();
        if !self.wait("the low score escalates", async || Ok(self.cast.was_told(&valuation))).await? {
            return Ok(false);
        }
        say(&format!(
            "client {} gives a score of 1: the supervisor's webhook has it {} ms later",
            rated.client_id,
            began.elapsed().as_millis()
        ));
        Ok(true)
    }

    /// The tables as Parquet, into the data folder.
    async fn parquet(&self) -> anyhow::Result<()> {
        let folder = self.stage.configuration.data_dir.join("lake");
        let progress = ExportProgress::new();
        let show = |moment: &export::Progress| progress.show(moment);
        let out = folder.display().to_string();
        let exporting = Exporting::open(self.stage.configuration, &out)?;
        let done = exporting.round(self.stage.installation, Days::default(), &show, self.stage.stop).await;
        progress.finish();
        let summary = done?;
        say(&format!("{} in {out}", sentence(&summary)));
        Ok(())
    }

    /// Waits for a condition; `false` when it was stopped.
    async fn wait(&self, what: &str, is_so: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await? {
            if Instant::now() > deadline {
                bail!("waited {} s in vain until {what}", PATIENCE.as_secs());
            }
            tokio::select! {
                () = self.stage.stop.cancelled() => return Ok(false),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        Ok(true)
    }
}
