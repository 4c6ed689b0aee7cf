//! Lists walked to their end over the wire.

use chat2desk::statistics::RequestStatsRow;
use chat2desk::walk::MessageCursor;
use chat2desk::{Error, Report, Start};
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::server::{Reply, Server};

/// A page that says how large it may be, so that few rows make a full one.
fn page(ids: &[u64], total: u64, limit: u64) -> Value {
    let rows: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "request_id": id, "created": format!("2026-01-15T09:{id:02}:00 UTC")}))
        .collect();
    json!({"data": rows, "meta": {"total": total, "limit": limit, "offset": 0}, "status": "success"})
}

fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, day).unwrap()
}

#[tokio::test]
async fn messages_are_walked_by_id_and_the_cursor_overlaps_a_quarter_of_an_hour() {
    let server = Server::start().await;
    server.book.answer(&page(&[3, 20], 3, 2));
    server.book.answer(&page(&[30], 3, 2));
    let client = server.reader();
    let mut walk = client.walk_messages(Start::Id(1));
    let mut ids = Vec::new();
    while let Some(page) = walk.next().await.unwrap() {
        ids.extend(page.items().unwrap().iter().map(|message| message.id));
    }
    assert_eq!(ids, [3, 20, 30]);
    assert_eq!(
        server.book.lines(),
        [
            "GET /v1/messages?start_id=1&limit=200&order=asc",
            "GET /v1/messages?start_id=21&limit=200&order=asc"
        ]
    );
    assert_eq!((walk.cursor().resume(), walk.cursor().next()), (20, 31));
    let kept: MessageCursor = serde_json::from_value(serde_json::to_value(walk.cursor()).unwrap()).unwrap();
    assert_eq!(&kept, walk.cursor());
    assert!(walk.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_walk_of_days_finds_its_ids_by_date_and_never_sends_both() {
    let server = Server::start().await;
    server.book.answer(&page(&[40, 41], 2, 200));
    server.book.answer(&page(&[12, 11], 2, 200));
    server.book.answer(&page(&[11, 12, 40, 41], 4, 4));
    let client = server.reader();
    let mut walk = client.walk_messages(Start::Days(day(15), day(16)));
    let page = walk.next().await.unwrap().unwrap();
    assert_eq!(page.items().unwrap().iter().map(|message| message.id).collect::<Vec<_>>(), [11, 12]);
    assert!(walk.next().await.unwrap().is_none());
    assert_eq!(
        server.book.lines(),
        [
            "GET /v1/messages?start_date=17-01-2026&limit=200&order=asc",
            "GET /v1/messages?start_date=15-01-2026&limit=200&order=asc",
            "GET /v1/messages?start_id=11&limit=200&order=asc",
        ]
    );
}

#[tokio::test]
async fn after_an_error_the_same_page_is_asked_for_again() {
    let server = Server::start().await;
    server.book.answer(&page(&[1, 2], 3, 2));
    server.book.reply(Reply::Http(502, "", String::new()));
    server.book.answer(&page(&[3], 3, 2));
    let client = server.reader();
    let mut walk = client.walk_clients();
    assert_eq!(walk.next().await.unwrap().unwrap().rows.len(), 2);
    assert!(walk.next().await.is_err());
    assert_eq!(walk.next().await.unwrap().unwrap().rows.len(), 1);
    assert!(walk.next().await.unwrap().is_none());
    let offsets: Vec<_> = server.book.lines();
    assert_eq!(offsets[1], offsets[2]);
    assert_eq!(offsets[1], "GET /v1/clients?limit=200&offset=2&order=asc");
}

#[tokio::test]
async fn a_service_that_ignores_its_cursor_ends_the_walk_with_an_error_and_no_loop() {
    let server = Server::start().await;
    let client = server.reader();
    for _ in 0..2 {
        server.book.answer(&page(&[1, 2], 9, 2));
    }
    let mut channels = client.walk_channels();
    assert_eq!(channels.next().await.unwrap().unwrap().rows.len(), 2);
    assert_eq!(channels.next().await.unwrap().unwrap().rows.len(), 0, "all of it was given");
    assert!(matches!(channels.next().await, Err(Error::Stuck)));
    assert!(channels.next().await.unwrap().is_none());
    assert_eq!(channels.repeated(), 2);
    for _ in 0..2 {
        server.book.answer(&page(&[1, 2], 9, 2));
    }
    let mut messages = client.walk_messages(Start::Id(1));
    messages.next().await.unwrap();
    messages.next().await.unwrap();
    assert!(matches!(messages.next().await, Err(Error::Stuck)));
    assert!(messages.next().await.unwrap().is_none());
    assert_eq!(server.book.lines().len(), 4);
}

#[tokio::test]
async fn rows_that_shift_while_a_report_is_paged_are_all_given_and_once() {
    let server = Server::start().await;
    // Request 10 begins between the pages: 8 comes twice, and the day is read again for 10.
    server.book.answer(&page(&[9, 8], 3, 2));
    server.book.answer(&page(&[8, 7], 4, 2));
    server.book.answer(&page(&[10, 9], 4, 2));
    server.book.answer(&page(&[8, 7], 4, 2));
    let client = server.reader();
    let mut walk = client.walk_report::<RequestStatsRow>(Report::RequestStats, day(15));
    let mut ids = Vec::new();
    while let Some(page) = walk.next().await.unwrap() {
        ids.extend(page.items().unwrap().iter().filter_map(|row| row.request_id));
    }
    assert_eq!(ids, [9, 8, 7, 10]);
    assert_eq!(walk.repeated(), 4);
}

#[tokio::test]
async fn the_messages_of_a_request_are_a_bare_array_in_either_spelling() {
    let server = Server::start().await;
    server.book.answer(&json!([
        {"id": 2, "type": "out", "created": 1_768_469_460, "clientID": 7, "extra_data": []},
        {"id": 1, "type": "in", "created": 1_768_469_400, "client_id": "7", "extra_data": {"system_type": ""}},
    ]));
    let mut messages = server.reader().request_messages(5).await.unwrap().items().unwrap();
    messages.sort_by_key(|message| (message.created, message.id));
    assert_eq!(
        messages.iter().map(|m| (m.id, m.client_id)).collect::<Vec<_>>(),
        [(1, Some(7)), (2, Some(7))]
    );
}
