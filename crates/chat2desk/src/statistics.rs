//! Reports of one local day (chat2desk.md 2.5). Rows come newest first and shift while they are paged:
//! [`Client::walk_report`](crate::Client::walk_report) copes with that.
//!
//! Times are the company's wall clock without a zone; [`local`](crate::payload::local) makes an instant of them. Numbers
//! come as numbers, as text (`"4.0"`) or as empty text, which is none.
//!
//! ```no_run
//! # async fn example(client: chat2desk::Client) -> Result<(), chat2desk::Error> {
//! use chat2desk::statistics::RatingRow;
//! use chat2desk::{ListQuery, Report};
//!
//! let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 15).unwrap_or_default();
//! for request in client.request_stats(day, &ListQuery::first(200)).await?.items()? {
//!     println!("{:?} answered after {:?} s", request.request_id, request.reaction_time);
//! }
//! let mut scores = client.walk_report::<RatingRow>(Report::Rating, day);
//! while let Some(page) = scores.next().await? {
//!     println!("{} scores", page.rows.len());
//! }
//! # Ok(()) }
//! ```

use chrono::{NaiveDate, NaiveDateTime};

use crate::client::Client;
use crate::error::Error;
use crate::given::Report;
use crate::lists::{ListQuery, Request};
use crate::page::Page;
use crate::row::{count, id, number, text, vendor_row, vendor_word, wall_time, word};

vendor_word! {
    /// Kind of a request.
    pub enum RequestType {
        /// A client's request.
        Common = "common",
        /// The survey for a score, which is a request of its own.
        Rating = "rating",
    }
}

vendor_row! {
    /// A row of `request_stats`: one request. Some times also come split into columns with the suffixes `_d` and `_t`;
    /// those are in `extra`.
    pub struct RequestStatsRow {
        /// The request.
        request_id: Option<u64> = id, "request_id" | "requestID";
        /// Its kind.
        request_type: Option<RequestType> = word, "request_type";
        /// Its start, by the company's clock.
        request_start: Option<NaiveDateTime> = wall_time, "request_start";
        /// Its end; none while it is open.
        request_end: Option<NaiveDateTime> = wall_time, "request_end";
        /// Length in seconds.
        request_time: Option<f64> = number, "request_time";
        /// Seconds to the first answer.
        reaction_time: Option<f64> = number, "reaction_time";
        /// The same within working hours.
        working_reaction_time: Option<f64> = number, "working_reaction_time";
        /// Answers.
        replies: Option<u64> = count, "replies";
        /// Seconds of all answers together.
        total_replies_time: Option<f64> = number, "total_replies_time";
        /// Seconds an answer.
        average_replies_time: Option<f64> = number, "average_replies_time";
        /// Messages of the client.
        incoming_messages: Option<u64> = count, "incoming_messages";
        /// Messages to the client.
        outgoing_messages: Option<u64> = count, "outgoing_messages";
        /// The operator.
        operator_id: Option<u64> = id, "operator_id";
        /// The operator's name; may end in "(deactivated)".
        operator_name: Option<String> = text, "operator_name";
        /// The first operator.
        first_operator_id: Option<u64> = id, "first_operator_id";
        /// The first operator's name.
        first_operator_name: Option<String> = text, "first_operator_name";
        /// The first answer, by the company's clock.
        reply_start: Option<NaiveDateTime> = wall_time, "reply_start";
        /// Messenger.
        transport: Option<String> = text, "transport";
        /// Messenger as shown to people.
        client_messenger: Option<String> = text, "client_messenger";
        /// Channel.
        channel_id: Option<u64> = id, "channel_id";
        /// Channel's name.
        channel_name: Option<String> = text, "channel_name";
        /// Client.
        client_id: Option<u64> = id, "client_id";
        /// Client's name.
        client_name: Option<String> = text, "client_name";
        /// Often no phone, see [`ClientCard`](crate::clients::ClientCard).
        phone: Option<String> = text, "phone";
        /// The real number, when it is known.
        assigned_phone: Option<String> = text, "assigned_phone";
        /// Score; 0 means that there is none.
        rating_scale_score: Option<f64> = number, "rating_scale_score";
        /// What the client wrote to it.
        rating_text: Option<String> = text, "rating_text";
    }
}

vendor_row! {
    /// A row of `rating`: one given score. Its key is request of the survey, request, scale and operator; `rating_id` is
    /// the survey's template, and times of closed days have been seen to move.
    pub struct RatingRow {
        /// The survey's own request.
        valuation_request_id: Option<u64> = id, "valuation_request_id";
        /// The request that was rated.
        request_id: Option<u64> = id, "request_id";
        /// The scale.
        rating_scale_id: Option<u64> = id, "rating_scale_id";
        /// The survey's template: no id of the row.
        rating_id: Option<u64> = id, "rating_id";
        /// The operator.
        operator_id: Option<u64> = id, "operator_id";
        /// The operator's name.
        operator_name: Option<String> = text, "operator_name";
        /// When it was given, by the company's clock.
        created_at: Option<NaiveDateTime> = wall_time, "created_at";
        /// Score.
        rating_scale_score: Option<f64> = number, "rating_scale_score";
        /// Score as it was chosen.
        score_value: Option<String> = text, "score_value";
        /// Client's phone, often none.
        phone: Option<String> = text, "phone";
        /// Channel's name.
        channel_name: Option<String> = text, "channel_name";
    }
}

