//! Channels: the company's accounts in messengers (chat2desk.md 2.1 command 29; 2.2).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! for channel in client.find_channels(&Default::default()).await?.items()? {
//!     println!("{} {:?}", channel.id, channel.transports.len());
//! }
//! # Ok(()) }
//! ```

use crate::client::Client;
use crate::error::Error;
use crate::page::{Page, one};
use crate::query::Query;
use crate::row::{text, texts, veiled_debug, vendor_row};

vendor_row! {
    /// A channel.
    pub struct Channel {
        @id = "id" | "channel_id" | "channelID";
        /// Its name.
        name: Option<String> = text, "name";
        /// Its number, when it has one.
        phone: Option<String> = text, "phone";
        /// Its messengers.
        transports: Vec<String> = texts, "transports";
    }
}

/// Which channels.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    /// With this number.
    pub phone: Option<String>,
    /// Most rows; the service's default is 20. There is no offset here: the service may ignore one.
    pub limit: Option<u32>,
}

veiled_debug!(ChannelFilter: phone, limit);

impl Client {
    /// The channels that pass a filter: `GET /v1/channels`.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn find_channels(&self, filter: &ChannelFilter) -> Result<Page<Channel>, Error> {
        let query = Query::default().and("phone", filter.phone.as_ref()).and("limit", filter.limit);
        Ok(Page::read(&self.read("/v1/channels", query.pairs()).await?)?.of())
    }

    /// One channel: `GET /v1/channels/<id>` (later than the manual).
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn channel(&self, channel_id: u64) -> Result<Channel, Error> {
        one(&self.read(&format!("/v1/channels/{channel_id}"), &[]).await?)
    }
}
