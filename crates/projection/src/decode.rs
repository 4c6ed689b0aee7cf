//! From a delivery to observations and rejections: one policy, live and in a rebuild (design.md promise 5).

use events::{Delivery, Fate, Observation, Platform, RejectReason, Rejection};

use crate::AccountRules;

/// What one delivery says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The facts, each as this delivery tells it.
    pub observations: Vec<Observation>,
    /// The parts that could not be read.
    pub rejections: Vec<Rejection>,
    /// How many parts were read (a part may tell no fact: the envelope of a page).
    pub read: u32,
}

impl Decoded {
    /// What became of the delivery.
    pub fn fate(&self) -> Fate {
        match (self.rejections.is_empty(), self.read) {
            (true, _) => Fate::Decoded,
            (false, 0) => Fate::Rejected,
            (false, _) => Fate::PartlyRejected,
        }
    }

    /// All of it rejected for one reason.
    pub fn rejected(reason: RejectReason, detail: impl Into<String>) -> Self {
        let rejection = Rejection { part: 0, reason, detail: detail.into(), listed: None };
        Self { rejections: vec![rejection], ..Self::default() }
    }
}

/// Decodes a delivery. Total: never panics, whatever the bytes; never looks at a clock.
pub fn decode(delivery: &Delivery, rules: &AccountRules) -> Decoded {
    if let Some(authenticity) = delivery.capture.authenticity
        && !authenticity.passes()
    {
        let detail = format!("signature {} under policy {}", authenticity.signature, authenticity.policy);
        return Decoded::rejected(RejectReason::BadSignature, detail);
    }
    match delivery.platform {
        Platform::Chat2desk => crate::chat2desk::translate(delivery, rules),
        Platform::Livechat => {
            Decoded::rejected(RejectReason::UnknownFormat, "livechat deliveries need a later version")
        }
    }
}
