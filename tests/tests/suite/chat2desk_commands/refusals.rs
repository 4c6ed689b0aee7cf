//! What the service itself refuses: no fault, only wrong ids, wrong values, wrong moments.

use std::collections::BTreeSet;

use chat2desk::clients::{CreatedClient, NewClient};
use chat2desk::dialogs::{DialogChanges, DialogState};
use chat2desk::messages::{InboxMessage, MessageTransfer, MessageType, OutgoingMessage, Sender};
use chat2desk::requests::Whose;
use chat2desk::tags::{Assignee, NewTag};
use chat2desk::{Client, Closed, Error, List, ListQuery, Settings, Start, Token, WebhookSpec};
use chrono::TimeDelta;
use serde_json::json;
use simulator::chat2desk::{ApiMode, ErrorForm, Fault, Habits, Misdeed};

use super::class;
use super::scene::Scene;

/// The class of what a call ended with.
fn ended<T>(told: Result<T, Error>) -> &'static str {
    match told {
        Ok(_) => "fine",
        Err(error) => class(&error),
    }
}

fn fields<T>(told: Result<T, Error>) -> Vec<String> {
    match told {
        Err(Error::Rejected(rejection)) => rejection.fields,
        _ => vec!["not rejected".into()],
    }
}

#[tokio::test]
async fn unknown_ids_are_not_found() {
    let scene = Scene::start().await;
    let c = &scene.client;
    let (client, message) = (scene.ids.client, scene.ids.message);
    let changes = DialogChanges { state: Some(DialogState::Closed), ..DialogChanges::default() };
    let transfer = MessageTransfer { message_id: message, operator_id: 5, force_assign: false };
    for (name, found) in [
        ("message", ended(c.message(5).await)),
        ("client", ended(c.client(5).await)),
        ("client_transports", ended(c.client_transports(5).await)),
        ("client_last_question", ended(c.client_last_question(5).await)),
        ("client_dialogs", ended(c.client_dialogs(5).await)),
        ("dialog", ended(c.dialog(5).await)),
        ("update_dialog", ended(c.update_dialog(5, &changes).await)),
        ("request", ended(c.request(5).await)),
        ("request_messages", ended(c.request_messages(5).await)),
        ("close_request", ended(c.close_request(Whose::Request(5)).await)),
        ("operator", ended(c.operator(5).await)),
        ("set_operator_status", ended(c.set_operator_status(5, 1).await)),
        ("transfer_message", ended(c.transfer_message(transfer).await)),
        ("access_right", ended(c.access_right(5).await)),
        ("channel", ended(c.channel(5).await)),
        ("channel_clients", ended(c.channel_clients(5, &ListQuery::first(1)).await)),
        ("template", ended(c.template(5).await)),
        ("tag", ended(c.tag(5).await)),
        ("assign_tags", ended(c.assign_tags(&[5], Assignee::Client(client)).await)),
        ("assign_tags to nobody", ended(c.assign_tags(&[601], Assignee::Request(5)).await)),
        ("remove_tag", ended(c.remove_tag(601, Assignee::Client(5)).await)),
        (
            "create_tag",
            ended(c.create_tag(&NewTag { group_id: 5, label: "x".into(), ..NewTag::default() }).await),
        ),
        ("send_question", ended(c.send_question(5, client).await)),
        ("send_menu_item", ended(c.send_menu_item(5, None).await)),
        ("send_message", ended(c.send_message(&OutgoingMessage::to_client(5, "t")).await)),
        ("webhook", ended(c.webhook(5).await)),
        ("ticket", ended(c.ticket(5).await)),
        ("delete_ticket", ended(c.delete_ticket(5).await)),
    ] {
        assert_eq!(found, "not found", "{name}");
    }
    assert_eq!(ended(c.delete_webhook(5).await), "fine", "it is gone, as was wanted");
    scene.stop().await;
}

