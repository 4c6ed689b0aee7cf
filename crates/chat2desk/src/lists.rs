//! The lists, and how each is asked for.

use std::fmt;

use chrono::NaiveDate;

use crate::channels::Channel;
use crate::client::Client;
use crate::clients::ClientCard;
use crate::dialogs::Dialog;
use crate::error::Error;
use crate::given::{Report, Start};
use crate::messages::Message;
use crate::operators::{Operator, OperatorsGroup};
use crate::page::Page;
use crate::tags::Tag;
use crate::templates::Template;

/// The highest `limit` that the vendor grants (chat2desk.md 1.5).
pub const LIMIT_MAX: u32 = 200;

/// A list that is walked by `offset`, or not paged at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// `/v1/clients`
    Clients,
    /// `/v1/dialogs`
    Dialogs,
    /// `/v1/operators`
    Operators,
    /// `/v1/operators_groups`
    OperatorsGroups,
    /// `/v1/channels`; `offset` may be ignored.
    Channels,
    /// `/v1/tags`
    Tags,
    /// `/v1/templates`; whether it is paged is not stated.
    Templates,
}

impl List {
    /// Its name: the last part of its path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Dialogs => "dialogs",
            Self::Operators => "operators",
            Self::OperatorsGroups => "operators_groups",
            Self::Channels => "channels",
            Self::Tags => "tags",
            Self::Templates => "templates",
        }
    }

    /// Whether `order=asc` is known, which keeps new rows behind the cursor.
    const fn is_ordered(self) -> bool {
        matches!(self, Self::Clients | Self::Dialogs)
    }
}

/// Which part of a list: rows from `offset`, at most `limit` (1 to [`LIMIT_MAX`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Rows to pass over.
    pub offset: u64,
    /// Most rows.
    pub limit: u32,
}

impl ListQuery {
    /// The first page.
    pub const fn first(limit: u32) -> Self {
        Self { offset: 0, limit }
    }
}

/// Which messages, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagesQuery {
    /// From where on.
    pub start: Start,
    /// Most rows (1 to [`LIMIT_MAX`]).
    pub limit: u32,
}

/// One call for a page of any list: what a walker asks for next. Its `Display` is the list's name and its query, for
/// instance `messages?start_id=900001&limit=200&order=asc`; it holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Messages.
    Messages(MessagesQuery),
    /// A list by offset.
    List(List, ListQuery),
    /// A report of one local day.
    Statistics(Report, NaiveDate, ListQuery),
}

impl Request {
    /// The list's name, as in the path.
    pub const fn list(&self) -> &'static str {
        match self {
            Self::Messages(_) => "messages",
            Self::List(list, _) => list.name(),
            Self::Statistics(..) => "statistics",
        }
    }

    /// Most rows that it asks for.
    pub const fn limit(&self) -> u32 {
        match self {
            Self::Messages(query) => query.limit,
            Self::List(_, query) | Self::Statistics(_, _, query) => query.limit,
        }
    }

    /// The same call for at most `limit` rows: one row is enough to learn a list's total.
    #[must_use]
    pub fn limited(mut self, most: u32) -> Self {
        match &mut self {
            Self::Messages(query) => query.limit = most,
            Self::List(_, query) | Self::Statistics(_, _, query) => query.limit = most,
        }
        self
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let offset = |query: &ListQuery| {
            vec![("limit", query.limit.to_string()), ("offset", query.offset.to_string())]
        };
        match self {
            Self::Messages(MessagesQuery { start, limit }) => {
                let mut query = start.pairs();
                query.push(("limit", limit.to_string()));
                query.push(("order", "asc".into()));
                query
            }
            Self::List(list, query) => {
                let mut query = offset(query);
                if list.is_ordered() {
                    query.push(("order", "asc".into()));
                }
                query
            }
            Self::Statistics(report, date, query) => {
                let mut pairs = vec![("report", report.name().to_owned()), ("date", date.to_string())];
                pairs.extend(offset(query));
                pairs
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list())?;
        for (place, (key, value)) in self.query().iter().enumerate() {
            write!(f, "{}{key}={value}", if place == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl Client {
    /// One page of any list.
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn page(&self, request: &Request) -> Result<Page, Error> {
        Page::read(&self.read(&format!("/v1/{}", request.list()), &request.query()).await?)
    }

    /// `/v1/messages`, oldest first; `offset` does not exist here: the service ignores it (chat2desk.md 1.5).
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all lists.
    pub async fn messages(&self, query: &MessagesQuery) -> Result<Page<Message>, Error> {
        Ok(self.page(&Request::Messages(*query)).await?.of())
    }

    /// `/v1/clients`, oldest first where the service honours `order`.
    pub async fn clients(&self, query: &ListQuery) -> Result<Page<ClientCard>, Error> {
        Ok(self.page(&Request::List(List::Clients, *query)).await?.of())
    }

    /// `/v1/dialogs`, oldest first where the service honours `order`.
    pub async fn dialogs(&self, query: &ListQuery) -> Result<Page<Dialog>, Error> {
        Ok(self.page(&Request::List(List::Dialogs, *query)).await?.of())
    }

    /// `/v1/operators`.
    pub async fn operators(&self, query: &ListQuery) -> Result<Page<Operator>, Error> {
        Ok(self.page(&Request::List(List::Operators, *query)).await?.of())
    }

    /// `/v1/operators_groups`.
    pub async fn operators_groups(&self, query: &ListQuery) -> Result<Page<OperatorsGroup>, Error> {
        Ok(self.page(&Request::List(List::OperatorsGroups, *query)).await?.of())
    }

    /// `/v1/channels`; `offset` may be ignored.
    pub async fn channels(&self, query: &ListQuery) -> Result<Page<Channel>, Error> {
        Ok(self.page(&Request::List(List::Channels, *query)).await?.of())
    }

    /// `/v1/tags`.
    pub async fn tags(&self, query: &ListQuery) -> Result<Page<Tag>, Error> {
        Ok(self.page(&Request::List(List::Tags, *query)).await?.of())
    }

    /// `/v1/templates`: the prepared answers of the operators.
    pub async fn templates(&self, query: &ListQuery) -> Result<Page<Template>, Error> {
        Ok(self.page(&Request::List(List::Templates, *query)).await?.of())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_shows_its_list_and_query() {
        let date = NaiveDate::from_ymd_opt(2026, 1, 15).unwrap();
        for (request, shown) in [
            (
                Request::Messages(MessagesQuery { start: Start::Id(900_001), limit: 200 }),
                "messages?start_id=900001&limit=200&order=asc",
            ),
            (
                Request::Messages(MessagesQuery { start: Start::Day(date), limit: 200 }),
                "messages?start_date=15-01-2026&limit=200&order=asc",
            ),
            (
                Request::Messages(MessagesQuery { start: Start::Days(date, date), limit: 1 }),
                "messages?start_date=15-01-2026&finish_date=16-01-2026&limit=1&order=asc",
            ),
            (Request::List(List::Tags, ListQuery::first(200)), "tags?limit=200&offset=0"),
            (
                Request::List(List::Clients, ListQuery { offset: 400, limit: 200 }),
                "clients?limit=200&offset=400&order=asc",
            ),
            (
                Request::Statistics(Report::Rating, date, ListQuery::first(200)),
                "statistics?report=rating&date=2026-01-15&limit=200&offset=0",
            ),
        ] {
            assert_eq!(request.to_string(), shown);
        }
    }
}
