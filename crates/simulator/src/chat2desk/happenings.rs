//! What happens at the vendor: each method changes the state as the service would and queues the webhooks that it
//! would send. The instant is an argument; a world's present never goes back.

mod cards;
mod company;
mod course;
mod later;
mod menu;
mod notices;
mod scores;
mod staff;
mod talk;

use super::model::{Id, Media, MessageKind, Thread, World};
use crate::Error;
pub(super) use company::Outgoing;
pub(super) use later::{Agenda, SETTLING};
pub use scores::{Rated, Told};
pub(super) use staff::STATUSES;

/// Why a chat is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// An operator, a script or the API.
    Operator,
    /// Nobody wrote for the period that the administrator set; leaves a system line.
    Timeout,
}

/// What a message to be kept looks like.
#[derive(Clone, Copy)]
struct Draft<'a> {
    kind: MessageKind,
    text: &'a str,
    operator: Option<Id>,
    attachment: Option<&'a str>,
    media: Option<&'a Media>,
}

impl<'a> Draft<'a> {
    /// Nothing but a text, by nobody.
    fn new(kind: MessageKind, text: &'a str) -> Self {
        Self { kind, text, operator: None, attachment: None, media: None }
    }
}

impl World {
    fn known(&self, thread: Thread) -> Result<(), Error> {
        self.client(thread.client)?;
        self.channel(thread.channel).map(|_| ())
    }

    fn known_operator(&self, operator: Id) -> Result<(), Error> {
        self.operators.get(&operator).map(|_| ()).ok_or(Error::NotFound { what: "operator" })
    }

    /// The transport by which the client was last met in this thread, else the channel's first.
    pub(super) fn transport_of(&self, thread: Thread) -> String {
        let going = self.going.get(&thread);
        let last = going.and_then(|going| going.request.or(going.last_common));
        let last = last.and_then(|id| self.requests.get(&id)).map(|request| request.transport.clone());
        let of_channel = || self.channels.iter().find(|channel| channel.id == thread.channel);
        last.or_else(|| of_channel().and_then(|channel| channel.transports.first().cloned()))
            .unwrap_or_default()
    }
}
