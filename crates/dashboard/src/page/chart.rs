//! First responses over the hours and the days: a small drawing, and the same as a table.

use maud::{Markup, html};
use store::report::{By, Row};

use super::tables::{rows_of, table};
use super::{Frame, definition};
use crate::words;
use crate::written::{grouped, one_line, span};

/// The drawing, in its own units.
const WIDTH: f64 = 560.0;
const LEFT: f64 = 40.0;
const TOP: f64 = 8.0;
/// Height of the times, and below them that of the bars that say how many there were.
const TIMES: f64 = 130.0;
const COUNTS: f64 = 26.0;
const GAP: f64 = 8.0;
const LABELS: f64 = 18.0;

/// Where the scale may have a line, in seconds. It is logarithmic: a minute and a day are both to be read.
const LINES: [(f64, &str); 9] = [
    (1.0, "1s"),
    (10.0, "10s"),
    (60.0, "1m"),
    (600.0, "10m"),
    (3600.0, "1h"),
    (36_000.0, "10h"),
    (259_200.0, "3d"),
    (2_592_000.0, "30d"),
    (31_536_000.0, "1y"),
];

/// By local hour.
pub(crate) fn hours(frame: &Frame<'_>, rows: &[Row]) -> Markup {
    let keys: Vec<String> = (0..24).map(|hour| hour.to_string()).collect();
    let short = |key: &str| format!("{key:0>2}");
    let slots = slots(&keys, rows, short, |at| at.is_multiple_of(6), |at| at.is_multiple_of(3));
    let title = html! { "By hour " span.unit { (frame.period()) } };
    card(frame, By::Hour, &title, words::HOURS, rows, &slots)
}

/// By local day, the last of them.
pub(crate) fn days(frame: &Frame<'_>, rows: &[Row]) -> Markup {
    let last = frame.asked.last_days(crate::figures::DAYS);
    let keys: Vec<String> =
        last.from.iter_days().take_while(|day| *day <= last.to).map(|day| day.to_string()).collect();
    let short = |key: &str| {
        key.parse::<chrono::NaiveDate>()
            .map_or_else(|_| key.to_owned(), |day| day.format("%-d %b").to_string())
    };
    let slots = slots(&keys, rows, short, |at| at % 4 == 1, |at| at % 2 == 1);
    let title = html! { "By day " span.unit { "last " (crate::figures::DAYS) " days" } };
    card(frame, By::Day, &title, words::DAYS, rows, &slots)
}

/// A place on the axis.
struct Slot<'a> {
    label: String,
    /// Whether it is labelled: always, or where there is room.
    rank: Option<&'static str>,
    row: Option<&'a Row>,
}

fn slots<'a>(
    keys: &[String],
    rows: &'a [Row],
    short: impl Fn(&str) -> String,
    always: impl Fn(usize) -> bool,
    roomy: impl Fn(usize) -> bool,
) -> Vec<Slot<'a>> {
    let rank = |at| if always(at) { Some("always") } else { roomy(at).then_some("roomy") };
    let slot = |(at, key): (usize, &String)| Slot {
        label: short(key),
        rank: rank(at),
        row: rows.iter().find(|row| row.key == *key),
    };
    keys.iter().enumerate().map(slot).collect()
}

fn card(frame: &Frame<'_>, by: By, title: &Markup, about: &str, rows: &[Row], slots: &[Slot<'_>]) -> Markup {
    let key = by.as_str();
    html! {
        section.card id={ "by-" (key) } aria-labelledby={ "title-" (key) } {
            h2 id={ "title-" (key) } { (title) }
            @if rows.is_empty() { p.empty { "No requests." } } @else {
                figure {
                    (drawing(frame, by, slots))
                    figcaption {
                        span.key.median { "median" } " " span.key.ninetieth { "90 %" } " "
                        span.key.target { "target " (span(Some(frame.asked.target_seconds))) } " "
                        span.key.count { "requests" }
                    }
                }
            }
            div.foot {
                (definition(key, about))
                @if !rows.is_empty() {
                    details.definition data-key={ "table-" (key) } { summary { "As a table" } (table(frame, rows, by)) }
                }
            }
        }
    }
}

/// From which line to which the scale goes.
fn scale(values: impl Iterator<Item = f64>) -> (usize, usize) {
    let (mut low, mut high) = (f64::MAX, f64::MIN);
    for value in values {
        (low, high) = (low.min(value), high.max(value));
    }
    let below = LINES.iter().rposition(|(line, _)| *line <= low).unwrap_or(0);
    let above = LINES.iter().position(|(line, _)| *line >= high).unwrap_or(LINES.len() - 1);
    (below, above.max(below + 1).min(LINES.len() - 1))
}

