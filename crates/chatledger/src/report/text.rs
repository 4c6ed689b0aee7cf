//! Tables that fit a terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
pub(crate) use events::figure::grouped;

/// What a terminal shows in a line.
pub(crate) const WIDTH: usize = 100;

/// A table whose first `texts` columns are texts; the others are figures, on the right. Airy where [`WIDTH`] allows.
pub(crate) fn table<const N: usize>(header: [&str; N], texts: usize, rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    let mut lines = Vec::new();
    for gap in [2, 1] {
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, gap));
            if index >= texts {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        lines = table.lines().map(|line| line.trim_end().to_owned()).collect();
        if lines.iter().all(|line| line.chars().count() <= WIDTH) {
            break;
        }
    }
    lines.join("\n")
}

/// At most `most` characters, the last one a mark when something is missing.
pub(crate) fn short(text: &str, most: usize) -> String {
    // One line whatever a name contains.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Words in lines of at most [`WIDTH`].
pub(crate) fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits = lines.last().is_none_or(|line| line.chars().count() + 1 + word.chars().count() <= WIDTH);
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_by_characters_and_stay_on_one_line() {
        assert_eq!(short("Айгерим", 7), "Айгерим");
        assert_eq!(short("Айгерим Ж.", 7), "Айгери…");
        assert_eq!(short("a\nb", 7), "a b");
    }

    #[test]
    fn words_wrap_at_the_width() {
        let text = wrapped(&"word ".repeat(50));
        assert!(text.lines().count() > 1 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}
