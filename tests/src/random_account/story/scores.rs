//! Tags on requests, surveys and the rows of the rating report.

use chrono::Duration;
use serde_json::{Value, json};

use super::super::{SCORE_TAGS, ZONE};
use super::{Contact, Naming, Story};

impl Story<'_> {
    /// A tag without a score, put on and taken off some times.
    pub(super) fn topic(&mut self, contact: &Contact, named: bool) {
        if !named || !self.chance.one_in(3) {
            return;
        }
        for _ in 0..=self.chance.below(4) {
            let hook =
                self.chance.pick(&["add_tag_to_request", "add_tag_to_request", "delete_tag_from_request"]);
            self.tagged(hook, 601, "delivery", contact.id);
            if self.chance.one_in(2) {
                self.pass();
            }
        }
    }

    fn tagged(&mut self, hook: &str, tag: u64, label: &str, request: u64) {
        let label = if self.chance.one_in(5) { Value::Null } else { json!(label) };
        let body = json!({"id": tag, "request_id": request, "client_id": self.maybe(self.client), "label": label,
            "group_name": "Group"});
        self.event(hook, body);
    }

    /// What comes of asking for a score: the survey's own request, its tag, and the row of the report; each maybe.
    pub(super) fn survey(&mut self, contact: &Contact, named: bool) {
        if !named || !self.chance.one_in(3) {
            return;
        }
        self.now += Duration::seconds(self.chance.pick(&[0, 1, 30]));
        // In accounts without surveys, operators tag the contact itself.
        let on_contact = self.chance.one_in(4);
        let valuation = if on_contact { contact.id } else { self.ids.request() };
        let mut survey = Contact {
            id: valuation,
            naming: Naming::Always,
            taken: contact.taken,
            operator: contact.operator,
            first: false,
        };
        if !on_contact {
            if !self.chance.one_in(4) {
                self.opened(&survey, "rating");
            }
            if self.chance.one_in(2) {
                self.survey_says(&mut survey);
                self.pass();
                self.client_says(&mut survey);
            }
        }
        let (tag, label, score) = self.chance.pick(&SCORE_TAGS);
        if !self.chance.one_in(3) {
            self.tagged("add_tag_to_request", tag, label, valuation);
            if self.chance.one_in(3) {
                self.pass();
                self.tagged("delete_tag_from_request", tag, label, valuation);
            }
            if self.chance.one_in(4) {
                let (tag, label, _) = self.chance.pick(&SCORE_TAGS);
                self.tagged("add_tag_to_request", tag, label, valuation);
            }
        }
        if self.chance.one_in(2) {
            let at = self.now.with_timezone(&ZONE).format("%Y-%m-%d %H:%M:%S").to_string();
            let valuation = if on_contact { Value::Null } else { json!(valuation) };
            let score = self.chance.pick(&[score, score, 4, 0]);
            let body = json!({"valuation_request_id": valuation, "request_id": contact.id, "rating_scale_id": 3,
                "rating_scale_score": score, "operator_id": self.maybe(7001), "created_at": at});
            self.listed("statistics?report=rating", body);
        }
        if !on_contact && self.chance.one_in(2) {
            let body = json!({"request_id": survey.id, "client_id": self.maybe(self.client)});
            self.event("close_request", body);
        }
    }
}
