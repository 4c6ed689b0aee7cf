//! The commands of the vendor's Python scripts, by their own names, from outside (chat2desk.md 4.2).
//!
//! A script of the vendor's runs on the vendor's machines and calls `c2d.send_message(…)`. Here the same name does the same
//! through the REST API: `client.script().send_message(…)`. Where REST cannot, the call says so:
//! [`Error::NotInRest`](crate::Error::NotInRest), or a field of the answer.
//!
//! | Command | Through | Differs |
//! |---|---|---|
//! | `send_message` | `POST /v1/messages` | at most 15 a second for all clones of a client |
//! | `send_question` | `GET /v1/questions/<id>/send` | |
//! | `get_client_info` | `GET /v1/clients/<id>` | |
//! | `get_operators` | `GET /v1/operators`, all pages | |
//! | `get_client_dialogs` | `GET /v1/clients/<id>/dialogs` | all of them, not only the current one |
//! | `get_online_operators` | `GET /v1/operators?online=true`, all pages | "with new chats available" is not in REST |
//! | `get_questions` | `GET /v1/clients/<id>/questions` | |
//! | `get_last_question` | `GET /v1/clients/<id>/last_question` | |
//! | `get_unanswered_dialogs` | `GET /v1/dialogs/unanswered` | the clients are asked for one by one |
//! | `get_new_messages` | `GET /v1/messages` | the newest 200 unread messages only |
//! | `transfer_dialog` | `PUT /v1/dialogs/<id>` | no comment |
//! | `transfer_message` | `POST /v1/messages/<id>/assign` | no comment |
//! | `transfer_message_to_group` | `GET /v1/messages/<id>/transfer_to_group` | |
//! | `get_operators_groups` | `GET /v1/operators_groups`, all pages | |
//! | `get_operator_group_ids` | the same | |
//! | `get_company_info` | `GET /v1/companies/api_info`, `/v1/companies/info` | no schedule, no work mode |
//! | `get_last_message_id` | `GET /v1/messages?dialog_id=` | |
//! | `send_template` | `GET /v1/templates`, `POST /v1/messages` | placeholders are sent as they stand |
//! | `get_menu_items` | `GET /v1/scenarios/menu_items` | later than the manual |
//! | `send_menu_item` | `POST /v1/scenarios/send_menu_item` | later than the manual |
//! | `moderate_message` | – | depreciated by the vendor on 2021-02-11 |
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::script::{OnlineOperators, ScriptMessage};
//!
//! let c2d = client.script();
//! for operator in c2d.get_online_operators(OnlineOperators::All).await? {
//!     println!("{} leads {:?} dialogs", operator.id, operator.opened_dialogs);
//! }
//! c2d.send_message(&ScriptMessage::new(330_001, "Good morning")).await?;
//! # Ok(()) }
//! ```

mod answers;
mod reading;
mod sending;

use crate::client::Client;

pub use answers::{
    CompanyInfo, MessageKind, NewMessages, OnlineOperators, ScriptMessage, Transferred, UnansweredDialog,
};

/// The vendor's limit of `send_message`, in force since 2021-12-15; above it the error text begins with `429`.
pub const MESSAGES_PER_SECOND: f64 = 15.0;

/// The script commands of one client.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    client: &'a Client,
}

impl Client {
    /// The commands of the scripts manual.
    pub fn script(&self) -> Script<'_> {
        Script { client: self }
    }
}
