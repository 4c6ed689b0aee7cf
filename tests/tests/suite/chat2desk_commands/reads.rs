//! What only reads: each answer is looked at.

use chat2desk::channels::ChannelFilter;
use chat2desk::clients::{ClientFilter, Span};
use chat2desk::company::WebAnalyticsQuery;
use chat2desk::dialogs::{DialogFilter, DialogState};
use chat2desk::menu::MenuFilter;
use chat2desk::messages::{MessageFilter, MessageType};
use chat2desk::operators::{OperatorFilter, Role};
use chat2desk::{ApiMode, List, ListQuery, MessagesQuery, Order, Report, Request, Start};
use chrono::NaiveDate;
use std::time::Duration;

use super::scene::{Command, now, read};

const PAGE: ListQuery = ListQuery::first(200);

fn today() -> NaiveDate {
    now().date_naive()
}

pub(super) fn commands() -> Vec<Command> {
    [messages(), clients(), chats(), people(), company(), reports(), walks()].into_iter().flatten().collect()
}

fn messages() -> Vec<Command> {
    vec![
        read!("messages", c, i, {
            let query = MessagesQuery { start: Start::Id(i.message), limit: 200 };
            let page = c.messages(&query).await?.items()?;
            Ok(page.first().is_some_and(|message| message.id == i.message))
        }),
        read!("messages by days", c, i, {
            let query = MessagesQuery { start: Start::Days(today(), today()), limit: 200 };
            Ok(c.messages(&query).await?.items()?.iter().any(|message| message.id == i.message))
        }),
        read!("page", c, i, {
            let page = c.page(&Request::List(List::Tags, ListQuery { offset: 3, limit: 5 })).await?;
            Ok(page.rows.len() == 5 && page.meta.and_then(|meta| meta.offset) == Some(3))
        }),
        read!("find_messages", c, i, {
            let kind = Some(MessageType::FromClient);
            let filter =
                MessageFilter { client_id: Some(i.client), kind, read: Some(false), ..Default::default() };
            Ok(c.find_messages(&filter).await?.items()?.iter().map(|m| m.id).eq([i.message]))
        }),
        read!("message", c, i, {
            let message = c.message(i.message).await?;
            let whose = (message.client_id, message.dialog_id, message.channel_id, message.operator_id);
            Ok(whose == (Some(i.client), Some(i.dialog), Some(12), Some(7_001))
                && message.text.as_deref() == Some("text")
                && message.created.is_some_and(|at| at < now())
                && message.read == Some(false))
        }),
        read!("request", c, i, Ok(c.request(i.request).await?.dialog_id == Some(i.dialog))),
        read!("request_messages", c, i, {
            let messages = c.request_messages(i.request).await?.items()?;
            let last = messages.iter().find(|message| message.id == i.message);
            Ok(last.is_some_and(|m| m.client_id == Some(i.client) && m.created.is_some_and(|at| at < now())))
        }),
    ]
}

fn clients() -> Vec<Command> {
    vec![
        read!("clients", c, i, Ok(c.clients(&PAGE).await?.items()?[0].id == i.client)),
        read!("find_clients", c, i, {
            let filter = ClientFilter { tags: vec![601, 9], order: Some(Order::Asc), ..Default::default() };
            Ok(c.find_clients(&filter).await?.items()?.iter().map(|client| client.id).eq([i.client]))
        }),
        read!("client", c, i, {
            let card = c.client(i.client).await?;
            Ok(card.tags.len() == 1
                && card.first_client_message.is_some()
                && card.channels[0].channel_id == Some(12))
        }),
        read!("client_transports", c, i, {
            let ways = c.client_transports(i.client).await?;
            Ok(ways.len() == 1 && ways[0].channel_id == Some(12) && ways[0].transports == ["whatsapp"])
        }),
        read!("client_last_question", c, i, {
            Ok(c.client_last_question(i.client).await?.is_some_and(|item| item.id == Some(4_321)))
        }),
        read!("client_questions", c, i, {
            let span = Span { since: Some(today()), until: Some(today()) };
            let asked = c.client_questions(i.client, span).await?.rows.len();
            let long_ago = NaiveDate::from_ymd_opt(2011, 9, 10);
            let before = Span { since: long_ago, until: long_ago };
            Ok((asked, c.client_questions(i.client, before).await?.rows.len()) == (1, 0))
        }),
        read!("client_dialogs", c, i, Ok(c.client_dialogs(i.client).await?.items()?[0].id == i.dialog)),
        read!("channel_clients", c, i, Ok(c.channel_clients(12, &PAGE).await?.rows.len() == 3)),
        read!("custom_client_fields", c, i, {
            let fields = c.custom_client_fields().await?.items()?;
            Ok(fields[0].id == 21
                && fields[0].kind.as_deref() == Some("number")
                && fields[0].editable == Some(true))
        }),
    ]
}