#[tokio::test]
async fn refused_values_name_their_fields_in_whatever_form_the_errors_come() {
    let scene = Scene::start().await;
    let c = &scene.client;
    let to = |kind: &str| OutgoingMessage {
        kind: Some(MessageType::Other(kind.into())),
        ..OutgoingMessage::to_client(scene.ids.client, "t")
    };
    assert_eq!(fields(c.send_message(&to("shout")).await), ["type"]);
    assert_eq!(fields(c.send_message(&OutgoingMessage::to_client(scene.ids.client, "")).await), ["text"]);
    let inbox = InboxMessage::new(16, Sender::Phone("+7".into()), "b");
    assert_eq!(fields(c.post_inbox_message(&inbox).await), ["phone"]);
    let no_external = InboxMessage::new(12, Sender::Id("a".into()), "b");
    assert_eq!(ended(c.post_inbox_message(&no_external).await), "rejected");
    assert_eq!(fields(c.create_client(&NewClient::new("77010000009", "telegram")).await), ["transport"]);
    assert_eq!(fields(c.set_operator_status(7_001, 9).await), ["status_id"]);
    assert_eq!(fields(c.switch_company_mode("asleep").await), ["mode"]);
    assert_eq!(fields(c.set_old_web_hook(Some("nowhere")).await), ["url"]);
    assert_eq!(fields(c.create_operator(&serde_json::Map::new()).await), ["email"]);
    assert_eq!(fields(c.decode_qr("https://storage.example.org/cat.jpg").await), ["image_path"]);
    for form in [ErrorForm::Map, ErrorForm::Text, ErrorForm::Missing] {
        scene.handle.with("acme", |tenant| tenant.world.account.habits.errors = form).unwrap();
        assert_eq!(ended(c.send_message(&to("shout")).await), "rejected", "{form:?}");
        assert_eq!(ended(c.close_dialog(5).await), "not found", "{form:?}");
    }
    scene.stop().await;
}

#[tokio::test]
async fn what_is_so_already_is_no_failure() {
    let scene = Scene::start().await;
    let c = &scene.client;
    let ids = scene.ids;
    assert_eq!(c.close_dialog(ids.dialog).await.unwrap(), Closed::Now);
    assert_eq!(c.close_dialog(ids.dialog).await.unwrap(), Closed::Before);
    assert_eq!(c.close_request(Whose::Request(ids.closed_request)).await.unwrap(), Closed::Before);
    assert_eq!(c.close_request(Whose::Client(ids.client)).await.unwrap(), Closed::Before);

    let new = NewClient { channel_id: Some(12), ..NewClient::new("77010000009", "whatsapp") };
    let made = c.create_client(&new).await.unwrap();
    let again = c.create_client(&NewClient { transport: "viber".into(), ..new }).await.unwrap();
    assert_eq!(again, CreatedClient::Existing { client_id: made.client_id() }, "the id was hidden in a text");
    let reached = c.client_transports(made.client_id().unwrap()).await.unwrap();
    assert_eq!(reached[0].transports, ["viber", "whatsapp"]);
    scene.handle.with("acme", |tenant| tenant.world.account.write_first = false).unwrap();
    assert_eq!(ended(c.create_client(&NewClient::new("77010000010", "viber")).await), "rejected");

    let spec = WebhookSpec::new("n", "http://127.0.0.1:9/", &["inbox"]);
    assert_eq!(ended(c.create_webhook(&spec).await), "already so", "the url is used");
    assert_eq!(c.register_webhook(&spec).await.unwrap().id, ids.webhook);
    for n in 0..4 {
        let url = format!("https://hooks.example.org/{n}");
        c.register_webhook(&WebhookSpec::new("n", url, &["inbox"])).await.unwrap();
    }
    let sixth = WebhookSpec::new("n", "https://hooks.example.org/6", &["inbox"]);
    assert_eq!(ended(c.register_webhook(&sixth).await), "rejected", "a company has five");

    let old = Habits { unknown_events: vec!["new_ticket".into()], ..Habits::default() };
    scene.handle.with("acme", |tenant| tenant.world.account.habits = old).unwrap();
    let wide = WebhookSpec::new("n", "http://127.0.0.1:9/", &["inbox", "new_ticket"]);
    assert_eq!(fields(c.register_webhook(&wide).await), ["events"], "an older installation");
    scene.stop().await;
}

