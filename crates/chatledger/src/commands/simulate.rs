use std::io::Write as _;

use chrono_tz::Tz;
use events::{Clock as _, SystemClock};
use simulator::business::Plan;
use simulator::chat2desk::Account;
use simulator::hubspot::HubSpot;
use simulator::receiver::Receiver;
use simulator::server::{Tenant, WorldClock, host, serve};

use crate::{serving, shutdown};

/// Serves a simulated Chat2Desk account (its REST API, its webhooks, and routes that move its world), a HubSpot and a
/// receiver of webhooks.
///
///   chatledger simulate --listen 127.0.0.1:9009
///
///   curl -X POST localhost:9009/control/rate -d '{"score": 1}'
///
///   curl -X POST localhost:9009/control/advance -d '{"seconds": 3600}'
///
///   curl -X POST localhost:9009/control/live -d '{"chats_per_minute": 30, "haste": 20, "seconds": 60}'
///
/// The same seed makes the same past. Its token is no secret: there is nothing behind it.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Simulate {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9009")]
    listen: std::net::SocketAddr,
    /// Where HubSpot listens.
    #[arg(long, default_value = "127.0.0.1:9010")]
    crm_listen: std::net::SocketAddr,
    /// Where the receiver listens; it takes whatever is posted, and shows it at /control/state.
    #[arg(long, default_value = "127.0.0.1:9011")]
    receiver_listen: std::net::SocketAddr,
    /// How the control routes call the account.
    #[arg(long, default_value = "acme")]
    account: String,
    /// The account's API token, and HubSpot's.
    #[arg(long, default_value = "simulated-token")]
    token: String,
    /// Clients, about.
    #[arg(long, default_value_t = 2000)]
    clients: u32,
    /// Days of past.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// The seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The company's zone.
    #[arg(long, default_value = "Asia/Almaty")]
    time_zone: Tz,
    /// How fast its clock runs; 0 stands still until it is moved by /control/advance.
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
}

impl Simulate {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let stop = shutdown::token()?;
        let listener = serving::listen(self.listen).await?;
        let crm = serving::listen(self.crm_listen).await?;
        let receiver = serving::listen(self.receiver_listen).await?;
        let now = SystemClock.now();
        let account = Account::new(&self.account, &self.token, "Example Ltd", self.time_zone);
        let plan = Plan { account, clients: self.clients, days: self.days, seed: self.seed, until: now };
        let (world, business) = tokio::task::spawn_blocking(move || plan.build()).await?;
        let clock =
            if self.rate > 0.0 { WorldClock::at_rate(now, self.rate) } else { WorldClock::still(now) };
        let handle = serve(vec![Tenant::new(world, Some(business))], listener, clock)?;
        let crm = host(HubSpot::new(&self.token), crm, WorldClock::running(now))?;
        let records = crm.url();
        crm.with(|crm| crm.settings.app_url = Some(records));
        let receiver = host(Receiver::new(), receiver, WorldClock::running(now))?;
        writeln!(
            std::io::stdout(),
            "simulating account {:?}\n  api_url {}\n  token   {}\n  control {}/control/state\n\
             simulating hubspot\n  api_url {}\n  token   {}\n  control {}/control/state\n\
             simulating a receiver of webhooks\n  url     {}\n  control {}/control/state",
            self.account,
            handle.url(),
            self.token,
            handle.url(),
            crm.url(),
            self.token,
            crm.url(),
            receiver.url(),
            receiver.url(),
        )?;
        stop.cancelled().await;
        handle.stop().await?;
        crm.stop().await?;
        receiver.stop().await?;
        Ok(())
    }
}