vendor_row! {
    /// A row of `operator_stats`: an operator, day, channel and transport.
    pub struct OperatorStatsRow {
        /// The operator's name.
        operator_name: Option<String> = text, "operator_name";
        /// The day, as it came.
        date: Option<String> = text, "date";
        /// Channel's name.
        channel_name: Option<String> = text, "channel_name";
        /// Messenger.
        transport: Option<String> = text, "transport";
        /// Requests that the operator took part in.
        requests_took_part: Option<u64> = count, "requests_took_part";
        /// Requests that the operator answered first.
        requests_replied_first: Option<u64> = count, "requests_replied_first";
    }
}

vendor_row! {
    /// A row of `operator_replies`: an operator's part of a request. Reaction times are inflated after a transfer; only the
    /// fields below are known by name, the rest is in `extra`.
    pub struct OperatorRepliesRow {
        /// The request.
        request_id: Option<u64> = id, "request_id";
        /// The operator.
        operator_id: Option<u64> = id, "operator_id";
        /// The operator's name.
        operator_name: Option<String> = text, "operator_name";
        /// Seconds to the first answer.
        reaction_time: Option<f64> = number, "reaction_time";
    }
}

vendor_row! {
    /// A row of `operator_events`: a status or chat event of an operator.
    pub struct OperatorEventRow {
        /// The operator's name.
        operator_name: Option<String> = text, "operator_name";
        /// What happened, as it came: `online`, `tech break`, `take_chat` … See [`OperatorEventRow::normal_event`].
        event: Option<String> = text, "event";
        /// When, by the company's clock.
        created_at: Option<NaiveDateTime> = wall_time, "created_at";
        /// A note to the status.
        state_note: Option<String> = text, "state_note";
    }
}

impl OperatorEventRow {
    /// The event in one spelling: lower case, dots for blanks and underscores, no `status.` before it, `tech.break` for
    /// `tech brake`.
    pub fn normal_event(&self) -> Option<String> {
        let dotted = self.event.as_ref()?.trim().to_lowercase().replace([' ', '_'], ".");
        let event = dotted.strip_prefix("status.").unwrap_or(&dotted);
        Some(if event == "tech.brake" { "tech.break".into() } else { event.to_owned() })
    }
}

impl Client {
    /// One page of a report of one local day, newest row first: `GET /v1/statistics`.
    ///
    /// # Errors
    /// By class, see [`Error`]; so for all commands of this module.
    pub async fn statistics(
        &self,
        report: Report,
        date: NaiveDate,
        query: &ListQuery,
    ) -> Result<Page, Error> {
        self.page(&Request::Statistics(report, date, *query)).await
    }

    /// One page of `request_stats`: the only command that lists requests.
    pub async fn request_stats(
        &self,
        date: NaiveDate,
        query: &ListQuery,
    ) -> Result<Page<RequestStatsRow>, Error> {
        Ok(self.statistics(Report::RequestStats, date, query).await?.of())
    }

    /// One page of `rating`.
    pub async fn ratings(&self, date: NaiveDate, query: &ListQuery) -> Result<Page<RatingRow>, Error> {
        Ok(self.statistics(Report::Rating, date, query).await?.of())
    }

    /// One page of `operator_stats`.
    pub async fn operator_stats(
        &self,
        date: NaiveDate,
        query: &ListQuery,
    ) -> Result<Page<OperatorStatsRow>, Error> {
        Ok(self.statistics(Report::OperatorStats, date, query).await?.of())
    }

    /// One page of `operator_replies`.
    pub async fn operator_replies(
        &self,
        date: NaiveDate,
        query: &ListQuery,
    ) -> Result<Page<OperatorRepliesRow>, Error> {
        Ok(self.statistics(Report::OperatorReplies, date, query).await?.of())
    }

    /// One page of `operator_events`.
    pub async fn operator_events(
        &self,
        date: NaiveDate,
        query: &ListQuery,
    ) -> Result<Page<OperatorEventRow>, Error> {
        Ok(self.statistics(Report::OperatorEvents, date, query).await?.of())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row::Row;

    #[test]
    fn numbers_come_in_quotes_and_absent_ones_as_empty_text() {
        let row =
            RequestStatsRow::read(json!({"request_id": "8800001", "reaction_time": "4.0", "replies": "",
            "request_end": "", "request_start": "2026-01-15 12:30:00", "request_start_d": "2026-01-15"}))
            .unwrap();
        assert_eq!((row.request_id, row.reaction_time, row.replies), (Some(8_800_001), Some(4.0), None));
        assert_eq!((row.request_end, row.request_start.is_some()), (None, true));
        assert_eq!(row.extra.keys().collect::<Vec<_>>(), ["request_start_d"]);
    }

    #[test]
    fn the_spellings_of_an_event_are_one() {
        for spelling in ["tech break", "tech_break", "Tech.Break", "status.tech.break", "tech brake"] {
            let row = OperatorEventRow::read(json!({ "event": spelling })).unwrap();
            assert_eq!(row.normal_event().as_deref(), Some("tech.break"), "{spelling}");
        }
    }
}
