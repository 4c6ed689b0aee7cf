//! What the service knows: roles, states, messengers, countries (chat2desk.md 2.1 commands 27, 28, 30, 31, 32, 34; 2.2).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! let transports = client.transports().await?;
//! println!("{:?}", transports.get("whatsapp").and_then(|whatsapp| whatsapp.to_client.get("pdf")));
//! # Ok(()) }
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::client::Client;
use crate::company::ApiMode;
use crate::dialogs::DialogState;
use crate::error::Error;
use crate::operators::Role;
use crate::page::{Page, one};
use crate::row::{Row, flags, text, vendor_row, word};

vendor_row! {
    /// A region, used to place a phone number. Inside Russia only.
    pub struct Region {
        @id = "id";
        /// Its country's name.
        country: Option<String> = text, "country";
        /// Its name.
        region: Option<String> = text, "region";
    }
}

vendor_row! {
    /// A country, used to place a phone number.
    pub struct Country {
        @id = "id";
        /// Its name.
        name: Option<String> = text, "name";
    }
}

vendor_row! {
    /// What a messenger carries: by kind (`text`, `image`, `audio`, `pdf`, `video`, `location`), yes or no.
    pub struct Transport {
        /// From a client.
        from_client: BTreeMap<String, bool> = flags, "from_client";
        /// To a client.
        to_client: BTreeMap<String, bool> = flags, "to_client";
    }
}

vendor_row! {
    /// An access level.
    pub struct ApiModeHelp {
        /// The level.
        name: Option<ApiMode> = word, "name";
        /// What it means.
        description: Option<String> = text, "description";
    }
}

impl Client {
    /// Every role: `GET /v1/help/roles`.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands of this module.
    pub async fn roles(&self) -> Result<Vec<Role>, Error> {
        self.words("/v1/help/roles").await
    }

    /// Every state of a dialog: `GET /v1/help/dialog_states`.
    pub async fn dialog_states(&self) -> Result<Vec<DialogState>, Error> {
        self.words("/v1/help/dialog_states").await
    }

    /// Every type of message: `GET /v1/help/message_types` (later than the manual; whether the items are words or objects
    /// is not published).
    pub async fn message_types(&self) -> Result<Page, Error> {
        Page::read(&self.read("/v1/help/message_types", &[]).await?)
    }

    /// Regions: `GET /v1/regions`.
    pub async fn regions(&self) -> Result<Page<Region>, Error> {
        Ok(Page::read(&self.read("/v1/regions", &[]).await?)?.of())
    }

    /// Countries: `GET /v1/countries`.
    pub async fn countries(&self) -> Result<Page<Country>, Error> {
        Ok(Page::read(&self.read("/v1/countries", &[]).await?)?.of())
    }

    /// Messengers and what they carry: `GET /v1/help/transports`.
    pub async fn transports(&self) -> Result<BTreeMap<String, Transport>, Error> {
        let transports: Value = one(&self.read("/v1/help/transports", &[]).await?)?;
        let Value::Object(transports) = transports else {
            return Err(Error::Unreadable("transports is no object".into()));
        };
        transports.into_iter().map(|(name, value)| Ok((name, Transport::read(or_empty(value))?))).collect()
    }

    /// Access levels: `GET /v1/help/api_modes`. Yours is in [`Client::api_info`].
    pub async fn api_modes(&self) -> Result<Vec<ApiModeHelp>, Error> {
        Page::read(&self.read("/v1/help/api_modes", &[]).await?)?.of().items()
    }

    /// `GET /v1/help/tickets` (since 2024-08-12); the answer is not published.
    pub async fn ticket_help(&self) -> Result<Answer, Error> {
        Answer::parse(&self.read("/v1/help/tickets", &[]).await?)
    }

    async fn words<T: for<'a> From<&'a str>>(&self, path: &str) -> Result<Vec<T>, Error> {
        let words: Vec<String> = Page::read(&self.read(path, &[]).await?)?.of().items()?;
        Ok(words.iter().map(|word| T::from(word)).collect())
    }
}

/// An empty map comes as an empty list.
fn or_empty(value: Value) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => Value::Object(Map::new()),
        Value::Null => Value::Object(Map::new()),
        value => value,
    }
}
