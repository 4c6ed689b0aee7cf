//! Operators: their accounts and their states.

use chrono::{DateTime, Utc};

use crate::Error;
use crate::chat2desk::model::{Id, Operator, OperatorEvent, World};
use crate::chat2desk::webhooks::{Event, body};

/// The states that an operator can be given (reference 2.2), in the order of their ids from 1: name, signed in, word.
pub(in crate::chat2desk) const STATUSES: [(&str, bool, &str); 4] = [
    ("Online", true, "online"),
    ("Busy", true, "busy"),
    ("Break", true, "break"),
    ("Offline", false, "offline"),
];

impl World {
    /// An operator signs in, is busy, takes a break. A logout by hand raises nothing but the `busy` before it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn operator_status(
        &mut self,
        at: DateTime<Utc>,
        operator: Id,
        online: bool,
        offline_type: Option<&str>,
    ) -> Result<(), Error> {
        let at = self.reach(at);
        let found = self.operators.get_mut(&operator).ok_or(Error::NotFound { what: "operator" })?;
        found.online = online;
        found.offline_type = offline_type.map(str::to_owned).or(found.offline_type.take());
        found.last_visit = at;
        let word = match (online, offline_type) {
            (false, _) => "offline",
            (true, Some("busy")) => "busy",
            (true, Some("break")) => "break",
            (true, _) => "online",
        };
        self.holdings.operator_events.push(OperatorEvent { operator, event: word, at });
        self.emit(Event::OperatorStatusChanged, None, at, |w| body::operator(w, operator, at));
        Ok(())
    }

    /// An operator leaves by hand: the list shows it, no event tells it, and `offline_type` keeps its value.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn operator_leaves(&mut self, at: DateTime<Utc>, operator: Id) -> Result<(), Error> {
        let at = self.reach(at);
        let found = self.operators.get_mut(&operator).ok_or(Error::NotFound { what: "operator" })?;
        found.online = false;
        found.last_visit = at;
        self.holdings.operator_events.push(OperatorEvent { operator, event: "logout", at });
        Ok(())
    }

    /// Gives an operator the state with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] when there is no such state.
    pub fn set_status(&mut self, at: DateTime<Utc>, operator: Id, status: Id) -> Result<(), Error> {
        let index = usize::try_from(status).ok().and_then(|id| id.checked_sub(1));
        let (_, online, word) = index
            .and_then(|index| STATUSES.get(index))
            .ok_or(Error::Invalid { field: "status_id", text: "is not included in the list" })?;
        self.operator_status(at, operator, *online, Some(word))
    }

    /// A new operator account, unconfirmed until its owner follows the link in the letter. Returns its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the address is in use.
    pub fn add_operator(&mut self, at: DateTime<Utc>, email: &str) -> Result<Id, Error> {
        let at = self.reach(at);
        if self.operators.values().any(|operator| operator.email == email) {
            return Err(Error::Invalid { field: "email", text: "has already been taken" });
        }
        let id = self.next.operator;
        self.next.operator += 1;
        let operator = Operator {
            id,
            email: email.into(),
            first_name: String::new(),
            last_name: String::new(),
            role: "unconfirmed".into(),
            online: false,
            offline_type: None,
            last_visit: at,
            phone: None,
            external_id: None,
            bot: false,
        };
        self.operators.insert(id, operator);
        Ok(id)
    }
}
