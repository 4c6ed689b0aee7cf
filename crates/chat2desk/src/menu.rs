//! The self-service menu: its items (the vendor's "questions") and sending them (chat2desk.md 2.1 commands 12, 36, 37; 2.2).
//! What a client was sent is [`Client::client_questions`](crate::Client::client_questions).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::menu::MenuFilter;
//!
//! let roots = MenuFilter { level: Some(0), ..MenuFilter::default() };
//! for item in client.menu_items(&roots).await?.items()? {
//!     println!("{:?}", item.id);
//! }
//! client.send_menu_item(330_001, None).await?;
//! # Ok(()) }
//! ```

use reqwest::Method;

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::page::Page;
use crate::query::{Fields, Query};
use crate::row::{id, text, vendor_row};

vendor_row! {
    /// A menu item.
    pub struct MenuItem {
        /// Its id.
        id: Option<u64> = id, "id" | "menu_item_id" | "question_id";
        /// What is sent.
        text: Option<String> = text, "text";
        /// Address of a picture.
        image: Option<String> = text, "image";
    }
}

/// Which menu items (later than the manual).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MenuFilter {
    /// Of this channel; by default of all.
    pub channel_id: Option<u64>,
    /// Of this level. The root is **0** here and 1 in scripts.
    pub level: Option<u32>,
}

impl Client {
    /// Menu items: `GET /v1/scenarios/menu_items` (later than the manual).
    ///
    /// # Errors
    /// By class, see [`Error`].
    pub async fn menu_items(&self, filter: &MenuFilter) -> Result<Page<MenuItem>, Error> {
        let query = Query::default().and("channel_id", filter.channel_id).and("level", filter.level);
        Ok(Page::read(&self.read("/v1/scenarios/menu_items", query.pairs()).await?)?.of())
    }

    /// Sends a menu item to a client, or the root menu without one: `POST /v1/scenarios/send_menu_item` (later than the
    /// manual; the answer is not published).
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class.
    pub async fn send_menu_item(&self, client_id: u64, menu_item_id: Option<u64>) -> Result<Answer, Error> {
        let body = Fields::default().with("client_id", client_id).and("menu_item_id", menu_item_id);
        let change = Change::new(Method::POST, "/v1/scenarios/send_menu_item").body(body);
        Answer::parse(&self.change(change).await?)
    }

    /// Sends a menu item to a client: a GET that changes state, `GET /v1/questions/<id>/send`. The manual does not show
    /// how the client is named; we send `client_id`, as everywhere else.
    ///
    /// # Errors
    /// As [`Self::send_menu_item`].
    pub async fn send_question(&self, question_id: u64, client_id: u64) -> Result<Answer, Error> {
        let query = Query::default().with("client_id", client_id);
        self.change_by_get(&format!("/v1/questions/{question_id}/send"), query).await
    }
}
