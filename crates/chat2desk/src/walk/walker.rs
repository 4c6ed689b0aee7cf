//! Walks that do their own calls.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::value::RawValue;

use super::{IdWalk, MessageCursor, OffsetWalk, ReportWalk, Step, hashed, id_key};
use crate::channels::Channel;
use crate::client::Client;
use crate::clients::ClientCard;
use crate::dialogs::Dialog;
use crate::error::Error;
use crate::given::{Report, Start};
use crate::lists::{LIMIT_MAX, List, ListQuery, MessagesQuery, Request};
use crate::messages::Message;
use crate::operators::{Operator, OperatorsGroup};
use crate::page::{Page, row_id};
use crate::row::{Row, value_of};
use crate::tags::Tag;
use crate::templates::Template;

/// Walks a list by offset to its end, 200 rows a call.
///
/// ```no_run
/// # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
/// let mut clients = client.walk_clients();
/// while let Some(page) = clients.next().await? {
///     for card in page.items()? {
///         println!("{}", card.id);
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Walker<'a, T> {
    client: &'a Client,
    what: What,
    offset: Option<u64>,
    /// Rows that were given, by their bytes.
    given: HashSet<u64>,
    repeated: u64,
    is_stuck: bool,
    kind: std::marker::PhantomData<fn() -> T>,
}

#[derive(Debug)]
enum What {
    List(List, OffsetWalk),
    Report(Report, NaiveDate, ReportWalk),
}

impl<'a, T> Walker<'a, T> {
    fn new(client: &'a Client, what: What) -> Self {
        let (given, kind) = (HashSet::new(), std::marker::PhantomData);
        Self { client, what, offset: Some(0), given, repeated: 0, is_stuck: false, kind }
    }

    /// The next page; `None` when all rows were read. A row comes once, or again when it changed while the walk went on:
    /// then the later one counts. After an error the same page is asked for again.
    ///
    /// # Errors
    /// By class, see [`Error`]. [`Error::Stuck`] once, when the service ignores `offset`: what it gives without was given.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, Error> {
        if std::mem::take(&mut self.is_stuck) {
            return Err(Error::Stuck);
        }
        let Some(offset) = self.offset else { return Ok(None) };
        let query = ListQuery { offset, limit: LIMIT_MAX };
        let (mut page, step) = match &mut self.what {
            What::List(list, walk) => {
                let page = self.client.page(&Request::List(*list, query)).await?;
                let step = walk.after(&page, offset, LIMIT_MAX, id_key);
                (page, step)
            }
            What::Report(report, date, walk) => {
                let page = self.client.page(&Request::Statistics(*report, *date, query)).await?;
                let step = walk.after(&page, offset, LIMIT_MAX);
                (page, step)
            }
        };
        self.offset = match step {
            Step::Next(offset) => Some(offset),
            Step::End | Step::Stuck => None,
        };
        self.is_stuck = step == Step::Stuck;
        let before = page.rows.len();
        page.rows.retain(|row| self.given.insert(hashed(row.get())));
        self.repeated += (before - page.rows.len()) as u64;
        Ok(Some(page.of()))
    }

    /// Rows that came again unchanged, and were left out.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }
}

/// Walks messages upwards by id to the newest, or to the end of a day, 200 a call.
///
/// ```no_run
/// # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
/// use chat2desk::Start;
///
/// let mut messages = client.walk_messages(Start::Id(1));
/// while let Some(page) = messages.next().await? {
///     println!("{} messages", page.rows.len());
/// }
/// let cursor = messages.cursor().clone();
/// // Later: what is new, and the last quarter of an hour again.
/// let mut newer = client.walk_messages(Start::Id(cursor.resume()));
/// # newer.next().await?; Ok(()) }
/// ```
#[derive(Debug)]
pub struct MessageWalker<'a> {
    client: &'a Client,
    at: At,
    /// Ids below this one.
    until: u64,
    walk: IdWalk,
    cursor: MessageCursor,
}

/// What a walk of messages does next.
#[derive(Clone, Copy, Debug)]
enum At {
    /// Where does the day after the last one begin?
    Behind(NaiveDate, NaiveDate),
    /// Where does this day begin? The service takes a date or an id, never both.
    Day(NaiveDate),
    Id(u64),
    Stuck,
    End,
}

