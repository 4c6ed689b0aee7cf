//! What a person asks for, and which row a fact leads to.

use events::Fact;
use store::trace::Traced;
use uuid::Uuid;

/// What is to be traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A delivery.
    Delivery(Uuid),
    /// A row of one kind.
    Row(Traced, String),
    /// Whatever has this id.
    Anything(String),
}

impl Asked {
    /// From what was written: `kind:id`, a delivery id, or an id alone.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        if let Some((kind, id)) = text.split_once(':') {
            if kind == "delivery"
                && let Ok(id) = Uuid::try_parse(id)
            {
                return Self::Delivery(id);
            }
            if let Some(what) = Traced::ALL.into_iter().find(|what| what.word() == kind) {
                return Self::Row(what, id.to_owned());
            }
        }
        Uuid::try_parse(text).map_or_else(|_| Self::Anything(text.to_owned()), Self::Delivery)
    }

    /// The rows to look for.
    pub(crate) fn rows(&self) -> Vec<(Traced, &str)> {
        match self {
            Self::Delivery(_) => Vec::new(),
            Self::Row(what, key) => vec![(*what, key)],
            Self::Anything(key) => Traced::ALL.into_iter().map(|what| (what, key.as_str())).collect(),
        }
    }
}

/// The row that a fact leads to.
pub(super) fn row_of(fact: &Fact, key: &str) -> Option<(Traced, String)> {
    match fact {
        Fact::Message(_) => Some((Traced::Message, key.to_owned())),
        Fact::RequestOpened(_) | Fact::RequestClosed(_) | Fact::RequestReport(_) => {
            Some((Traced::Request, key.to_owned()))
        }
        Fact::Tagging(tagging) => Some((Traced::Score, tagging.request_id.clone()?)),
        Fact::RatingReport(rating) => {
            Some((Traced::Score, rating.valuation_request_id.clone().or(rating.request_id.clone())?))
        }
        Fact::ClientCard(_) => Some((Traced::Lead, key.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_with_and_without_their_kind() {
        let id = "019a6f3e-7c11-7a52-9c4e-0d8f5a1b2c3d";
        assert!(matches!(Asked::read(id), Asked::Delivery(_)));
        assert!(matches!(Asked::read(&format!("delivery:{id}")), Asked::Delivery(_)));
        assert_eq!(Asked::read(" score:88 "), Asked::Row(Traced::Score, "88".to_owned()));
        assert_eq!(Asked::read("88").rows().len(), 5);
        assert_eq!(Asked::read("odd:88"), Asked::Anything("odd:88".to_owned()));
    }
}
