//! Clients made and edited: `POST /v1/clients`, `PUT /v1/clients/<id>`.

use std::fmt;

use reqwest::Method;
use serde_json::{Map, Value};

use super::ClientCard;
use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::{Error, Rejection};
use crate::page::made;
use crate::query::{Fields, Query};
use crate::row::{Shown, id, veiled_debug};

/// A client to write to first.
#[derive(Clone, PartialEq, Eq)]
pub struct NewClient {
    /// Digits with the country code.
    pub phone: String,
    /// `whatsapp`, `viber` or `sms` only.
    pub transport: String,
    /// By default the company's first channel; it must know the transport.
    pub channel_id: Option<u64>,
}

veiled_debug!(NewClient: phone, transport, channel_id);

impl NewClient {
    /// A client of the company's first channel.
    pub fn new(phone: impl Into<String>, transport: impl Into<String>) -> Self {
        Self { phone: phone.into(), transport: transport.into(), channel_id: None }
    }
}

/// What [`Client::create_client`] found or made.
#[derive(Clone, Debug, PartialEq)]
pub enum CreatedClient {
    /// The client as the service answered. With an old service it may have been there already: the transport was added.
    Answered(Box<ClientCard>),
    /// The service refused because the client exists.
    Existing {
        /// The client, when the refusal tells it (chat2desk.md 1.6).
        client_id: Option<u64>,
    },
}

impl CreatedClient {
    /// The client's id, new or existing.
    pub fn client_id(&self) -> Option<u64> {
        match self {
            Self::Answered(card) => Some(card.id),
            Self::Existing { client_id } => *client_id,
        }
    }
}

/// What to do with a field that can also be taken away.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Edit {
    /// Leave it.
    #[default]
    Keep,
    /// Take it away.
    Remove,
    /// Make it this.
    Set(String),
}

impl Shown for Edit {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::Remove => "Remove",
            Self::Set(_) => "Set(…)",
        })
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

/// What to change of a client; nothing by default.
#[derive(Clone, Default, PartialEq)]
pub struct ClientChanges {
    /// Becomes `assigned_name`.
    pub nickname: Edit,
    /// Operators' comment.
    pub comment: Option<String>,
    /// Further comment 1.
    pub extra_comment_1: Option<String>,
    /// Further comment 2.
    pub extra_comment_2: Option<String>,
    /// Further comment 3.
    pub extra_comment_3: Option<String>,
    /// Custom fields by id (later than the manual).
    pub custom_fields: Map<String, Value>,
    /// Id in another system (later than the manual).
    pub external_id: Option<String>,
    /// Which system (later than the manual).
    pub external_service: Option<String>,
}

veiled_debug!(ClientChanges: nickname, comment, custom_fields, external_id, external_service);

impl ClientChanges {
    fn body(&self) -> Fields {
        let nickname = match &self.nickname {
            Edit::Keep => None,
            Edit::Remove => Some(Value::Null),
            Edit::Set(name) => Some(name.as_str().into()),
        };
        Fields::default()
            // The scripts manual has a sample with a hyphen; the API manual's spelling counts (chat2desk.md 8.1 item 15).
            .and("nickname", nickname)
            .and("comment", self.comment.as_deref())
            .and("extra_comment_1", self.extra_comment_1.as_deref())
            .and("extra_comment_2", self.extra_comment_2.as_deref())
            .and("extra_comment_3", self.extra_comment_3.as_deref())
            .and("custom_fields", (!self.custom_fields.is_empty()).then(|| self.custom_fields.clone()))
            .and("external_id", self.external_id.as_deref())
            .and("external_service", self.external_service.as_deref())
    }
}

impl Client {
    /// Makes a client so that you can write first: `POST /v1/clients`, with its parameters in the query. Off by default:
    /// the vendor has to enable "write first". A first WhatsApp message leaves 7 minutes later at the earliest.
    ///
    /// A client that exists is no error: [`CreatedClient::Existing`].
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class.
    pub async fn create_client(&self, client: &NewClient) -> Result<CreatedClient, Error> {
        let query = Query::default()
            .with("phone", &client.phone)
            .with("transport", &client.transport)
            .and("channel_id", client.channel_id);
        match self.change(Change::new(Method::POST, "/v1/clients").query(query)).await {
            Ok(body) => Ok(CreatedClient::Answered(Box::new(made(&body)?))),
            Err(Error::Rejected(rejection)) if rejection.already => {
                Ok(CreatedClient::Existing { client_id: existing(&rejection) })
            }
            Err(error) => Err(error),
        }
    }

    /// Changes a client: `PUT /v1/clients/<id>`. The answer is not published.
    ///
    /// # Errors
    /// As [`Self::create_client`].
    pub async fn update_client(&self, client_id: u64, changes: &ClientChanges) -> Result<Answer, Error> {
        let path = format!("/v1/clients/{client_id}");
        Answer::parse(&self.change(Change::new(Method::PUT, &path).body(changes.body())).await?)
    }
}

/// The id hides in `errors.client`, in a JSON text within a string.
fn existing(rejection: &Rejection) -> Option<u64> {
    let texts = match rejection.errors.get("client")? {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => vec![text.as_str()],
        _ => Vec::new(),
    };
    texts.into_iter().find_map(|text| {
        let inner: Value = serde_json::from_str(text).ok()?;
        id(inner.get("id")?).flatten()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_id_of_an_existing_client_is_found_in_the_text_within_the_error() {
        let refused = |errors| Rejection { status: 400, fields: Vec::new(), already: true, errors };
        let list = json!({"client": ["This client already exists", "{\"id\":330001,\"phone\":\"1000\"}"]});
        assert_eq!(existing(&refused(list)), Some(330_001));
        assert_eq!(existing(&refused(json!({"client": "{\"id\":\"330001\"}"}))), Some(330_001));
        for nothing in [json!({"client": ["already exists"]}), json!({"client": 7}), json!("x"), json!(null)]
        {
            assert_eq!(existing(&refused(nothing)), None);
        }
    }
}
