//! Rows of conversations beside the talk: who held a request, how it was tagged and rated. And what a CRM gets.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{ContentHash, CopyRows, TableRow, row};

row! {
    /// An unbroken holding of a request by one operator.
    AssignmentRow in "assignments", key |row| format!("{}#{}", row.request_key, row.assignment_no), in sql "t.request_key || '#' || t.assignment_no", conflict on "request_key, assignment_no" {
        /// Its request.
        request_key: String,
        /// From 1.
        assignment_no: i32,
        /// Its conversation.
        conversation: String,
        /// Who held it.
        operator_id: String,
        /// From when.
        from_at: DateTime<Utc>,
        /// The next holding, or the last close.
        to_at: Option<DateTime<Utc>>,
        /// `assigned`, `transfer`, `derived`.
        how: String,
        /// From the later of taking over and the message that asks, to the operator's first qualifying reply.
        frt_agent_seconds: Option<f64>,
    }
}

row! {
    /// A tag on a request.
    RequestTagRow in "request_tags", key |row| format!("{}#{}#{}", row.request_key, row.tag_id, row.episode), in sql "t.request_key || '#' || t.tag_id || '#' || t.episode", conflict on "request_key, tag_id, episode" {
        /// The request.
        request_key: String,
        /// The tag.
        tag_id: String,
        /// From 1: it may be put on again.
        episode: i32,
        /// Its conversation.
        conversation: String,
        /// Its label.
        label: Option<String>,
        /// Put on.
        added_at: DateTime<Utc>,
        /// Taken off.
        removed_at: Option<DateTime<Utc>>,
    } told_by {
        /// The delivery that told the putting first.
        delivery_id: Uuid,
    }
}

row! {
    /// A score.
    TagScoreRow in "tag_scores", key |row| format!("{}#{}", row.valuation_request_key, row.scale_id), in sql "t.valuation_request_key || '#' || t.scale_id", conflict on "valuation_request_key, scale_id" {
        /// The survey's own request.
        valuation_request_key: String,
        /// The scale; `""` where there is one.
        scale_id: String,
        /// Its conversation.
        conversation: String,
        /// The client.
        client_id: String,
        /// The rated request.
        request_key: Option<String>,
        /// `tag`, `report`, `both`, `rating`.
        source: String,
        /// When it was given.
        given_at: DateTime<Utc>,
        /// Local day of that.
        local_day: NaiveDate,
        /// The tag that told it.
        tag_id: Option<String>,
        /// Its label.
        label: Option<String>,
        /// The score.
        score: f64,
        /// The best possible one.
        scale: f64,
        /// `good`, `neutral`, `bad`.
        sentiment: String,
        /// The client's words.
        comment: Option<String>,
        /// When it was taken back.
        withdrawn_at: Option<DateTime<Utc>>,
        /// Whose work it rates.
        operator_id: Option<String>,
        /// How `request_key` is known: `given`, `derived`.
        link: Option<String>,
    } told_by {
        /// The delivery that told it first.
        delivery_id: Uuid,
    }
}

row! {
    /// What a CRM gets of a client.
    LeadRow in "leads", key |row| row.client_id.clone(), in sql "t.client_id", conflict on "client_id" {
        /// The client.
        client_id: String,
        /// `<platform>-<account>-<client id>`.
        lead_key: String,
        /// A name, never empty.
        display_name: String,
        /// The phone, E.164.
        phone_e164: Option<String>,
        /// E-mail.
        email: Option<String>,
        /// The messengers, sorted.
        transports: Vec<String>,
        /// Labels of tags.
        tags: Vec<String>,
        /// Who answered last, else who holds the last request.
        operator_id: Option<String>,
        /// The last score.
        last_score: Option<f64>,
        /// The best possible one.
        last_score_scale: Option<f64>,
        /// When it was given.
        last_score_at: Option<DateTime<Utc>>,
        /// First message from the client.
        first_message_at: Option<DateTime<Utc>>,
        /// Last message from the client.
        last_message_at: Option<DateTime<Utc>>,
        /// Deep link to the last dialog.
        dialog_url: Option<String>,
    }
}
