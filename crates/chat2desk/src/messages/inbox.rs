//! A client's message that enters through an external channel: `POST /v1/messages/inbox`.

use std::fmt;

use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::query::Fields;
use crate::row::{Shown, veiled_debug};

/// Who writes: one of the two, as the service refuses both and neither. `Debug` shows which, not who.
#[derive(Clone, PartialEq, Eq)]
pub enum Sender {
    /// Your own id of the client: any characters, but no phone.
    Id(String),
    /// The client's phone: digits only.
    Phone(String),
}

impl Shown for Sender {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id(…)",
            Self::Phone(_) => "Phone(…)",
        })
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f)
    }
}

/// A message from a client. `Debug` shows no text.
#[derive(Clone, PartialEq)]
pub struct InboxMessage {
    /// The external channel.
    pub channel_id: u64,
    /// Who writes.
    pub from_client: Sender,
    /// The client's name.
    pub nickname: Option<String>,
    /// What is written.
    pub body: String,
    /// Address of a picture.
    pub image: Option<String>,
    /// Address of a video.
    pub video: Option<String>,
    /// Latitude and longitude, divided by a blank.
    pub location: Option<String>,
}

veiled_debug!(InboxMessage: channel_id, from_client, body, image, video, location);

impl InboxMessage {
    /// A text.
    pub fn new(channel_id: u64, from_client: Sender, body: impl Into<String>) -> Self {
        Self {
            channel_id,
            from_client,
            nickname: None,
            body: body.into(),
            image: None,
            video: None,
            location: None,
        }
    }

    fn fields(&self) -> Fields {
        let client = match &self.from_client {
            Sender::Id(id) => Fields::default().with("id", id.as_str()),
            Sender::Phone(phone) => Fields::default().with("phone", phone.as_str()),
        };
        Fields::default()
            // A text in the manual's sample.
            .with("channel_id", self.channel_id.to_string())
            .with("body", self.body.as_str())
            .and("image", self.image.as_deref())
            .and("video", self.video.as_deref())
            .and("location", self.location.as_deref())
            .with("from_client", client.and("nickname", self.nickname.as_deref()))
    }
}

impl Client {
    /// Takes in a message from a client of an external channel: `POST /v1/messages/inbox`. The vendor has to enable the
    /// transport `external` for the company first. The answer is not published.
    ///
    /// # Errors
    /// As [`Client::send_message`].
    pub async fn post_inbox_message(&self, message: &InboxMessage) -> Result<Answer, Error> {
        let change = Change::new(Method::POST, "/v1/messages/inbox").body(message.fields());
        Answer::parse(&self.change(change).await?)
    }
}
