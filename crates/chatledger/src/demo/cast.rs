//! The simulators: a platform with a business, a CRM, and a supervisor's receiver of escalations.

use chrono_tz::Tz;
use events::{Clock as _, SystemClock};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::chat2desk::control::{Register, register};
use simulator::hubspot::HubSpot;
use simulator::receiver::Receiver;
use simulator::server::{Handle, Hosted, Tenant, WorldClock, host, serve};
use tokio::net::TcpListener;

use super::Play;

/// The account.
pub(super) const ACCOUNT: &str = "acme";
/// Its zone.
pub(super) const ZONE: Tz = chrono_tz::Asia::Almaty;
/// No secrets: all listen on loopback and there is nothing behind them.
pub(super) const TOKEN: &str = "demo-token";
/// The path segment of the account's hooks.
pub(super) const HOOK_SECRET: &str = "demo-hook-secret";
/// What the CRM is called.
pub(super) const CRM: &str = "hubspot";
/// Its token.
pub(super) const CRM_TOKEN: &str = "demo-crm-token";
/// What signs escalations.
pub(super) const SIGNING_SECRET: &str = "whsec_ZGVtby1zZWNyZXQtb2YtMzItYnl0ZXMtb3ItbW9yZSE=";

/// All of them, running.
pub(super) struct Cast {
    pub(super) platform: Handle,
    pub(super) crm: Hosted<HubSpot>,
    pub(super) supervisor: Hosted<Receiver>,
}

impl Cast {
    /// Lets the business live through its past, and serves.
    pub(super) async fn assemble(play: &Play) -> anyhow::Result<Self> {
        let now = SystemClock.now();
        let account = Account::new(ACCOUNT, TOKEN, "Example Ltd", ZONE);
        let plan = Plan { account, clients: play.clients, days: play.days, seed: play.seed, until: now };
        let (world, business) = tokio::task::spawn_blocking(move || plan.build()).await?;
        let platform =
            serve(vec![Tenant::new(world, Some(business))], free_port().await?, WorldClock::running(now))?;
        let crm = host(HubSpot::new(CRM_TOKEN), free_port().await?, WorldClock::running(now))?;
        let records = crm.url();
        crm.with(|crm| crm.settings.app_url = Some(records));
        let receiver = Receiver::with_secret(SIGNING_SECRET);
        let supervisor = host(receiver, free_port().await?, WorldClock::running(now))?;
        Ok(Self { platform, crm, supervisor })
    }

    /// Tells the platform where its webhooks go.
    pub(super) fn register_hook(&self, url: &str) {
        let wanted = Register { url: url.to_owned(), events: None, channels: Vec::new(), old: false };
        self.platform.with(ACCOUNT, |tenant| register(&mut tenant.world, wanted));
    }

    /// Whether the supervisor was told that this survey's score is low.
    pub(super) fn was_told(&self, valuation_request: &str) -> bool {
        let is_it = |text: &str| text.contains("escalation.opened") && text.contains(valuation_request);
        self.supervisor.with(|receiver| receiver.taken().any(|received| is_it(&received.json().to_string())))
    }

    /// Stops them all.
    pub(super) async fn leave(self) -> anyhow::Result<()> {
        self.platform.stop().await?;
        self.crm.stop().await?;
        Ok(self.supervisor.stop().await?)
    }
}

async fn free_port() -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}
