//! Commands that only read.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{NaiveDate, TimeDelta};

use super::Script;
use super::answers::{CompanyInfo, MessageKind, NewMessages, OnlineOperators, UnansweredDialog};
use crate::clients::{ClientCard, Span};
use crate::dialogs::Dialog;
use crate::error::Error;
use crate::given::{Order, Start};
use crate::lists::LIMIT_MAX;
use crate::menu::{MenuFilter, MenuItem};
use crate::messages::{Message, MessageFilter, MessageType};
use crate::operators::{Operator, OperatorFilter, OperatorsGroup};
use crate::row::{Row, value_of};
use crate::walk::{IdWalk, OffsetWalk, Step, Walker, id_key};

impl Script<'_> {
    /// Names, comment, first and last message, phone and more of a client.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands here.
    pub async fn get_client_info(&self, client_id: u64) -> Result<ClientCard, Error> {
        self.client.client(client_id).await
    }

    /// All operators.
    pub async fn get_operators(&self) -> Result<Vec<Operator>, Error> {
        all(self.client.walk_operators()).await
    }

    /// A client's dialogs. A chat under *New chats* has none yet.
    pub async fn get_client_dialogs(&self, client_id: u64) -> Result<Vec<Dialog>, Error> {
        self.client.client_dialogs(client_id).await?.items()
    }

    /// Operators who are online, by id; those that are deleted or disabled and still say so are left out.
    ///
    /// # Errors
    /// [`Error::NotInRest`] for [`OnlineOperators::WithNewChats`], without a call.
    pub async fn get_online_operators(&self, which: OnlineOperators) -> Result<Vec<Operator>, Error> {
        if which == OnlineOperators::WithNewChats {
            let why = "no answer tells which operators see the new chats";
            return Err(Error::NotInRest { command: "get_online_operators", why });
        }
        let (mut online, mut walk, mut offset) = (BTreeMap::new(), OffsetWalk::default(), 0);
        loop {
            let filter = OperatorFilter {
                online: Some(true),
                limit: Some(LIMIT_MAX),
                offset: Some(offset),
                ..OperatorFilter::default()
            };
            let page = self.client.find_operators(&filter).await?;
            // A filter that the service does not know returns everybody.
            let at_work = page.items()?.into_iter().filter(Operator::is_at_work);
            online.extend(at_work.map(|operator| (operator.id, operator)));
            match walk.after(&page, offset, LIMIT_MAX, id_key) {
                Step::Next(next) => offset = next,
                Step::End => return Ok(online.into_values().collect()),
                Step::Stuck => return Err(Error::Stuck),
            }
        }
    }

    /// Menu items that were sent to a client within local days.
    pub async fn get_questions(
        &self,
        client_id: u64,
        since: NaiveDate,
        until: NaiveDate,
    ) -> Result<Vec<MenuItem>, Error> {
        let span = Span { since: Some(since), until: Some(until) };
        self.client.client_questions(client_id, span).await?.items()
    }

    /// The last menu item that was sent to a client.
    pub async fn get_last_question(&self, client_id: u64) -> Result<Option<MenuItem>, Error> {
        self.client.client_last_question(client_id).await
    }

    /// Dialogs whose client waits longer than `limit`, with the clients. REST lists the dialogs only: each client costs a
    /// call more, and a dialog that does not tell its client another.
    pub async fn get_unanswered_dialogs(&self, limit: Duration) -> Result<Vec<UnansweredDialog>, Error> {
        let mut unanswered = Vec::new();
        for dialog in self.client.unanswered_dialogs(limit).await?.items()? {
            let client = match self.client_of(&dialog).await? {
                Some(id) => match self.client.client(id).await {
                    Ok(card) => Some(card),
                    Err(Error::NotFound) => None,
                    Err(error) => return Err(error),
                },
                None => None,
            };
            unanswered.push(UnansweredDialog { dialog, client });
        }
        Ok(unanswered)
    }

    async fn client_of(&self, dialog: &Dialog) -> Result<Option<u64>, Error> {
        let told = dialog.client_id.or_else(|| dialog.last_message.as_ref()?.client_id);
        if told.is_some() {
            return Ok(told);
        }
        let filter = MessageFilter { dialog_id: Some(dialog.id), limit: Some(1), ..MessageFilter::default() };
        let page = self.client.find_messages(&filter).await?;
        // A service that ignored the filter would name another dialog's client.
        let message = page.items()?.into_iter().find(|message| message.dialog_id == Some(dialog.id));
        Ok(message.and_then(|message| message.client_id))
    }

    /// Messages of new chats: unread messages of clients that belong to no dialog, among the newest 200.
    pub async fn get_new_messages(&self) -> Result<NewMessages, Error> {
        let filter = MessageFilter {
            kind: Some(MessageType::FromClient),
            read: Some(false),
            order: Some(Order::Desc),
            limit: Some(LIMIT_MAX),
            ..MessageFilter::default()
        };
        let page = self.client.find_messages(&filter).await?;
        let mut new = NewMessages {
            messages: Vec::new(),
            undecided: Vec::new(),
            is_cut: page.rows.len() >= page.full(LIMIT_MAX),
        };
        for row in &page.rows {
            let value = value_of(row)?;
            let tells = value.get("dialog_id").is_some();
            let message = Message::read(value)?;
            let is_unread = message.kind == Some(MessageType::FromClient) && message.read != Some(true);
            match (is_unread, tells, message.dialog_id) {
                (true, true, None) => new.messages.push(message),
                (true, false, None) => new.undecided.push(message),
                _ => {}
            }
        }
        Ok(new)
    }

    /// All groups of operators.
    pub async fn get_operators_groups(&self) -> Result<Vec<OperatorsGroup>, Error> {
        all(self.client.walk_operators_groups()).await
    }

    /// The groups of one operator.
    pub async fn get_operator_group_ids(&self, operator_id: u64) -> Result<Vec<u64>, Error> {
        let groups = self.get_operators_groups().await?;
        let of = groups.iter().filter(|group| group.operator_ids.contains(&operator_id));
        Ok(of.map(|group| group.id).collect())
    }

    /// Whether an operator is in a group (outside the manual).
    pub async fn operator_in_group(&self, operator_id: u64, group_id: u64) -> Result<bool, Error> {
        Ok(self.get_operator_group_ids(operator_id).await?.contains(&group_id))
    }

    /// What REST knows of the company: not its schedule, nor whether it is `online` or `offline`
    /// ([`CompanyInfo::NOT_IN_REST`]).
    pub async fn get_company_info(&self) -> Result<CompanyInfo, Error> {
        let api_info = self.client.api_info().await?;
        let info = match self.client.company_info().await {
            Ok(info) => Some(info),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        let name = api_info.company_name.clone();
        let name = name.or_else(|| info.as_ref().and_then(|info| info.text("name")));
        Ok(CompanyInfo { name, api_info, info })
    }

    /// The id of the last message of a kind in a dialog, not older than `span`. Reads the dialog's messages upwards by id,
    /// 200 a call: no order but that one is the same on every service.
    pub async fn get_last_message_id(
        &self,
        dialog_id: u64,
        kind: MessageKind,
        span: Duration,
    ) -> Result<Option<u64>, Error> {
        let span = TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
        let oldest = self.client.clock().now().checked_sub_signed(span);
        let (mut walk, mut from, mut last) = (IdWalk::default(), 1, None);
        loop {
            let filter = MessageFilter {
                start: Some(Start::Id(from)),
                dialog_id: Some(dialog_id),
                order: Some(Order::Asc),
                limit: Some(LIMIT_MAX),
                ..MessageFilter::default()
            };
            let page = self.client.find_messages(&filter).await?;
            for message in page.items()? {
                let fits = message.dialog_id == Some(dialog_id)
                    && kind.is_of(&message)
                    && oldest.is_none_or(|oldest| message.created.is_some_and(|created| created >= oldest));
                if fits {
                    last = last.max(Some(message.id));
                }
            }
            match walk.after(&page, LIMIT_MAX) {
                Step::Next(next) => from = next,
                Step::End => return Ok(last),
                Step::Stuck => return Err(Error::Stuck),
            }
        }
    }

    /// Menu items of a channel, or of all. **The root level is 1 here**, as in scripts; REST counts from 0.
    ///
    /// # Errors
    /// [`Error::NotInRest`] for level 0, without a call.
    pub async fn get_menu_items(
        &self,
        channel_id: Option<u64>,
        level: Option<u32>,
    ) -> Result<Vec<MenuItem>, Error> {
        let level = match level {
            Some(0) => {
                let why = "levels begin at 1 in scripts";
                return Err(Error::NotInRest { command: "get_menu_items", why });
            }
            level => level.map(|level| level - 1),
        };
        self.client.menu_items(&MenuFilter { channel_id, level }).await?.items()
    }
}

async fn all<T: Row>(mut walker: Walker<'_, T>) -> Result<Vec<T>, Error> {
    let mut rows = Vec::new();
    while let Some(page) = walker.next().await? {
        rows.extend(page.items()?);
    }
    Ok(rows)
}