fn drawing(frame: &Frame<'_>, by: By, slots: &[Slot<'_>]) -> Markup {
    let target = frame.asked.target_seconds;
    let times = slots
        .iter()
        .filter_map(|slot| slot.row)
        .flat_map(|row| [row.first_response.p50, row.first_response.p90]);
    let (below, above) = scale(times.flatten().chain([target]));
    let (low, high) = (LINES[below].0, LINES[above].0);
    let y = |seconds: f64| {
        let share = (seconds.clamp(low, high) / low).ln() / (high / low).ln().max(f64::MIN_POSITIVE);
        TOP + TIMES * (1.0 - share)
    };
    let most = slots.iter().filter_map(|slot| slot.row).map(|row| row.requests).max().unwrap_or(1).max(1);
    let base = TOP + TIMES + GAP + COUNTS;
    #[expect(clippy::cast_precision_loss, reason = "slots and requests of a day fit 2^53")]
    let (step, bar) = ((WIDTH - LEFT) / slots.len().max(1) as f64, |n: i64| COUNTS * n as f64 / most as f64);
    #[expect(clippy::cast_precision_loss, reason = "a few slots")]
    let middle = |at: usize| LEFT + step * (at as f64 + 0.5);
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (base + LABELS) } role="img" aria-label=(spoken(by, slots)) {
            @for (line, label) in &LINES[below..=above] {
                line.grid x1=(LEFT) x2=(WIDTH) y1=(at(y(*line))) y2=(at(y(*line))) {}
                text.scale x=(LEFT - 6.0) y=(at(y(*line) + 4.0)) { (label) }
            }
            line.target x1=(LEFT) x2=(WIDTH) y1=(at(y(target))) y2=(at(y(target))) {}
            line.grid x1=(LEFT) x2=(WIDTH) y1=(at(base)) y2=(at(base)) {}
            @for (index, slot) in slots.iter().enumerate() {
                @let x = middle(index);
                @if let Some(row) = slot.row {
                    @let first = &row.first_response;
                    a.slot href=(rows_of(frame, by, row)) tabindex="-1" {
                        title { (told(row)) }
                        rect.hit x=(at(x - step / 2.0)) y="0" width=(at(step)) height=(at(base)) {}
                        rect.count x=(at(x - step * 0.3)) width=(at(step * 0.6))
                            y=(at(base - bar(row.requests))) height=(at(bar(row.requests))) {}
                        @if let (Some(median), Some(ninetieth)) = (first.p50, first.p90) {
                            line.range x1=(at(x)) x2=(at(x)) y1=(at(y(median))) y2=(at(y(ninetieth))) {}
                            line.ninetieth x1=(at(x - 5.0)) x2=(at(x + 5.0)) y1=(at(y(ninetieth))) y2=(at(y(ninetieth))) {}
                            circle.median cx=(at(x)) cy=(at(y(median))) r="4" {}
                        }
                    }
                }
                @if let Some(rank) = slot.rank {
                    // The last one must not be cut.
                    text class={ "place " (rank) } x=(at(x.min(WIDTH - 24.0))) y=(at(base + LABELS - 4.0)) { (slot.label) }
                }
            }
        }
    }
}

/// A coordinate: tenths are enough.
fn at(place: f64) -> String {
    format!("{place:.1}")
}

fn told(row: &Row) -> String {
    let first = &row.first_response;
    format!(
        "{}: {} requests, median {}, 90 % {}",
        one_line(&row.label),
        grouped(row.requests),
        span(first.p50),
        span(first.p90)
    )
}

/// The drawing in a sentence, for those who do not see it.
fn spoken(by: By, slots: &[Slot<'_>]) -> String {
    let rows: Vec<&Row> = slots.iter().filter_map(|slot| slot.row).collect();
    let worst = rows.iter().max_by(|a, b| {
        let p90 = |row: &Row| row.first_response.p90.unwrap_or(0.0);
        p90(a).total_cmp(&p90(b))
    });
    let requests: i64 = rows.iter().map(|row| row.requests).sum();
    match worst {
        Some(row) => format!(
            "First response by {}, {} requests. The slowest: {}. All of it is in the table below.",
            by.as_str(),
            grouped(requests),
            told(row)
        ),
        None => "No requests.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_spans_what_there_is_and_never_nothing() {
        for (values, expected) in [
            (vec![120.0], ("1m", "10m")),
            (vec![42.0, 120.0, 700.0], ("10s", "1h")),
            (vec![60.0], ("1m", "10m")),
            (vec![0.0, 120.0], ("1s", "10m")),
            (vec![1e12], ("1y", "1y")),
        ] {
            let (below, above) = scale(values.iter().copied());
            assert_eq!((LINES[below].1, LINES[above].1), expected, "{values:?}");
        }
    }
}