fn chats() -> Vec<Command> {
    vec![
        read!("dialogs", c, i, Ok(c.dialogs(&PAGE).await?.items()?[0].last_request_id == Some(i.request))),
        read!("find_dialogs", c, i, {
            let state = Some(DialogState::Open);
            let filter = DialogFilter { operator_id: Some(7_001), state, ..Default::default() };
            Ok(c.find_dialogs(&filter).await?.items()?.iter().map(|dialog| dialog.id).eq([i.dialog]))
        }),
        read!("dialog", c, i, {
            let dialog = c.dialog(i.dialog).await?;
            let last = dialog.last_message.map(|message| message.id);
            Ok((dialog.state, dialog.end, last) == (Some(DialogState::Open), None, Some(i.unsent)))
        }),
        read!("unanswered_dialogs", c, i, {
            let waiting = c.unanswered_dialogs(Duration::from_secs(600)).await?.items()?;
            let long = c.unanswered_dialogs(Duration::from_secs(86_400)).await?.rows.len();
            Ok(waiting.iter().map(|dialog| dialog.id).eq([i.dialog]) && long == 0)
        }),
    ]
}

fn people() -> Vec<Command> {
    vec![
        read!("operators", c, i, {
            let operators = c.operators(&PAGE).await?.items()?;
            Ok(operators[0].id == 7_001 && operators[0].last_visit.is_some() && operators.len() == 9)
        }),
        read!("find_operators", c, i, {
            let email = Some("operator.7003@example.org".to_owned());
            let filter = OperatorFilter { email, ..Default::default() };
            Ok(c.find_operators(&filter).await?.items()?.iter().map(|one| one.id).eq([7_003]))
        }),
        read!("operator", c, i, {
            let operator = c.operator(7_001).await?;
            Ok((operator.role, operator.opened_dialogs) == (Some(Role::Operator), Some(1)))
        }),
        read!("operator_statuses", c, i, {
            let statuses = c.operator_statuses().await?;
            Ok(statuses.len() == 4 && statuses[1].name["en"] == "Busy")
        }),
        read!("operators_groups", c, i, {
            Ok(c.operators_groups(&PAGE).await?.items()?[0].operator_ids == [7_001, 7_003, 7_005, 7_007])
        }),
        read!("access_rights", c, i, Ok(c.access_rights().await?.items()?[0].id("id") == Some(91))),
        read!(
            "access_right",
            c,
            i,
            Ok(c.access_right(91).await?.text("name").as_deref() == Some("Weekend crew"))
        ),
        read!("tags", c, i, Ok(c.tags(&PAGE).await?.items()?.len() == 12)),
        read!("tag", c, i, {
            let tag = c.tag(601).await?;
            Ok((tag.label.as_deref(), tag.group_id) == (Some("VIP"), Some(60)))
        }),
        read!(
            "templates",
            c,
            i,
            Ok(c.templates(&PAGE).await?.items()?[0].command.as_deref() == Some("hello"))
        ),
        read!("template", c, i, Ok(c.template(1_102).await?.created.is_some())),
        read!("menu_items", c, i, {
            let roots = c.menu_items(&MenuFilter { level: Some(0), ..MenuFilter::default() }).await?;
            Ok(roots.items()?.iter().map(|item| item.id).eq([Some(4_320)]))
        }),
    ]
}

