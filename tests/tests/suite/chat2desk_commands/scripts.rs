//! The commands of the scripts manual, composed from REST.

use std::time::Duration;

use chat2desk::script::{MessageKind, OnlineOperators, ScriptMessage};

use super::scene::{Command, change, now, read};

pub(super) fn commands() -> Vec<Command> {
    reading().into_iter().chain(sending()).collect()
}

fn reading() -> Vec<Command> {
    vec![
        read!("script get_client_info", c, i, Ok(c.script().get_client_info(i.client).await?.id == i.client)),
        read!("script get_operators", c, i, Ok(c.script().get_operators().await?.len() == 9)),
        read!("script get_client_dialogs", c, i, {
            Ok(c.script().get_client_dialogs(i.client).await?[0].id == i.dialog)
        }),
        read!("script get_online_operators", c, i, {
            let online = c.script().get_online_operators(OnlineOperators::All).await?;
            Ok(online.iter().all(|operator| operator.online == Some(true)) && !online.is_empty())
        }),
        read!("script get_questions", c, i, {
            let day = now().date_naive();
            Ok(c.script().get_questions(i.client, day, day).await?.len() == 1)
        }),
        read!("script get_last_question", c, i, {
            Ok(c.script().get_last_question(i.client).await?.is_some_and(|item| item.id == Some(4_321)))
        }),
        read!("script get_unanswered_dialogs", c, i, {
            let waiting = c.script().get_unanswered_dialogs(Duration::from_secs(600)).await?;
            Ok(waiting.len() == 1 && waiting[0].client.as_ref().is_some_and(|client| client.id == i.client))
        }),
        read!("script get_new_messages", c, i, {
            let new = c.script().get_new_messages().await?;
            Ok(!new.is_cut && new.messages.iter().map(|message| message.id).eq([i.new_message]))
        }),
        read!("script get_operators_groups", c, i, Ok(c.script().get_operators_groups().await?.len() == 3)),
        read!("script get_operator_group_ids", c, i, {
            Ok(c.script().get_operator_group_ids(7_001).await? == [301, 303])
        }),
        read!("script operator_in_group", c, i, c.script().operator_in_group(7_001, 303).await),
        read!("script get_company_info", c, i, {
            Ok(c.script().get_company_info().await?.name.as_deref() == Some("Tien-Shan Outdoor"))
        }),
        read!("script get_last_message_id", c, i, {
            // The account lives in January 2026: any span that reaches back there.
            let span = Duration::from_secs(100 * 365 * 86_400);
            Ok(c.script().get_last_message_id(i.dialog, MessageKind::Client, span).await? == Some(i.message))
        }),
        read!("script get_menu_items", c, i, {
            Ok(c.script().get_menu_items(Some(12), Some(2)).await?.len() == 2)
        }),
    ]
}

fn sending() -> Vec<Command> {
    vec![
        change!("script send_message", c, i, {
            let message = ScriptMessage::new(i.client, "From a script");
            Ok(c.script().send_message(&message).await?.message_id.is_some())
        }, world => world.messages.values().any(|message| message.text == "From a script")),
        change!("script send_question", c, i, c.script().send_question(i.client, 4_322).await.map(|_| true),
            world => world.holdings.sent_items.iter().any(|sent| sent.item == 4_322)),
        change!("script transfer_dialog", c, i, {
            Ok(c.script().transfer_dialog(i.dialog, 7_002, Some("please")).await?.is_comment_left_out)
        }, world => world.dialogs[&(i.dialog as i64)].operator == 7_002),
        change!("script transfer_message", c, i, {
            c.script().transfer_message(i.new_message, 7_002, None).await.map(|_| true)
        }, world => world.messages[&(i.new_message as i64)].operator == Some(7_002)),
        change!("script transfer_message_to_group", c, i, {
            c.script().transfer_message_to_group(i.new_message, 301).await.map(|_| true)
        }, world => world.messages[&(i.new_message as i64)].operator.is_some()),
        Command {
            asks_first: true,
            ..change!("script send_template", c, i, {
                Ok(c.script().send_template("hours", i.client).await?.message_id.is_some())
            }, world => world.messages.values().any(|message| message.text.starts_with("We are open from nine")))
        },
        change!("script send_menu_item", c, i, {
            c.script().send_menu_item(i.client, Some(4_322)).await.map(|_| true)
        }, world => world.holdings.sent_items.iter().any(|sent| sent.item == 4_322)),
    ]
}
