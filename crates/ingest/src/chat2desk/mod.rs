//! Chat2Desk as a source of deliveries.

pub mod envelope;
pub(crate) mod row;
pub mod signature;
pub(crate) mod walk;
