//! Moves the worlds on with the clock and posts their webhooks.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Shared;
use crate::Error;
use crate::chat2desk::Delivery;
use crate::chat2desk::webhooks::Ended;

/// Posts that run at once, for each account.
const AT_ONCE: usize = 32;

/// How often the worlds follow the clock.
const TICK: Duration = Duration::from_millis(20);

/// Time to answer a webhook; the vendor does not publish his.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client that posts webhooks.
pub(super) fn client() -> Result<reqwest::Client, Error> {
    // Fails only when somebody installed a provider before: that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().connect_timeout(PATIENCE).timeout(PATIENCE).no_proxy();
    client.redirect(reqwest::redirect::Policy::none()).build().map_err(Error::Client)
}

/// Runs until the server stops.
pub(super) async fn run(shared: Arc<Shared>, client: reqwest::Client) -> Result<(), Error> {
    let mut posts = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return Ok(()),
            _ = tick.tick() => {}
            () = shared.wake.notified() => {}
            Some(_) = posts.join_next(), if !posts.is_empty() => {}
        }
        let now = shared.clock.now();
        for index in 0..shared.tenants.len() {
            let Some(mut tenant) = shared.lock(index) else { continue };
            tenant.advance_to(now);
            let outbox = &mut tenant.world.webhooks.outbox;
            let room = AT_ONCE.saturating_sub(outbox.sending());
            for delivery in outbox.take_due(now, room) {
                posts.spawn(post(shared.clone(), index, client.clone(), delivery));
            }
        }
    }
}

async fn post(shared: Arc<Shared>, index: usize, client: reqwest::Client, delivery: Delivery) {
    let request = client
        .post(&delivery.url)
        .header("content-type", "application/json")
        .header("x-signature", &delivery.signature)
        .header("x-timestamp", delivery.timestamp.to_string())
        .body(delivery.body.clone());
    let ended = match request.send().await {
        Ok(answer) if answer.status().is_success() => Ended::Accepted,
        Ok(answer) => Ended::Failed(format!("response code {}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => Ended::Failed("timeout".into()),
        Err(_) => Ended::Failed("connection failed".into()),
    };
    if let Some(mut tenant) = shared.lock(index) {
        let now = shared.clock.now();
        tenant.world.webhooks.settle(delivery, &ended, now);
    }
    shared.wake.notify_one();
}
