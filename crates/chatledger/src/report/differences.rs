//! What a rebuild says differently.

use events::figure::grouped;
use projection::rebuild::TableDiff;
use projection::runner::RowChange;

use super::text::{self, short};

/// Tables that differ, by account; one line when none does.
pub(crate) fn table(diff: &[TableDiff]) -> String {
    let count = |of: fn(&TableDiff) -> i64| diff.iter().map(of).sum::<i64>();
    let differing: Vec<&TableDiff> = diff.iter().filter(|one| !one.is_same()).collect();
    if differing.is_empty() {
        return format!("no row differs: {} rows in both", grouped(count(|one| one.next)));
    }
    let row = |one: &TableDiff| {
        let [only_live, only_next, differing] = [one.only_live, one.only_next, one.differing].map(grouped);
        let examples = short(&one.examples.join(", "), 30);
        [one.table.clone(), one.account_id.clone(), examples, only_live, only_next, differing]
    };
    let rows = differing.iter().map(|one| row(one)).collect();
    let table =
        text::table(["table", "account", "first keys", "only before", "only new", "differing"], 3, rows);
    let [live, next] = [count(|one| one.live), count(|one| one.next)].map(grouped);
    format!("{table}\n{live} rows before, {next} rows new; all other tables and accounts are the same")
}

/// The rows that a fold of one dialog changed.
pub(crate) fn rows(changes: &[(String, String, RowChange)]) -> String {
    let row = |(account, conversation, change): &(String, String, RowChange)| {
        [
            account.clone(),
            short(conversation, 24),
            change.table.to_owned(),
            short(&change.key, 40),
            change.what.to_owned(),
        ]
    };
    table_of_texts(changes.iter().map(row).collect())
}

fn table_of_texts(rows: Vec<[String; 5]>) -> String {
    text::table(["account", "conversation", "table", "key", "what"], 5, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let same = TableDiff {
            table: "turns".to_owned(),
            account_id: "acme".to_owned(),
            live: 1200,
            next: 1200,
            only_live: 0,
            only_next: 0,
            differing: 0,
            examples: Vec::new(),
        };
        assert_eq!(table(std::slice::from_ref(&same)), "no row differs: 1,200 rows in both");
        let other = TableDiff {
            table: "requests".to_owned(),
            differing: 2,
            examples: vec!["7".to_owned(), "8".to_owned()],
            ..same.clone()
        };
        let text = table(&[same, other]);
        assert!(text.contains("requests  acme     7, 8") && !text.contains("turns"), "{text}");
    }
}
