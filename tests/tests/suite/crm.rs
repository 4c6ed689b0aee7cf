//! Leads into CRMs: a real database, HubSpot and a receiver of webhooks as the simulator plays them.

mod crash;
mod hubspot;
mod links;
mod live;
mod scene;
mod webhook;
