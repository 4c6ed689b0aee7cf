//! A report as one page of HTML: no script, nothing from elsewhere, light and dark, on a phone and on paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::definitions::Definition;
use super::span::NOTHING;

/// The page of one report.
pub(crate) struct Page {
    /// What it reports.
    pub(crate) title: String,
    /// What was asked and how it is to be read: name and value.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The figures.
    pub(crate) tables: Vec<Table>,
    /// What is to be known beside the tables.
    pub(crate) notes: Vec<String>,
    /// What each figure means.
    pub(crate) definitions: Vec<Definition>,
}

/// Figures in columns.
pub(crate) struct Table {
    /// What they are, when there are several tables.
    pub(crate) caption: Option<&'static str>,
    /// Headings, each with the field that defines it; the first is that of the labels.
    pub(crate) columns: Vec<(String, &'static str)>,
    /// Rows of as many cells.
    pub(crate) rows: Vec<Vec<String>>,
    /// How many columns, from the left, are text.
    pub(crate) texts: usize,
}

impl Page {
    /// The document.
    pub(crate) fn html(&self) -> String {
        let document = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    // Whatever a name holds: nothing is run, nothing is fetched.
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                    title { (self.title) " · Chatledger" }
                    style { (PreEscaped(include_str!("page.css"))) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        dl.facts {
                            @for (name, value) in &self.facts { div { dt { (name) } dd { bdi { (value) } } } }
                            div { dt { "Metric version" } dd { (events::METRIC_VERSION) } }
                        }
                    }
                    main {
                        @for table in &self.tables { (section(table)) }
                        @for note in &self.notes { p.note { (note) } }
                        section.card {
                            h2 { "What the figures mean" }
                            dl.meanings {
                                @for Definition { field, meaning } in &self.definitions {
                                    div id={ "meaning-" (field) } { dt { code { (field) } } dd { (meaning) } }
                                }
                            }
                            p.note {
                                "Durations: s, m, h and d are seconds, minutes, hours and days. A dash: there is nothing to \
                                 compute it from."
                            }
                        }
                    }
                    footer { p { "Chatledger " (env!("CARGO_PKG_VERSION")) } }
                }
            }
        };
        document.into_string() + "\n"
    }
}

fn section(table: &Table) -> Markup {
    html! {
        section.card {
            @if let Some(caption) = table.caption { h2 { (caption) } }
            @if table.rows.is_empty() { p.note { "Nothing in this period." } } @else {
                div.scroll tabindex="0" role="region" aria-label=(table.caption.unwrap_or("Figures")) {
                    table {
                        thead { tr { @for (at, (heading, field)) in table.columns.iter().enumerate() {
                            th.figure[at >= table.texts] scope="col" { a href={ "#meaning-" (field) } { (heading) } }
                        } } }
                        tbody { @for row in &table.rows { tr { @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 { th scope="row" { bdi.name title=(cell) { (one_line(cell)) } } }
                            @else { td.figure[at >= table.texts].nothing[cell == NOTHING] { bdi { (one_line(cell)) } } }
                        } } } }
                    }
                }
            }
        }
    }
}

/// Control characters are spaces: a name is one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_is_text_and_the_page_needs_nothing_else() {
        let hostile = "<script>alert(1)</script>\n\"&'";
        let page = Page {
            title: "Workload".to_owned(),
            facts: vec![("Account", hostile.to_owned())],
            tables: vec![Table {
                caption: None,
                columns: vec![("operator".to_owned(), "key"), ("opened".to_owned(), "opened")],
                rows: vec![vec![hostile.to_owned(), NOTHING.to_owned()]],
                texts: 1,
            }],
            notes: vec![hostile.to_owned()],
            definitions: vec![Definition { field: "key", meaning: "a <key>" }],
        };
        let html = page.html();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(1)"), "{html}");
        assert!(html.contains("a &lt;key&gt;") && html.contains("<td class=\"figure nothing\">"), "{html}");
        for elsewhere in ["http://", "https://", "src=", "url(", "@import", "<link"] {
            assert!(!html.contains(elsewhere), "{elsewhere} in {html}");
        }
    }
}