#[tokio::test]
async fn a_new_chat_is_assigned_and_an_open_one_moved_and_not_the_other_way() {
    let scene = Scene::start().await;
    let c = &scene.client;
    assert_eq!(ended(c.assign_message(scene.ids.message, 7_002).await), "rejected", "its dialog is open");
    assert_eq!(ended(c.assign_message(scene.ids.new_message, 7_002).await), "fine");
    c.close_dialog(scene.ids.dialog).await.unwrap();
    assert_eq!(ended(c.assign_dialog(scene.ids.dialog, 7_002).await), "rejected", "it is closed");
    let open = DialogChanges { state: Some(DialogState::Open), ..DialogChanges::default() };
    assert_eq!(ended(c.update_dialog(scene.ids.dialog, &open).await), "fine");
    assert_eq!(ended(c.update_dialog(scene.ids.dialog, &open).await), "already so");
    scene.stop().await;
}

#[tokio::test]
async fn tokens_levels_and_quotas_stop_the_account() {
    let scene = Scene::start().await;
    let wrong = Settings::new(scene.handle.url().parse().unwrap(), Token::new("wrong"));
    assert_eq!(ended(Client::new(wrong).unwrap().api_info().await), "unauthorized");
    let set = |quota: Option<u64>, mode: ApiMode| {
        let account = |tenant: &mut simulator::server::Tenant| {
            tenant.world.account.quota = quota;
            tenant.world.account.mode = mode;
        };
        scene.handle.with("acme", account).unwrap();
    };
    set(None, ApiMode::Disabled);
    assert_eq!(ended(scene.client.api_info().await), "unauthorized");
    set(Some(1), ApiMode::Normal);
    assert_eq!(scene.client.api_info().await.unwrap().calls_left(), Some(0));
    for _ in 0..2 {
        assert_eq!(ended(scene.client.roles().await), "quota spent");
    }
    scene.handle.advance(TimeDelta::days(31));
    assert_eq!(ended(scene.client.roles().await), "fine", "a month later");
    scene.stop().await;
}

#[tokio::test]
async fn walks_bring_every_row_once_or_say_that_they_cannot() {
    let scene = Scene::start().await;
    let ask = |count| Fault::at("/v1/clients", Misdeed::InsertRows { count });
    // 250 clients, so that there are two pages; three more come while the second is asked for.
    scene.handle.fault("acme", ask(247));
    scene.client.clients(&ListQuery::first(1)).await.unwrap();
    scene.handle.fault("acme", ask(3).after(1));
    let mut walk = scene.client.walk_clients();
    let mut seen = BTreeSet::new();
    while let Some(page) = walk.next().await.unwrap() {
        seen.extend(page.items().unwrap().iter().map(|client| client.id));
    }
    assert_eq!((seen.len(), walk.repeated()), (253, 0), "new rows append behind the cursor");

    let mut walk = scene.client.walk_messages(Start::Id(1));
    let mut ids = BTreeSet::new();
    while let Some(page) = walk.next().await.unwrap() {
        ids.extend(page.items().unwrap().iter().map(|message| message.id));
    }
    let all = scene.handle.with("acme", |tenant| tenant.world.messages.len()).unwrap();
    assert_eq!(ids.len(), all, "though the service ignores the offset");

    scene.handle.fault("acme", Fault::at("/v1/clients", Misdeed::OffsetIgnored).times(9));
    let mut walk = scene.client.walk::<chat2desk::clients::ClientCard>(List::Clients);
    walk.next().await.unwrap();
    let told = loop {
        match walk.next().await {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(told, Err(Error::Stuck)), "{told:?}");
    scene.stop().await;
}

#[tokio::test]
async fn dates_are_local_days_and_never_go_with_an_id() {
    let scene = Scene::start().await;
    let both = [("start_id", "1".to_owned()), ("start_date", "22-01-2026".to_owned())];
    assert_eq!(ended(scene.client.read("/v1/messages", &both).await), "rejected");
    let form = [("start_date", "2026-01-22".to_owned())];
    assert_eq!(ended(scene.client.read("/v1/messages", &form).await), "rejected");
    let most = [("limit", "500".to_owned())];
    let body = scene.client.read("/v1/tags", &most).await.unwrap();
    let page: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(page["meta"]["limit"], json!(200));
    let strict = Habits { large_limit_refused: true, ..Habits::default() };
    scene.handle.with("acme", |tenant| tenant.world.account.habits = strict).unwrap();
    assert_eq!(ended(scene.client.read("/v1/tags", &most).await), "rejected");
    scene.stop().await;
}