fn company() -> Vec<Command> {
    vec![
        read!("channels", c, i, Ok(c.channels(&PAGE).await?.items()?[0].transports == ["whatsapp", "viber"])),
        read!("find_channels", c, i, {
            let phone = Some("tien_shan_demo_bot".to_owned());
            let filter = ChannelFilter { phone, ..Default::default() };
            Ok(c.find_channels(&filter).await?.items()?.iter().map(|channel| channel.id).eq([13]))
        }),
        read!("channel", c, i, Ok(c.channel(16).await?.transports == ["external"])),
        read!("api_info", c, i, {
            let info = c.api_info().await?;
            Ok((info.mode, info.requests_this_month) == (ApiMode::Unlimited, Some(1)))
        }),
        read!(
            "company_info",
            c,
            i,
            Ok(c.company_info().await?.text("work_mode").as_deref() == Some("online"))
        ),
        read!("web_analytics_data", c, i, {
            Ok(c.web_analytics_data(&WebAnalyticsQuery::default()).await?.rows.is_empty())
        }),
        read!("webhooks", c, i, Ok(c.webhooks().await?[0].id == i.webhook)),
        read!("webhook", c, i, Ok(c.webhook(i.webhook).await?.is_enabled())),
        read!("tickets", c, i, Ok(c.tickets(&PAGE).await?.items()?[0].id("id") == Some(i.ticket))),
        read!("ticket", c, i, Ok(c.ticket(i.ticket).await?.id("reporter_id") == Some(7_001))),
        read!("ticket_help", c, i, c.ticket_help().await.map(|_| true)),
        read!("roles", c, i, Ok(c.roles().await?.contains(&Role::Supervisor))),
        read!(
            "dialog_states",
            c,
            i,
            Ok(c.dialog_states().await? == [DialogState::Open, DialogState::Closed])
        ),
        read!("message_types", c, i, Ok(c.message_types().await?.rows.len() == 5)),
        read!("regions", c, i, Ok(c.regions().await?.items()?[1].region.as_deref() == Some("Tver"))),
        read!("countries", c, i, Ok(c.countries().await?.items()?[1].name.as_deref() == Some("Russia"))),
        read!("transports", c, i, {
            let transports = c.transports().await?;
            let whatsapp = &transports["whatsapp"];
            Ok(whatsapp.from_client["location"] && !whatsapp.to_client["location"])
        }),
        read!("api_modes", c, i, Ok(c.api_modes().await?[1].name == Some(ApiMode::Demo))),
    ]
}

fn reports() -> Vec<Command> {
    vec![
        read!(
            "statistics",
            c,
            i,
            Ok(!c.statistics(Report::RequestStats, today(), &PAGE).await?.rows.is_empty())
        ),
        read!("request_stats", c, i, {
            let rows = c.request_stats(today(), &PAGE).await?.items()?;
            let row = rows.iter().find(|row| row.request_id == Some(i.request));
            Ok(row.is_some_and(|row| row.reaction_time == Some(60.0) && row.request_end.is_none()))
        }),
        read!("ratings", c, i, {
            let rows = c.ratings(today(), &PAGE).await?.items()?;
            Ok(rows.len() == 1 && rows[0].rating_scale_score == Some(2.0) && rows[0].created_at.is_some())
        }),
        read!("operator_stats", c, i, {
            let rows = c.operator_stats(today(), &PAGE).await?.items()?;
            Ok(rows.len() == 1
                && rows[0].requests_took_part == Some(2)
                && rows[0].requests_replied_first == Some(2))
        }),
        read!("operator_replies", c, i, {
            let rows = c.operator_replies(today(), &PAGE).await?.items()?;
            Ok(rows.iter().any(|row| row.request_id == Some(i.request) && row.reaction_time == Some(60.0)))
        }),
        read!("operator_events", c, i, {
            let rows = c.operator_events(today(), &PAGE).await?.items()?;
            Ok(rows.iter().any(|row| row.event.as_deref() == Some("take_chat") && row.created_at.is_some()))
        }),
    ]
}

fn walks() -> Vec<Command> {
    vec![
        read!("walk_messages", c, i, {
            let page = c.walk_messages(Start::Id(1)).next().await?;
            Ok(page.is_some_and(|page| page.items().is_ok_and(|rows| rows.iter().any(|m| m.id == i.message))))
        }),
        read!(
            "walk_clients",
            c,
            i,
            Ok(c.walk_clients().next().await?.is_some_and(|page| page.rows.len() == 3))
        ),
        read!(
            "walk_dialogs",
            c,
            i,
            Ok(c.walk_dialogs().next().await?.is_some_and(|page| page.rows.len() == 2))
        ),
        read!(
            "walk_operators",
            c,
            i,
            Ok(c.walk_operators().next().await?.is_some_and(|page| page.rows.len() == 9))
        ),
        read!("walk_operators_groups", c, i, {
            Ok(c.walk_operators_groups().next().await?.is_some_and(|page| page.rows.len() == 3))
        }),
        read!(
            "walk_channels",
            c,
            i,
            Ok(c.walk_channels().next().await?.is_some_and(|page| page.rows.len() == 5))
        ),
        read!("walk_tags", c, i, Ok(c.walk_tags().next().await?.is_some_and(|page| page.rows.len() == 12))),
        read!(
            "walk_templates",
            c,
            i,
            Ok(c.walk_templates().next().await?.is_some_and(|page| page.rows.len() == 2))
        ),
    ]
}
