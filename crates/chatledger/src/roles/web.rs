//! The role `web`: the page, its API, and the links to acknowledge.

use std::sync::Arc;

use axum::Router;
use dashboard::{Account, Settings};

use super::Stage;
use crate::{escalating, lag};

/// What is served.
pub(super) struct Routes {
    /// For everybody: links that are their own key.
    pub(super) open: Router,
    /// For those whom `[server]` lets in.
    pub(super) guarded: Router,
}

/// The routes.
///
/// # Errors
/// When a notifier or the key of the links cannot be used.
pub(super) fn routes(stage: &Stage<'_>) -> anyhow::Result<Routes> {
    let Stage { installation, configuration, .. } = stage;
    let account = |account: &crate::configuration::Account| Account {
        id: account.id.clone(),
        zone: account.time_zone,
        name: account.id.as_str().to_owned(),
    };
    let settings = Settings {
        accounts: configuration.accounts.iter().map(account).collect(),
        target_seconds: configuration.report.target_seconds,
        clock: installation.clock.clone(),
        crms: configuration.crms.iter().map(|crm| crm.name.clone()).collect(),
        unread: Arc::new(lag::last_measured),
    };
    let people = escalating::routes(configuration, installation, stage.address)?;
    Ok(Routes {
        open: people.page,
        guarded: dashboard::router(installation.pool.clone(), settings).merge(people.api),
    })
}
