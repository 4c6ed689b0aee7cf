//! Rows of the statistics reports: times are the company's local ones (reference/chat2desk.md 2.5).

use chat2desk::payload::alias;
use events::fact::{RatingReport, RequestReport};
use events::{Fact, Observation};

use super::telling::{Reject, Telling, missing};
use super::webhook::request_kind;

type Read = Result<Vec<Observation>, Reject>;

/// A row of `request_stats`: boundaries and kind of a request, after the fact.
pub(super) fn request(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let id = fields.id(alias::REQUEST)?.ok_or_else(|| missing("request id"))?;
    let row = RequestReport {
        request_id: Some(id.clone()),
        client_id: fields.id(alias::CLIENT)?,
        channel_id: fields.id(alias::CHANNEL)?,
        transport: fields.text(&["transport"]),
        request_kind: fields.text(&["request_type"]).and_then(|kind| request_kind(&kind)),
        opened_at: telling.time(&["request_start"]),
        closed_at: telling.time(&["request_end"]),
        operator_id: fields.id_if_readable(alias::OPERATOR),
        first_operator_id: fields.id_if_readable(&["first_operator_id"]),
        reaction_seconds: fields.number(&["reaction_time"]),
        replies: fields.number(&["replies"]),
        average_reply_seconds: fields.number(&["average_replies_time"]),
    };
    Ok(vec![telling.observe(id, Fact::RequestReport(row))])
}

/// A row of `rating`. Its key leaves the time out: the vendor shifts it. A score of 0 means "none".
pub(super) fn rating(telling: &Telling<'_>) -> Read {
    let fields = &telling.fields;
    let valuation = fields.id(&["valuation_request_id"])?;
    let request = fields.id(alias::REQUEST)?;
    if valuation.is_none() && request.is_none() {
        return Err(missing("request id"));
    }
    // Part of a key: short, whatever the vendor sends.
    let scale: String = fields.text(&["rating_scale_id"]).unwrap_or_default().chars().take(80).collect();
    let operator = fields.id_if_readable(alias::OPERATOR);
    let score = |alias: &[&str]| fields.number(alias).filter(|score| *score != 0.0);
    let part = |id: &Option<String>| id.clone().unwrap_or_default();
    let key = format!("{}:{}:{scale}:{}", part(&valuation), part(&request), part(&operator));
    let row = RatingReport {
        valuation_request_id: valuation,
        request_id: request,
        scale_id: Some(scale),
        operator_id: operator,
        score: score(&["rating_scale_score"]).or_else(|| score(&["score_value"])),
        comment: fields.text(&["rating_text"]),
        at: telling.time(&["created_at"]),
    };
    Ok(vec![telling.observe(key, Fact::RatingReport(row))])
}
