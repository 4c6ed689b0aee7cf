//! Where a request begins and ends, and why there.

use store::tables::RequestRow;

use super::{Part, Step, Telling};

/// How a request was cut, opened and closed.
pub(super) fn steps<'a>(telling: &Telling<'a>, row: &'a RequestRow) -> Vec<Step> {
    let key = row.request_key.as_str();
    let step = |at, what: String| Step::new(Part::Cut, Some(key), at, what);
    let of_message = telling
        .messages_of(key)
        .find(|message| message.sent_at == row.opened_at)
        .map(|message| (format!("its message {}", message.message_id), message.delivery_id));
    let first_message = telling
        .messages_of(key)
        .next()
        .map(|message| (format!("its message {}", message.message_id), message.delivery_id));
    let said = |found: Option<(&'static str, uuid::Uuid)>| found.map(|(what, by)| (what.to_owned(), by));
    let (why, by) = said(telling.evidence.opening(key, row.opened_at))
        .or(of_message)
        .or_else(|| said(telling.evidence.reported_opening(key, row.opened_at)))
        .or(first_message)
        .map_or_else(|| ("its closing".to_owned(), row.started_by_delivery), |(why, by)| (why, Some(by)));
    let how = match row.segmentation.as_str() {
        "given" => "given: its id is the platform's",
        _ => "derived: its messages name no request",
    };
    let mut steps =
        vec![step(Some(row.opened_at), format!("request {key} is {how}; opened by {why}")).by(by)];
    if row.kind != "common" || row.initiated_by == "company" {
        let kind = match row.kind.as_str() {
            "rating" => "a survey: no contact",
            "continuous" => "a continuous chat",
            "offline" => "left while nobody was there",
            _ => "begun by the company",
        };
        steps.push(step(Some(row.opened_at), format!("it is {kind}")).by(row.started_by_delivery));
    }
    let Some(closed_at) = row.closed_at else {
        steps.push(step(None, "still open".to_owned()));
        return steps;
    };
    let reason = row.close_reason.as_deref().unwrap_or("unknown");
    let found = telling.evidence.closing(key, row.dialog_id.as_deref(), closed_at);
    let (why, by) = match (reason, found) {
        ("superseded", _) | (_, None) => {
            let next = telling
                .folded
                .requests
                .iter()
                .find(|next| next.opened_at == closed_at && next.request_key != row.request_key);
            match next {
                Some(next) => {
                    (format!("the opening of request {}", next.request_key), next.started_by_delivery)
                }
                None => ("what ended the talk".to_owned(), row.ended_by_delivery),
            }
        }
        (_, Some((why, by))) => (why.to_owned(), Some(by)),
    };
    let detail = row.close_detail.as_deref().map_or_else(String::new, |word| {
        format!(", the vendor's word is {:?}", word.chars().take(40).collect::<String>())
    });
    steps.push(step(Some(closed_at), format!("closed by {why}; reason {reason}{detail}")).by(by));
    steps
}
