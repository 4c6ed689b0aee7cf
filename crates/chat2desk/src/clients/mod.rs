//! Clients: the people who write (chat2desk.md 2.1 commands 9 to 15, 35, 37; 2.2, 2.6).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::clients::{ClientChanges, CreatedClient, Edit, NewClient};
//!
//! let created = client.create_client(&NewClient::new("10005550123", "whatsapp")).await?;
//! if let CreatedClient::Existing { client_id, .. } = &created {
//!     println!("{client_id:?} was there already");
//! }
//! if let Some(id) = created.client_id() {
//!     let name = ClientChanges { nickname: Edit::Set("Client One".into()), ..ClientChanges::default() };
//!     client.update_client(id, &name).await?;
//! }
//! # Ok(()) }
//! ```

mod changing;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value};

use crate::client::Client;
use crate::dialogs::Dialog;
use crate::error::Error;
use crate::given::{Order, day};
use crate::lists::ListQuery;
use crate::menu::MenuItem;
use crate::page::{Page, one};
use crate::query::Query;
use crate::row::{any, flag, id, list, map, text, texts, time, veiled_debug, vendor_row};

pub use changing::{ClientChanges, CreatedClient, Edit, NewClient};

vendor_row! {
    /// A channel and the messengers through which a client can be reached there.
    pub struct ClientTransports {
        /// The channel.
        channel_id: Option<u64> = id, "channel_id" | "id";
        /// Messengers.
        transports: Vec<String> = texts, "transports";
    }
}

vendor_row! {
    /// A client. (`Client` is the connection.)
    pub struct ClientCard {
        @id = "id" | "client_id" | "clientID";
        /// The name that an operator gave.
        assigned_name: Option<String> = text, "assigned_name";
        /// The name in the messenger; may be the literal word `unknown`.
        name: Option<String> = text, "name";
        /// Often no phone: `[tg] 100200300`, `[chat] a1b2c3`.
        phone: Option<String> = text, "phone";
        /// The real number, when it is known (later than the manual).
        client_phone: Option<String> = text, "client_phone" | "assigned_phone";
        /// Name of the account in the messenger.
        username: Option<String> = text, "username";
        /// E-mail.
        email: Option<String> = text, "email";
        /// Operators' comment.
        comment: Option<String> = text, "comment";
        /// Further comment 1.
        extra_comment_1: Option<String> = text, "extra_comment_1";
        /// Further comment 2.
        extra_comment_2: Option<String> = text, "extra_comment_2";
        /// Further comment 3.
        extra_comment_3: Option<String> = text, "extra_comment_3";
        /// Address of a picture.
        avatar: Option<String> = text, "avatar";
        /// Region, see [`Client::regions`].
        region_id: Option<u64> = id, "region_id";
        /// Country, see [`Client::countries`].
        country_id: Option<u64> = id, "country_id";
        /// First message of the client; only of one client, not in lists.
        first_client_message: Option<DateTime<Utc>> = time, "first_client_message";
        /// Last message of the client; only of one client, not in lists.
        last_client_message: Option<DateTime<Utc>> = time, "last_client_message";
        /// Custom fields by their id, see [`Client::custom_client_fields`].
        custom_fields: Map<String, Value> = map, "custom_fields";
        /// Id in another system.
        external_id: Option<String> = text, "external_id";
        /// Ids in other systems, by system.
        external_ids: Map<String, Value> = map, "external_ids";
        /// Id that the client's own system gave.
        client_external_id: Option<String> = text, "client_external_id";
        /// Channels and messengers.
        channels: Vec<ClientTransports> = list, "channels";
        /// Tags, as they came: ids or objects.
        tags: Vec<Value> = list, "tags";
    }
}

vendor_row! {
    /// A field that the company added to its clients (later than the manual).
    pub struct CustomClientField {
        @id = "id";
        /// Its name.
        name: Option<String> = text, "name";
        /// Its type.
        kind: Option<String> = text, "type";
        /// Default or choices, as they came.
        value: Option<Value> = any, "value";
        /// Whether operators may edit it.
        editable: Option<bool> = flag, "editable";
        /// Whether operators see it.
        viewable: Option<bool> = flag, "viewable";
        /// Whether it is a tracking field.
        tracking_field: Option<bool> = flag, "tracking_field";
    }
}