impl MessageWalker<'_> {
    /// The next page; `None` when all were read. After an error the same page is asked for again. A walk that starts with a
    /// day costs a call to find its first id, one that ends with a day another.
    ///
    /// # Errors
    /// By class, see [`Error`]. [`Error::Stuck`] once, when the service ignores `start_id`.
    pub async fn next(&mut self) -> Result<Option<Page<Message>>, Error> {
        loop {
            match self.at {
                At::Behind(since, until) => {
                    if let Some(behind) = self.first_of(until.succ_opt().unwrap_or(until)).await? {
                        self.until = behind;
                    }
                    self.at = At::Day(since);
                }
                At::Day(day) => self.at = self.first_of(day).await?.map_or(At::End, At::Id),
                At::Id(id) => return self.from(id).await.map(Some),
                At::Stuck => {
                    self.at = At::End;
                    return Err(Error::Stuck);
                }
                At::End => return Ok(None),
            }
        }
    }

    /// Where a later walk goes on, once the rows of the last page are safe.
    pub fn cursor(&self) -> &MessageCursor {
        &self.cursor
    }

    /// The lowest id of a day's first page: an imported message may stand first with a high one.
    async fn first_of(&self, day: NaiveDate) -> Result<Option<u64>, Error> {
        let query = MessagesQuery { start: Start::Day(day), limit: LIMIT_MAX };
        let page = self.client.messages(&query).await?;
        Ok(page.rows.iter().filter_map(|row| row_id(row)).min())
    }

    async fn from(&mut self, id: u64) -> Result<Page<Message>, Error> {
        let query = MessagesQuery { start: Start::Id(id), limit: LIMIT_MAX };
        let mut page = self.client.messages(&query).await?;
        let step = self.walk.after(&page, LIMIT_MAX);
        page.rows.retain(|row| row_id(row).is_none_or(|id| id < self.until));
        self.at = match step {
            Step::Next(next) if next < self.until => At::Id(next),
            Step::Stuck => At::Stuck,
            Step::Next(_) | Step::End => At::End,
        };
        let now = self.client.clock().now();
        for row in &page.rows {
            if let Some(id) = row_id(row) {
                self.cursor.note(id, made_at(row), now);
            }
        }
        Ok(page)
    }
}

fn made_at(row: &RawValue) -> Option<DateTime<Utc>> {
    Message::read(value_of(row).ok()?).ok()?.created
}

impl Client {
    /// Walks messages from an id or a day on. The last day of [`Start::Days`] is where its ids end: a message with a later
    /// id belongs to a later day.
    pub fn walk_messages(&self, start: Start) -> MessageWalker<'_> {
        let at = match start {
            Start::Id(id) => At::Id(id),
            Start::Day(day) => At::Day(day),
            Start::Days(since, until) => At::Behind(since, until),
        };
        let (walk, cursor) = (IdWalk::default(), MessageCursor::default());
        MessageWalker { client: self, at, until: u64::MAX, walk, cursor }
    }

    /// Walks a list whose rows are read as `T`.
    pub fn walk<T: Row>(&self, list: List) -> Walker<'_, T> {
        Walker::new(self, What::List(list, OffsetWalk::default()))
    }

    /// Walks all clients.
    pub fn walk_clients(&self) -> Walker<'_, ClientCard> {
        self.walk(List::Clients)
    }

    /// Walks all dialogs.
    pub fn walk_dialogs(&self) -> Walker<'_, Dialog> {
        self.walk(List::Dialogs)
    }

    /// Walks all operators.
    pub fn walk_operators(&self) -> Walker<'_, Operator> {
        self.walk(List::Operators)
    }

    /// Walks all groups of operators.
    pub fn walk_operators_groups(&self) -> Walker<'_, OperatorsGroup> {
        self.walk(List::OperatorsGroups)
    }

    /// Walks all channels. Where the service ignores `offset` and there are more than 200, it ends in [`Error::Stuck`].
    pub fn walk_channels(&self) -> Walker<'_, Channel> {
        self.walk(List::Channels)
    }

    /// Walks all tags.
    pub fn walk_tags(&self) -> Walker<'_, Tag> {
        self.walk(List::Tags)
    }

    /// Walks all templates.
    pub fn walk_templates(&self) -> Walker<'_, Template> {
        self.walk(List::Templates)
    }

    /// Walks one local day of a report, newest row first.
    pub fn walk_report<T: Row>(&self, report: Report, date: NaiveDate) -> Walker<'_, T> {
        Walker::new(self, What::Report(report, date, ReportWalk::new(report)))
    }
}
