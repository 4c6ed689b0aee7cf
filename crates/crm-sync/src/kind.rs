//! All CRMs, on one screen.

use std::sync::Arc;

use events::Clock;

use crate::adapter::Adapter;
use crate::{Schedule, hubspot, webhook};

/// Which CRM, and how to reach it.
#[derive(Clone, Debug)]
pub enum Kind {
    /// HubSpot.
    Hubspot(hubspot::Settings),
    /// A receiver of one's own.
    Webhook(webhook::Settings),
}

impl Kind {
    /// The adapter; no call is made.
    pub(crate) fn adapter(&self, clock: Arc<dyn Clock>) -> Result<Box<dyn Adapter>, String> {
        Ok(match self {
            Self::Hubspot(settings) => Box::new(hubspot::HubSpot::new(settings, clock)?),
            Self::Webhook(settings) => Box::new(webhook::Webhook::new(settings, clock)?),
        })
    }
}

/// A CRM as it is configured.
#[derive(Clone, Debug)]
pub struct Crm {
    /// Its name with us; never changes: it leads every key.
    pub name: String,
    /// Which one.
    pub kind: Kind,
    /// Leads of these accounts only; `None`: of all.
    pub accounts: Option<Vec<String>>,
    /// Changes go out within seconds.
    pub live: bool,
    /// When everything that differs goes out.
    pub schedule: Option<Schedule>,
}

impl Crm {
    /// Whether its settings can work at all; no call is made.
    ///
    /// # Errors
    /// What is wrong, without a secret.
    pub fn fits(&self) -> Result<(), String> {
        self.kind.adapter(Arc::new(events::SystemClock)).map(drop)
    }
}
