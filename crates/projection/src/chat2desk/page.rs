//! What the envelope of a page counts, where the page is about one local day (reference/chat2desk.md 1.5, 2.3, 2.5).

use chat2desk::payload::{Fields, Json, bodies};
use chrono::NaiveDate;
use events::fact::PageCount;
use events::{Delivery, Fact, Observation};

use super::telling::{Source, Telling};
use crate::AccountRules;

/// The count of a page; `None` for pages that are not about a day, and for envelopes that cannot be read.
pub(super) fn count(delivery: &Delivery, rules: &AccountRules) -> Option<Observation> {
    let (list, day) = about(delivery)?;
    let values = bodies(&delivery.body).ok()?;
    let fields = Fields::of(values.first()?)?;
    let telling = Telling::fetched(fields, &Source::new(delivery, rules));
    let whole = |value: &Json<'_>| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let offset = delivery.capture.asked("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let left_out = telling.fields.value(&["left_out"]).and_then(Json::as_list);
    let page = PageCount {
        total: telling.fields.value(&["meta.total"]).and_then(whole),
        rows: telling.fields.value(&["rows"]).and_then(whole),
        left_out: left_out.map(|places| places.len() as u64).filter(|left_out| *left_out > 0),
        offset: Some(offset),
        day: Some(day),
        list: Some(list.clone()),
    };
    Some(telling.observe(format!("{list}@{day}+{offset}"), Fact::PageCount(page)))
}

/// The list and the day that a page is about.
pub(super) fn about(delivery: &Delivery) -> Option<(String, NaiveDate)> {
    let capture = &delivery.capture;
    match capture.list()? {
        // Local days, the last one exclusive; without an end it is more than a day.
        "messages" => {
            let day = |name| NaiveDate::parse_from_str(capture.asked(name)?, "%d-%m-%Y").ok();
            let (first, end) = (day("start_date")?, day("finish_date")?);
            (first.succ_opt() == Some(end)).then(|| ("messages".to_owned(), first))
        }
        "statistics" => {
            let list = match capture.asked("report")? {
                "request_stats" => "requests",
                "rating" => "ratings",
                _ => return None,
            };
            Some((list.to_owned(), capture.asked("date")?.parse().ok()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use events::{Capture, DeliveryIds, PagePart, Platform, Road};

    use super::*;

    fn counted(page: &str, body: &str) -> Option<(String, PageCount)> {
        let at = "2026-01-17T09:00:00Z".parse().unwrap();
        let capture = Capture {
            page: Some(page.to_owned()),
            part: Some(PagePart::Envelope),
            fetched_at: Some(at),
            ..Capture::default()
        };
        let delivery = Delivery {
            id: DeliveryIds::seeded(1).next(at),
            account: "acme".parse().unwrap(),
            platform: Platform::Chat2desk,
            road: Road::Backfill,
            received_at: at,
            capture,
            body: body.as_bytes().to_vec().into(),
        };
        let observation = count(&delivery, &AccountRules::default())?;
        let Fact::PageCount(page) = observation.fact else { return None };
        Some((observation.key, page))
    }

    #[test]
    fn a_page_of_one_day_says_how_many_rows_the_day_has() {
        let (key, page) = counted(
            "statistics?report=rating&date=2026-01-15&limit=200&offset=200",
            r#"{"meta":{"total":"203"},"rows":3,"left_out":[1]}"#,
        )
        .unwrap();
        assert_eq!(key, "ratings@2026-01-15+200");
        assert_eq!(
            (page.total, page.rows, page.offset, page.left_out),
            (Some(203), Some(3), Some(200), Some(1))
        );
        let asked = "messages?start_date=15-01-2026&finish_date=16-01-2026&limit=1&order=asc";
        let (key, page) = counted(asked, r#"{"meta":{"total":70},"rows":1}"#).unwrap();
        assert_eq!((key.as_str(), page.total), ("messages@2026-01-15+0", Some(70)));
    }

    #[test]
    fn a_page_of_more_than_a_day_or_of_nothing_readable_says_nothing() {
        for page in [
            "messages?start_id=1&limit=200&order=asc",
            "messages?start_date=15-01-2026&limit=200&order=asc",
            "messages?start_date=15-01-2026&finish_date=18-01-2026&limit=1",
            "clients?limit=200&offset=0",
            "statistics?report=rating&date=soon",
            "statistics?report=operator_events&date=2026-01-15&limit=200&offset=0",
        ] {
            assert_eq!(counted(page, r#"{"meta":{"total":70},"rows":1}"#), None, "{page}");
        }
        assert_eq!(counted("statistics?report=rating&date=2026-01-15", "<html>"), None);
    }
}
