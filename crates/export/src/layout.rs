//! Where an object lies below its target: `dataset=messages/account=acme/date=2026-10-01/part-0.parquet`.

use chrono::NaiveDate;

/// At the root, written last.
pub(crate) const MANIFEST: &str = "manifest.json";

/// What stands in front of every object of ours.
pub(crate) const DATASET: &str = "dataset=";

const FILE: &str = "part-0.parquet";

/// The path of an object; account ids are made of letters, digits and hyphens.
pub(crate) fn path(dataset: &str, account: &str, day: Option<NaiveDate>) -> String {
    match day {
        Some(day) => format!("{DATASET}{dataset}/account={account}/date={day}/{FILE}"),
        None => format!("{DATASET}{dataset}/account={account}/{FILE}"),
    }
}

/// What an object of ours holds: dataset, account, day. None for any other path.
pub(crate) fn parse(path: &str) -> Option<(&str, &str, Option<NaiveDate>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let (dataset, account, day) = match parts.as_slice() {
        [dataset, account, FILE] => (dataset, account, None),
        [dataset, account, day, FILE] => (dataset, account, Some(day.strip_prefix("date=")?.parse().ok()?)),
        _ => return None,
    };
    Some((dataset.strip_prefix(DATASET)?, account.strip_prefix("account=")?, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_its_object_holds() {
        let day = NaiveDate::from_ymd_opt(2026, 10, 1);
        let found = path("messages", "acme", day);
        assert_eq!(found, "dataset=messages/account=acme/date=2026-10-01/part-0.parquet");
        assert_eq!(parse(&found), Some(("messages", "acme", day)));
        let found = path("clients", "acme", None);
        assert_eq!(found, "dataset=clients/account=acme/part-0.parquet");
        assert_eq!(parse(&found), Some(("clients", "acme", None)));
        for other in
            ["manifest.json", "dataset=x/part-0.parquet", "dataset=x/account=y/date=z/part-0.parquet"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
