//! What changes the account: each answer, and what is different afterwards.

use chat2desk::clients::{ClientChanges, CreatedClient, Edit, NewClient};
use chat2desk::dialogs::{DialogChanges, DialogState};
use chat2desk::messages::{GroupTransfer, InboxMessage, MessageTransfer, OutgoingMessage, Sender};
use chat2desk::requests::Whose;
use chat2desk::tags::{Assignee, NewTag, NewTagGroup};
use chat2desk::{Closed, WebhookSpec, WebhookStatus};
use serde_json::{Map, Value, json};
use simulator::chat2desk::World;

use super::scene::{Command, Ids, QR_CODE, change};

pub(super) fn commands() -> Vec<Command> {
    [messages(), chats(), clients(), labels(), company()].into_iter().flatten().collect()
}

fn fields(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn id(id: u64) -> i64 {
    id as i64
}

fn holder(world: &World, ids: &Ids) -> i64 {
    world.dialogs[&id(ids.dialog)].operator
}

fn is_read(world: &World, ids: &Ids) -> bool {
    world.messages[&id(ids.message)].read
}

/// Who has the chat that was new.
fn new_holder(world: &World, ids: &Ids) -> Option<i64> {
    world.messages[&id(ids.new_message)].operator
}

fn was_said(world: &World, text: &str) -> bool {
    world.messages.values().any(|message| message.text == text)
}

fn messages() -> Vec<Command> {
    vec![
        change!("send_message", c, i, {
            let message = OutgoingMessage {
                operator_id: Some(7_004),
                external_id: Some("m-1".into()),
                reply_message_id: Some(i.message),
                ..OutgoingMessage::to_client(i.client, "It left the warehouse")
            };
            let sent = c.send_message(&message).await?;
            let where_to = (sent.client_id, sent.channel_id, sent.dialog_id, sent.request_id, sent.operator_id);
            Ok(sent.message_id.is_some()
                && where_to == (Some(i.client), Some(12), Some(i.dialog), Some(i.request), Some(7_004))
                && sent.transport.as_deref() == Some("whatsapp"))
        }, world => was_said(world, "It left the warehouse") && holder(world, i) == 7_004 && is_read(world, i)),
        change!("post_inbox_message", c, i, {
            let mut message = InboxMessage::new(16, Sender::Id("user-1".into()), "Where is it?");
            message.nickname = Some("Ann".into());
            message.location = Some("43.2 76.9".into());
            Ok(c.post_inbox_message(&message).await?.id("message_id").is_some())
        }, world => was_said(world, "Where is it?")),
        change!("mark_message_read", c, i, c.mark_message_read(i.message).await.map(|_| true),
            world => is_read(world, i)),
        change!("mark_message_unread", c, i, c.mark_message_unread(i.unsent).await.map(|_| true),
            world => !world.messages[&id(i.unsent)].read),
        change!("delete_all_unsent_messages_of_the_company", c, i,
            c.delete_all_unsent_messages_of_the_company().await.map(|_| true),
            world => !world.messages.contains_key(&id(i.unsent))),
    ]
}

fn chats() -> Vec<Command> {
    let already = &["already so"][..];
    vec![
        change!("assign_message", c, i, c.assign_message(i.new_message, 7_002).await.map(|_| true),
            world => new_holder(world, i) == Some(7_002)),
        change!("transfer_message", c, i, {
            let transfer = MessageTransfer { message_id: i.message, operator_id: 7_003, force_assign: true };
            c.transfer_message(transfer).await.map(|_| true)
        }, world => holder(world, i) == 7_003),
        change!("transfer_message_to_group", c, i, {
            let transfer = GroupTransfer { message_id: i.message, group_id: 302, force_assign: false };
            Ok(c.transfer_message_to_group(transfer).await?.id("operator_id").is_some())
        }, world => [7_002, 7_004, 7_006, 7_008].contains(&holder(world, i))),
        change!("update_dialog", c, i, {
            let changes = DialogChanges {
                operator_id: Some(7_005), state: Some(DialogState::Closed), ..DialogChanges::default()
            };
            c.update_dialog(i.dialog, &changes).await.map(|_| true)
        }, world => holder(world, i) == 7_005 && !world.dialogs[&id(i.dialog)].open),
        change!("assign_dialog", c, i, c.assign_dialog(i.dialog, 7_006).await.map(|_| true),
            world => holder(world, i) == 7_006),
        Command {
            takes: already,
            ..change!("close_dialog", c, i, Ok(c.close_dialog(i.dialog).await? == Closed::Now),
                world => !world.dialogs[&id(i.dialog)].open)
        },
        Command {
            takes: already,
            ..change!("close_request", c, i, Ok(c.close_request(Whose::Request(i.request)).await? == Closed::Now),
                world => world.requests[&id(i.request)].closed.is_some())
        },
        Command {
            takes: already,
            ..change!("close_request of a client", c, i,
                Ok(c.close_request(Whose::Client(i.client)).await? == Closed::Now),
                world => world.requests[&id(i.request)].closed.is_some())
        },
        change!("send_question", c, i, c.send_question(4_322, i.client).await.map(|_| true),
            world => world.holdings.sent_items.iter().any(|sent| sent.item == 4_322)),
        change!("send_menu_item", c, i, c.send_menu_item(i.client, None).await.map(|_| true),
            world => world.holdings.sent_items.iter().any(|sent| sent.item == 4_320)),
    ]
}

fn clients() -> Vec<Command> {
    vec![
        Command {
            takes: &["already so"],
            ..change!("create_client", c, i, {
                let client = NewClient { channel_id: Some(12), ..NewClient::new("77010000009", "whatsapp") };
                let made = c.create_client(&client).await?;
                Ok(match made {
                    CreatedClient::Answered(card) => card.country_id == Some(5),
                    CreatedClient::Existing { .. } => false,
                })
            }, world => world.clients.values().any(|client| client.phone == "77010000009"))
        },
        change!("update_client", c, i, {
            let changes = ClientChanges {
                nickname: Edit::Set("Peter".into()),
                extra_comment_2: Some("two".into()),
                custom_fields: fields(json!({"22": "Kolsai"})),
                external_id: Some("crm-9".into()),
                external_service: Some("crm".into()),
                ..ClientChanges::default()
            };
            c.update_client(i.client, &changes).await.map(|_| true)
        }, world => {
            let card = &world.clients[&id(i.client)];
            card.assigned_name.as_deref() == Some("Peter")
                && card.extra_comments[1].as_deref() == Some("two")
                && card.custom_fields[&22] == "Kolsai"
                && card.external_ids["crm"] == "crm-9"
        }),
        change!("set_operator_status", c, i, c.set_operator_status(7_001, 2).await.map(|_| true),
            world => world.operators[&7_001].offline_type.as_deref() == Some("busy")),
        change!("create_operator", c, i, {
            let made = c.create_operator(&fields(json!({"email": "new@example.org"}))).await?;
            Ok(made.id("id").is_some() && made.text("role").as_deref() == Some("unconfirmed"))
        }, world => world.operators.values().any(|operator| operator.email == "new@example.org")),
        change!("update_operator", c, i, {
            let changes = fields(json!({"last_name": "Bek", "role": "admin"}));
            Ok(c.update_operator(7_001, &changes).await?.text("last_name").as_deref() == Some("Bek"))
        }, world => world.operators[&7_001].role == "admin"),
    ]
}

fn labels() -> Vec<Command> {
    vec![
        change!("assign_tags", c, i, c.assign_tags(&[602], Assignee::Client(i.client)).await.map(|_| true),
            world => world.clients[&id(i.client)].tags.contains(&602)),
        change!("assign_tags to a request", c, i, {
            c.assign_tags(&[621, 623], Assignee::Request(i.request)).await.map(|_| true)
        }, world => world.requests[&id(i.request)].tags.len() == 3),
        change!("remove_tag", c, i, c.remove_tag(601, Assignee::Client(i.client)).await.map(|_| true),
            world => world.clients[&id(i.client)].tags.is_empty()),
        change!("remove_tag from a request", c, i, {
            c.remove_tag(622, Assignee::Request(i.request)).await.map(|_| true)
        }, world => world.requests[&id(i.request)].tags.is_empty()),
        change!("create_tag", c, i, {
            let tag = NewTag { group_id: 60, label: "Snow".into(), description: "d".into(), ..NewTag::default() };
            Ok(c.create_tag(&tag).await?.text("label").as_deref() == Some("Snow"))
        }, world => world.tags.iter().any(|tag| tag.label == "Snow" && tag.description == "d")),
        change!("create_tag_group", c, i, {
            let group = NewTagGroup { name: "Weather".into(), ..NewTagGroup::default() };
            Ok(c.create_tag_group(&group).await?.id("id").is_some())
        }, world => world.holdings.tag_groups.iter().any(|group| group.name == "Weather")),
    ]
}

fn company() -> Vec<Command> {
    vec![
        Command {
            asks_first: true,
            ..change!("register_webhook", c, i, {
                let spec = WebhookSpec::new("n", "http://127.0.0.1:9/", &["inbox", "outbox"]);
                Ok(c.register_webhook(&spec).await?.id == i.webhook)
            }, world => world.webhooks.list[0].events == ["inbox", "outbox"])
        },
        change!("create_webhook", c, i, {
            let mut spec = WebhookSpec::new("n", "https://hooks.example.org/a", &["inbox"]);
            spec.channels = vec![12];
            Ok(c.create_webhook(&spec).await?.channels == [12])
        }, world => world.webhooks.list.len() == 2),
        change!("update_webhook", c, i, {
            let mut spec = WebhookSpec::new("n", "http://127.0.0.1:9/", &["inbox"]);
            spec.status = WebhookStatus::Disable;
            Ok(!c.update_webhook(i.webhook, &spec).await?.is_enabled())
        }, world => !world.webhooks.list[0].enabled),
        Command {
            takes: &["not found"],
            ..change!("delete_webhook", c, i, c.delete_webhook(i.webhook).await.map(|()| true),
                world => world.webhooks.list.is_empty())
        },
        change!("set_old_web_hook", c, i, {
            c.set_old_web_hook(Some("https://hooks.example.org/old")).await.map(|_| true)
        }, world => world.webhooks.old_messages.as_deref() == Some("https://hooks.example.org/old")),
        change!("set_old_chat_close_web_hook", c, i, {
            c.set_old_chat_close_web_hook(Some("https://hooks.example.org/old")).await.map(|_| true)
        }, world => world.webhooks.old_closes.is_some()),
        change!("update_company", c, i, c.update_company(&fields(json!({"1": "a"}))).await.map(|_| true),
            world => world.account.custom_fields.len() == 1),
        change!("switch_company_mode", c, i, c.switch_company_mode("offline").await.map(|_| true),
            world => world.account.work_mode == "offline"),
        change!("decode_qr", c, i, Ok(c.decode_qr(QR_CODE).await?.text("text").as_deref() == Some("hello")),
            world => world.account.calls > 0),
        change!("create_ticket", c, i, {
            Ok(c.create_ticket(&fields(json!({"reporter_id": 7_002}))).await?.id("id").is_some())
        }, world => world.holdings.tickets.len() == 2),
        change!("update_ticket", c, i, {
            c.update_ticket(i.ticket, &fields(json!({"subject": "s"}))).await.map(|_| true)
        }, world => world.holdings.tickets[&id(i.ticket)].contains_key("subject")),
        change!("delete_ticket", c, i, c.delete_ticket(i.ticket).await.map(|_| true),
            world => world.holdings.tickets.is_empty()),
    ]
}
