//! What people and programs read.

use chrono_tz::Tz;

use super::super::ReportFormat;
use super::super::period::Period;
use super::super::tests::assert_defined;
use super::super::text::WIDTH;
use super::*;

fn summary(n: i64, p50: f64) -> Summary {
    Summary {
        n,
        mean: Some(p50),
        p50: Some(p50),
        p90: Some(p50 * 6.0),
        p95: Some(p50 * 8.0),
        max: Some(p50 * 40.0),
        within_target: Some(0.874),
        unanswered: 1234,
        waiting: 567,
    }
}

fn report(by: By, rows: Vec<Row>) -> ResponseTimes<'static> {
    ResponseTimes {
        about: About {
            account: "acme",
            zone: Tz::Asia__Almaty,
            period: Period { from: "2026-10-01".parse().ok(), to: "2026-10-07".parse().ok() },
        },
        by,
        rules: Rules::Chatledger,
        target_seconds: 120.0,
        as_of: "2026-10-07T19:00:00Z".parse().unwrap(),
        rows,
    }
}

fn row(label: &str) -> Row {
    Row {
        key: "1".to_owned(),
        label: label.to_owned(),
        requests: 123_456,
        left_out: 1234,
        first_response: summary(123_456, 125.0),
        reply: summary(9, 4320.0),
        resolution: summary(8, 273_600.0),
        left_out_by: LeftOut { rating: 1000, company: 234, ..LeftOut::default() },
        ..Row::default()
    }
}

#[test]
fn the_table_fits_a_hundred_columns_and_defines_itself() {
    let rows = vec![row("Aigerim Zhaksybekova-Nurmagambetova"), row("Bo"), Row::default()];
    let text = report(By::Operator, rows).written(ReportFormat::Table).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    assert!(text.starts_with(
        "Response times of acme by operator, 2026-10-01 to 2026-10-07 (Asia/Almaty), target 2m 00s\n"
    ));
    for part in ["Aigerim Zhaksybek…", "123,456", "2m 05s", "12m 30s", "87 %", "1h 12m", "3d 04h", "2m00s"]
    {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(
        "Left out, as they have no response time: 2,468 (2,000 satisfaction surveys, 468 begun by"
    ));
    assert!(words.contains("had none yet at 2026-10-08 00:00"), "{text}");
}

#[test]
fn with_a_calendar_the_first_reply_in_business_hours_stands_beside_it() {
    let plain = report(By::All, vec![row("all")]).written(ReportFormat::Table).unwrap();
    assert!(!plain.contains("In hours") && plain.contains("Each reply"));
    let in_hours = Row { first_response_business: summary(9, 61.0), ..row("all") };
    let text = report(By::All, vec![in_hours]).written(ReportFormat::Table).unwrap();
    assert!(text.contains("In hours") && text.contains("1m 01s") && !text.contains("Each reply"), "{text}");
}

#[test]
fn nothing_is_a_dash_and_never_zero() {
    let text = report(By::All, vec![Row { label: "everything".to_owned(), ..Row::default() }])
        .written(ReportFormat::Table)
        .unwrap();
    let cells: Vec<&str> =
        text.lines().find(|line| line.starts_with("everything")).unwrap().split_whitespace().collect();
    assert_eq!(cells, ["everything", "0", "0", "0", "-", "-", "-", "0", "0", "-", "-", "-"]);
    assert!(text.contains("No request was left out."));
    assert!(
        report(By::Day, Vec::new()).written(ReportFormat::Table).unwrap().contains("nothing in this period")
    );
}

#[test]
fn json_is_what_the_design_says() {
    let text = report(By::Hour, vec![row("09:00")]).written(ReportFormat::Json).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut expected = ["metric_version", "as", "by", "from", "to", "target_seconds", "rows"];
    expected.sort_unstable();
    let mut found = keys(&json);
    found.sort_unstable();
    assert_eq!(found, expected);
    let named = ["as", "by", "from", "to"].map(|key| json[key].as_str().unwrap().to_owned());
    assert_eq!(named, ["chatledger", "hour", "2026-10-01", "2026-10-07"]);
    let row = &json["rows"][0];
    let mut found = keys(row);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "first_response",
            "first_response_business",
            "first_response_human",
            "key",
            "label",
            "left_out",
            "reply",
            "reply_business",
            "requests",
            "resolution"
        ]
    );
    let mut found = keys(&row["reply_business"]);
    found.sort_unstable();
    let mut expected = FIELDS;
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(row["reply_business"]["mean"].is_null() && row["reply_business"]["n"] == 0);
}

#[test]
fn without_grouping_by_is_null() {
    let text = report(By::All, Vec::new()).written(ReportFormat::Json).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(json["by"].is_null());
}

#[test]
fn csv_has_one_header_and_a_field_for_each_figure() {
    let text = report(By::Operator, vec![row("Doe, \"J\"")]).written(ReportFormat::Csv).unwrap();
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let header = csv.headers().unwrap().clone();
    assert_eq!(header.len(), 4 + 6 * 9);
    let record = csv.records().next().unwrap().unwrap();
    let field = |name: &str| record[header.iter().position(|column| column == name).unwrap()].to_owned();
    assert_eq!(field("label"), "Doe, \"J\"");
    assert_eq!(field("first_response_p50"), "125");
    assert_eq!(field("reply_business_p50"), "", "nothing is empty");
    assert_eq!(field("first_response_within_target"), "0.874");
}

#[test]
fn the_page_explains_every_figure_whoevers_rules_it_follows() {
    for rules in [Rules::Chatledger, Rules::Chat2desk, Rules::Livechat] {
        for (by, rows) in [
            (By::All, vec![row("all")]),
            (By::Operator, vec![row("Bo"), Row::default()]),
            (By::Day, Vec::new()),
        ] {
            assert_defined(&ResponseTimes { rules, ..report(by, rows) });
        }
    }
    let html = report(By::Operator, vec![row("Doe & <b>")]).written(ReportFormat::Html).unwrap();
    for part in [
        "Doe &amp; &lt;b&gt;",
        "within 2m 00s",
        "2026-10-08 00:00",
        "Asia/Almaty",
        "1,000 satisfaction surveys",
    ] {
        assert!(html.contains(part), "{part} is missing:\n{html}");
    }
    let vendor = ResponseTimes { rules: Rules::Chat2desk, ..report(By::All, vec![row("all")]) };
    let (html, text) = (vendor.page().html(), vendor.table());
    assert!(html.contains("by the rules of Chat2Desk") && html.contains("reaction_time"), "{html}");
    assert!(text.contains("by the rules of Chat2Desk") && text.contains("an operator after it"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&vendor.written(ReportFormat::Json).unwrap()).unwrap();
    assert_eq!(json["as"], "chat2desk");
}
