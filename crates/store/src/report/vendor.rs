//! Response times as the vendors count them, from the same messages: to see why their screen says something else.

use sqlx::PgExecutor;

use super::response_times::{self, Query, Row};
use crate::StoreError;

/// By whose rules. What a vendor has no figure for is a [`super::Summary`] of nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// reference/chat2desk.md 6.6: bots are operators like others; contacts that the company began and those without any
    /// message count; all but surveys. First reaction, the same inside the schedule, replies, time of the request.
    Chat2desk,
    /// reference/livechat.md 6.7: replies of agents; all chats but those left while nobody was there. First response,
    /// responses, duration.
    Livechat,
}

impl Vendor {
    /// As JSON and SQL call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat2desk => "chat2desk",
            Self::Livechat => "livechat",
        }
    }
}

/// The report by the rules of a vendor. A contact belongs to the local day and hour of its first event in `zone` (an
/// IANA name), whoever wrote first; [`Row::resolution`] is from there to the close.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn response_times_of(
    executor: impl PgExecutor<'_>,
    vendor: Vendor,
    zone: &str,
    query: &Query<'_>,
) -> Result<Vec<Row>, StoreError> {
    let statement = concat!(include_str!("vendor.sql"), include_str!("summaries.sql"));
    let lines =
        response_times::asked(statement, query).bind(vendor.as_str()).bind(zone).fetch_all(executor).await?;
    Ok(response_times::rows(lines))
}
