//! What happens at the vendor: each method changes the state as the service would and queues the webhooks that it
//! would send. The instant is an argument; a world's present never goes back.

mod cards;
mod course;
mod scores;
mod talk;

use super::model::{Id, MessageKind, Thread, World};
use crate::Error;
pub use scores::{Rated, Told};

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
}
impl World {
    fn known(&self, thread: Thread) -> Result<(), Error> {
        self.client(thread.client)?;
        let channel = self.channels.iter().any(|channel| channel.id == thread.channel);
        if channel { Ok(()) } else { Err(Error::NotFound { what: "channel" }) }
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
