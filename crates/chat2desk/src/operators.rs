//! Operators, their groups, statuses and rights (chat2desk.md 2.1 commands 16, 20; 2.2, 2.6).
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::operators::OperatorFilter;
//!
//! let online = OperatorFilter { online: Some(true), ..OperatorFilter::default() };
//! let idlest = client.find_operators(&online).await?.items()?.into_iter()
//!     .filter(|operator| operator.is_at_work())
//!     .min_by_key(|operator| operator.opened_dialogs.unwrap_or(0));
//! println!("{:?}", idlest.map(|operator| operator.id));
//! # Ok(()) }
//! ```

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::client::{Change, Client};
use crate::error::Error;
use crate::page::{Page, one};
use crate::query::{Fields, Query};
use crate::row::{count, flag, id, ids, map, text, time, veiled_debug, vendor_row, vendor_word, word};

vendor_word! {
    /// Role of an operator.
    pub enum Role {
        /// Did not confirm the e-mail address.
        Unconfirmed = "unconfirmed",
        /// An operator.
        Operator = "operator",
        /// An operator with more rights.
        Supervisor = "supervisor",
        /// An administrator.
        Admin = "admin",
        /// Blocked.
        Disabled = "disabled",
        /// Deleted.
        Deleted = "deleted",
    }
}

vendor_row! {
    /// An operator.
    pub struct Operator {
        @id = "id" | "operator_id" | "operatorID";
        /// Login.
        email: Option<String> = text, "email";
        /// Phone.
        phone: Option<String> = text, "phone";
        /// Role.
        role: Option<Role> = word, "role";
        /// Online; deleted accounts may still say so: [`Operator::is_at_work`].
        online: Option<bool> = flag, "online";
        /// Why offline; keeps its value from before logout.
        offline_type: Option<String> = text, "offline_type";
        /// First name.
        first_name: Option<String> = text, "first_name";
        /// Last name; of a deactivated one it may end in "(deactivated)".
        last_name: Option<String> = text, "last_name";
        /// Last visit to the web application.
        last_visit: Option<DateTime<Utc>> = time, "last_visit";
        /// Address of a picture (later than the manual, so for all below).
        avatar: Option<String> = text, "avatar";
        /// Id in another system.
        external_id: Option<String> = text, "external_id";
        /// Open dialogs.
        opened_dialogs: Option<u64> = count, "opened_dialogs";
        /// Status, see [`Client::operator_statuses`].
        status_id: Option<u64> = id, "status_id";
        /// Its word.
        status: Option<String> = text, "status";
        /// Custom role.
        access_right_id: Option<u64> = id, "access_right_id";
        /// Its name.
        access_right_name: Option<String> = text, "access_right_name";
        /// Whether two factors are needed to log in.
        two_factor: Option<bool> = flag, "two_factor";
    }
}

impl Operator {
    /// Online, and neither deleted nor disabled: both may still say `online`.
    pub fn is_at_work(&self) -> bool {
        self.online == Some(true) && !matches!(self.role, Some(Role::Deleted | Role::Disabled))
    }
}

vendor_row! {
    /// A group of operators.
    pub struct OperatorsGroup {
        @id = "id" | "group_id";
        /// Its name.
        name: Option<String> = text, "name";
        /// Its members.
        operator_ids: Vec<u64> = ids, "operator_ids" | "operators";
    }
}

vendor_row! {
    /// A status that an operator may be in (later than the manual).
    pub struct OperatorStatus {
        @id = "id";
        /// Its names by language.
        name: Map<String, Value> = map, "name";
    }
}

/// Which operators. The service ignores a parameter that it does not know and then returns everything: check the rows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OperatorFilter {
    /// With this phone.
    pub phone: Option<String>,
    /// With this login.
    pub email: Option<String>,
    /// Online or not.
    pub online: Option<bool>,
    /// In this status (later than the manual).
    pub status_id: Option<u64>,
    /// Most rows, at most [`LIMIT_MAX`](crate::LIMIT_MAX); the service's default is 20.
    pub limit: Option<u32>,
    /// Rows to pass over.
    pub offset: Option<u64>,
}

veiled_debug!(OperatorFilter: phone, email, online, status_id, limit, offset);

impl Client {
    /// One page of the operators that pass a filter: `GET /v1/operators`.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands of this module.
    pub async fn find_operators(&self, filter: &OperatorFilter) -> Result<Page<Operator>, Error> {
        let query = Query::default()
            .and("phone", filter.phone.as_ref())
            .and("email", filter.email.as_ref())
            .and("online", filter.online)
            .and("status_id", filter.status_id)
            .and("limit", filter.limit)
            .and("offset", filter.offset);
        Ok(Page::read(&self.read("/v1/operators", query.pairs()).await?)?.of())
    }

    /// One operator: `GET /v1/operators/<id>` (later than the manual).
    pub async fn operator(&self, operator_id: u64) -> Result<Operator, Error> {
        one(&self.read(&format!("/v1/operators/{operator_id}"), &[]).await?)
    }

    /// Every status that an operator may be in: `GET /v1/operators/statuses`, a bare array (later than the manual).
    pub async fn operator_statuses(&self) -> Result<Vec<OperatorStatus>, Error> {
        Page::read(&self.read("/v1/operators/statuses", &[]).await?)?.of().items()
    }

    /// Puts an operator into a status: `PUT /v1/operators/statuses/<operator id>` (later than the manual).
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for a read-only client, else by class; so for all commands that change something.
    pub async fn set_operator_status(&self, operator_id: u64, status_id: u64) -> Result<Answer, Error> {
        let path = format!("/v1/operators/statuses/{operator_id}");
        let body = Fields::default().with("status_id", status_id);
        Answer::parse(&self.change(Change::new(Method::PUT, &path).body(body)).await?)
    }

    /// Makes an operator: `POST /v1/operators` (since 2026-01-27). The fields are not published: take those of
    /// [`Operator`] by their names.
    pub async fn create_operator(&self, fields: &Map<String, Value>) -> Result<Answer, Error> {
        let change = Change::new(Method::POST, "/v1/operators").body(fields.clone());
        Answer::parse(&self.change(change).await?)
    }

    /// Changes an operator: `PUT /v1/operators/<id>` (since 2026-01-27). Neither the fields nor the place of the id are
    /// published; the path is by analogy with clients and dialogs.
    pub async fn update_operator(
        &self,
        operator_id: u64,
        fields: &Map<String, Value>,
    ) -> Result<Answer, Error> {
        let path = format!("/v1/operators/{operator_id}");
        Answer::parse(&self.change(Change::new(Method::PUT, &path).body(fields.clone())).await?)
    }

    /// Custom roles: `GET /v1/access_rights` (since 2026-01-27); their fields are not published.
    pub async fn access_rights(&self) -> Result<Page<Answer>, Error> {
        Ok(Page::read(&self.read("/v1/access_rights", &[]).await?)?.of())
    }

    /// One custom role: `GET /v1/access_rights/<id>` (since 2026-01-27).
    pub async fn access_right(&self, access_right_id: u64) -> Result<Answer, Error> {
        Answer::parse(&self.read(&format!("/v1/access_rights/{access_right_id}"), &[]).await?)
    }
}