/// Which clients. The service ignores a parameter that it does not know and then returns everything: check the rows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// With exactly this phone.
    pub phone: Option<String>,
    /// With any of these tags.
    pub tags: Vec<u64>,
    /// Made after this (later than the manual); its form is not published.
    pub created_after: Option<String>,
    /// Oldest or newest first (later than the manual); unspecified without.
    pub order: Option<Order>,
    /// Most rows, at most [`LIMIT_MAX`](crate::LIMIT_MAX); the service's default is 20.
    pub limit: Option<u32>,
    /// Rows to pass over.
    pub offset: Option<u64>,
}

veiled_debug!(ClientFilter: phone, tags, created_after, limit, offset);

/// Local days of the company, both inclusive as far as is known; an open end is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// From this day on.
    pub since: Option<NaiveDate>,
    /// Until this day.
    pub until: Option<NaiveDate>,
}

impl Client {
    /// One page of the clients that pass a filter: `GET /v1/clients`.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands of this module.
    pub async fn find_clients(&self, filter: &ClientFilter) -> Result<Page<ClientCard>, Error> {
        let tags: Vec<_> = filter.tags.iter().map(u64::to_string).collect();
        let query = Query::default()
            .and("phone", filter.phone.as_ref())
            .and("tags", (!tags.is_empty()).then(|| tags.join(",")))
            .and("created_after", filter.created_after.as_ref())
            .and("order", filter.order)
            .and("limit", filter.limit)
            .and("offset", filter.offset);
        Ok(Page::read(&self.read("/v1/clients", query.pairs()).await?)?.of())
    }

    /// One client, with the times of the first and the last message: `GET /v1/clients/<id>`.
    pub async fn client(&self, client_id: u64) -> Result<ClientCard, Error> {
        one(&self.read(&format!("/v1/clients/{client_id}"), &[]).await?)
    }

    /// Through which channels and messengers a client can be answered: `GET /v1/clients/<id>/transport`.
    pub async fn client_transports(&self, client_id: u64) -> Result<Vec<ClientTransports>, Error> {
        let path = format!("/v1/clients/{client_id}/transport");
        Page::read(&self.read(&path, &[]).await?)?.of().items()
    }

    /// The last menu item that was sent to a client; `None` when there was none: `GET /v1/clients/<id>/last_question`.
    pub async fn client_last_question(&self, client_id: u64) -> Result<Option<MenuItem>, Error> {
        let path = format!("/v1/clients/{client_id}/last_question");
        let page = Page::read(&self.read(&path, &[]).await?)?.of();
        let first = page.iter().next();
        first.transpose()
    }

    /// A client's dialogs: `GET /v1/clients/<id>/dialogs`.
    pub async fn client_dialogs(&self, client_id: u64) -> Result<Page<Dialog>, Error> {
        Ok(Page::read(&self.read(&format!("/v1/clients/{client_id}/dialogs"), &[]).await?)?.of())
    }

    /// The menu items that were sent to a client: `GET /v1/clients/<id>/questions`.
    pub async fn client_questions(&self, client_id: u64, span: Span) -> Result<Page<MenuItem>, Error> {
        let query =
            Query::default().and("start_date", span.since.map(day)).and("finish_date", span.until.map(day));
        let path = format!("/v1/clients/{client_id}/questions");
        Ok(Page::read(&self.read(&path, query.pairs()).await?)?.of())
    }

    /// The clients of a channel: `GET /v1/channels/<id>/clients`. Whether it is paged is not stated.
    pub async fn channel_clients(
        &self,
        channel_id: u64,
        query: &ListQuery,
    ) -> Result<Page<ClientCard>, Error> {
        let pairs = Query::default().with("limit", query.limit).with("offset", query.offset);
        let path = format!("/v1/channels/{channel_id}/clients");
        Ok(Page::read(&self.read(&path, pairs.pairs()).await?)?.of())
    }

    /// The fields that the company added to its clients: `GET /v1/custom_client_fields` (later than the manual).
    pub async fn custom_client_fields(&self) -> Result<Page<CustomClientField>, Error> {
        Ok(Page::read(&self.read("/v1/custom_client_fields", &[]).await?)?.of())
    }
}
