//! Carries out what was written down: each deed is a method of the model.

use chrono::{DateTime, TimeDelta, Utc};

use super::Deed;
use crate::Error;
use crate::chat2desk::{Thread, World};

/// Does one thing in a chat.
pub(super) fn act(
    world: &mut World,
    at: DateTime<Utc>,
    thread: Thread,
    transport: &str,
    deed: Deed,
) -> Result<(), Error> {
    match deed {
        Deed::Ask(text, file) => world.client_writes(at, thread, transport, &text, file).map(|_| ()),
        Deed::Assign(operator) => world.assign(at, thread, operator),
        Deed::Answer(operator, text) => world.operator_writes(at, thread, operator, text).map(|_| ()),
        Deed::Autoreply(text) => world.autoreply(at, thread, text).map(|_| ()),
        Deed::Note(operator, text) => world.comment(at, thread, operator, text).map(|_| ()),
        Deed::Transfer(operator) => world.transfer(at, thread, operator),
        Deed::Import(before, text) => {
            world.import(at, thread, false, at - TimeDelta::seconds(before), text).map(|_| ())
        }
        Deed::TagRequest(tag) => {
            let request = world.open_request(thread).ok_or(Error::WrongState("chat is not open"))?;
            world.tag_request(at, request, tag)
        }
        Deed::UntagRequest(tag) => {
            let request = world.open_request(thread).ok_or(Error::WrongState("chat is not open"))?;
            world.untag_request(at, request, tag)
        }
        Deed::TagClient(tag) => world.tag_client(at, thread.client, tag, true),
        Deed::FillCard => world.edit_client(at, thread.client, |client| {
            client.assigned_name = client.name.clone().map(|name| format!("{name} (club)"));
            client.client_phone = Some(format!("7701{:07}", client.id % 10_000_000));
            client.comment = Some("Likes the mountains".into());
        }),
        Deed::Close(why) => world.close(at, thread, why),
        Deed::Survey => {
            world.survey(at, thread, "How was our answer? Send a number from 1 to 5.").map(|_| ())
        }
        Deed::Score(score, told) => world.score(at, thread, score, told, "Thank you for your score!"),
        Deed::Withdraw(given) => world.withdraw(at, thread, Some(given)),
        Deed::EndSurvey => {
            world.end_survey(at, thread);
            Ok(())
        }
    }
}
