//! What is asked next.

use super::*;

fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> Page {
    let rows: Vec<_> = ids.into_iter().map(|id| format!(r#"{{"id":{id},"request_id":{id}}}"#)).collect();
    let meta = total.map(|total| format!(r#","meta":{{"total":{total}}}"#)).unwrap_or_default();
    Page::read(format!(r#"{{"data":[{}]{meta}}}"#, rows.join(",")).as_bytes()).unwrap()
}

#[test]
fn messages_go_on_behind_the_highest_id_until_a_short_page() {
    let mut walk = IdWalk::default();
    assert_eq!(walk.after(&page([3, 9], Some(3)), 2), Step::Next(10));
    assert_eq!(walk.after(&page([12], Some(3)), 2), Step::End);
    assert_eq!(IdWalk::default().after(&page([], None), 2), Step::End);
}

#[test]
fn messages_stop_when_a_page_brings_no_new_id() {
    let mut walk = IdWalk::default();
    assert_eq!(walk.after(&page([3, 9], None), 2), Step::Next(10));
    assert_eq!(walk.after(&page([3, 9], None), 2), Step::Stuck);
    let nameless = Page::read(br#"[{"text":"a"},{"text":"b"}]"#).unwrap();
    assert_eq!(IdWalk::default().after(&nameless, 2), Step::Stuck);
}

#[test]
fn a_smaller_limit_of_the_service_makes_no_short_page() {
    let body = br#"{"data":[{"id":1},{"id":2}],"meta":{"total":9,"limit":2,"offset":0}}"#;
    assert_eq!(IdWalk::default().after(&Page::read(body).unwrap(), 200), Step::Next(3));
}

#[test]
fn offset_lists_go_on_until_the_total_is_reached() {
    let mut walk = OffsetWalk::default();
    assert_eq!(walk.after(&page([1, 2], Some(4)), 0, 2, id_key), Step::Next(2));
    assert_eq!(walk.after(&page([3, 4], Some(4)), 2, 2, id_key), Step::End);
    let mut exact = OffsetWalk::default();
    assert_eq!(exact.after(&page([1, 2], Some(2)), 0, 2, id_key), Step::End, "no further call");
    let mut grown = OffsetWalk::default();
    assert_eq!(grown.after(&page([1, 2], Some(2)), 0, 2, id_key), Step::End);
}

#[test]
fn rows_inserted_while_paging_are_read_as_the_total_grows() {
    let mut walk = OffsetWalk::default();
    assert_eq!(walk.after(&page([1, 2], Some(3)), 0, 2, id_key), Step::Next(2));
    assert_eq!(walk.after(&page([3, 4], Some(5)), 2, 2, id_key), Step::Next(4));
    assert_eq!(walk.after(&page([5], Some(5)), 4, 2, id_key), Step::End);
    assert_eq!(walk.rows(), 5);
}

#[test]
fn an_ignored_offset_ends_the_walk_as_stuck() {
    let mut walk = OffsetWalk::default();
    assert_eq!(walk.after(&page([1, 2], Some(5)), 0, 2, id_key), Step::Next(2));
    assert_eq!(walk.after(&page([1, 2], Some(5)), 2, 2, id_key), Step::Stuck);
    let mut short = OffsetWalk::default();
    assert_eq!(short.after(&page([1, 2], Some(3)), 0, 2, id_key), Step::Next(2));
    assert_eq!(
        short.after(&page([1, 2], Some(3)), 2, 2, id_key),
        Step::Stuck,
        "two pages would do, and row 3 is missing"
    );
}

#[test]
fn a_list_without_meta_ends_at_a_short_page() {
    let mut walk = OffsetWalk::default();
    assert_eq!(walk.after(&page([1, 2], None), 0, 2, id_key), Step::Next(2));
    assert_eq!(walk.after(&page([3], None), 2, 2, id_key), Step::End);
}

#[test]
fn a_quiet_day_of_a_report_costs_no_further_call() {
    let mut walk = ReportWalk::new(Report::RequestStats);
    assert_eq!(walk.after(&page([9, 8], Some(3)), 0, 2), Step::Next(2));
    assert_eq!(walk.after(&page([7], Some(3)), 2, 2), Step::End);
}

#[test]
fn a_day_that_grew_is_read_again_until_nothing_is_new() {
    let mut walk = ReportWalk::new(Report::RequestStats);
    assert_eq!(walk.after(&page([9, 8], Some(3)), 0, 2), Step::Next(2));
    assert_eq!(walk.after(&page([8, 7], Some(4)), 2, 2), Step::Next(0), "10 came in front");
    assert_eq!(walk.after(&page([10, 9], Some(4)), 0, 2), Step::Next(2));
    assert_eq!(walk.after(&page([8, 7], Some(4)), 2, 2), Step::End);
}

#[test]
fn a_day_that_shrank_is_read_again_whole() {
    let mut walk = ReportWalk::new(Report::Rating);
    assert_eq!(walk.after(&page([9, 8], Some(5)), 0, 2), Step::Next(2));
    assert_eq!(walk.after(&page([6, 5], Some(4)), 2, 2), Step::Next(0), "9 went, 7 was passed over");
    assert_eq!(walk.after(&page([8, 7], Some(4)), 0, 2), Step::Next(2));
    assert_eq!(walk.after(&page([6, 5], Some(4)), 2, 2), Step::End);
}

#[test]
fn a_rating_row_is_told_by_its_four_ids_in_either_spelling() {
    let key = |row: &str| rating_key(&serde_json::from_str::<Box<RawValue>>(row).unwrap());
    let row =
        r#"{"valuation_request_id":1,"request_id":2,"rating_scale_id":3,"operator_id":4,"created_at":"x"}"#;
    assert_eq!(key(row), key(&row.replace("\"x\"", "\"y\"").replace("2,", "\"2\",")));
    assert_ne!(key(row), key(&row.replace("\"operator_id\":4", "\"operator_id\":5")));
}
