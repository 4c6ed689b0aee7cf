//! Figures, times, names and links as people read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use events::figure;
pub(crate) use events::figure::grouped;
use maud::{Markup, html};

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "–";
/// Most characters of a name in a table.
const NAME: usize = 60;

/// As [`figure::span`] says it.
pub(crate) fn span(seconds: Option<f64>) -> String {
    figure::span(seconds).unwrap_or_else(|| NOTHING.to_owned())
}

/// Between two instants, never below 0.
pub(crate) fn since(then: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (now - then).as_seconds_f64().max(0.0)
}

/// As [`figure::percent`] says it.
pub(crate) fn percent(share: Option<f64>) -> String {
    figure::percent(share).unwrap_or_else(|| NOTHING.to_owned())
}

/// `1`, `4.5`: a score.
pub(crate) fn plain(number: f64) -> String {
    format!("{number:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An instant on the account's clock: the time alone on its today, else the day too. The whole of it in the tooltip.
pub(crate) fn instant(at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> Markup {
    let (local, today) = (at.with_timezone(&zone), now.with_timezone(&zone).date_naive());
    let format = if local.date_naive() == today { "%H:%M" } else { "%-d %b %H:%M" };
    html! {
        time datetime=(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
            title=(local.format("%Y-%m-%d %H:%M:%S %Z")) { (local.format(format)) }
    }
}

/// A text that a stranger wrote, in one line: kept to itself whatever its direction, and short.
pub(crate) fn name(text: &str) -> Markup {
    let line = one_line(text);
    let short: String = line.chars().take(NAME).collect();
    if short.len() == line.len() {
        return html! { bdi.name { (line) } };
    }
    html! { bdi.name title=(line) { (short) "…" } }
}

/// Control characters are spaces: a name is one line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name that leads to `url`, where that is an address of the web: anything else is only a name.
pub(crate) fn linked(text: &str, url: Option<&str>) -> Markup {
    match url.filter(|url| is_web(url)) {
        None => name(text),
        Some(url) => html! {
            a href=(url) target="_blank" rel="noopener noreferrer" title="opens the dialog" { (name(text)) }
        },
    }
}

/// Whether a link may lead there: no `javascript:`, no `data:`.
pub(crate) fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// An address of ours with its parameters; those without a value are left out.
pub(crate) fn address(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters.iter().filter_map(|(name, value)| value.map(|value| (*name, value))));
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_dash_and_a_score_has_no_idle_zeros() {
        assert_eq!([span(None), percent(None)], [NOTHING, NOTHING]);
        assert_eq!([1.0, 4.5, 10.0].map(plain), ["1", "4.5", "10"]);
    }

    #[test]
    fn a_hostile_name_is_text_in_one_line_and_short() {
        let shown = name("<script>alert(1)</script>\n\"&'").into_string();
        assert!(shown.contains("&lt;script&gt;alert(1)&lt;/script&gt; &quot;&amp;'"), "{shown}");
        let long = name(&"\u{202e}é".repeat(5000)).into_string();
        assert!(long.starts_with("<bdi") && long.contains('…'), "{long}");
    }

    #[test]
    fn only_addresses_of_the_web_are_links() {
        for (url, is_link) in [
            ("https://web.example.org/chat?dialogID=1&x=\"", true),
            ("http://localhost/1", true),
            ("javascript:alert(1)", false),
            (" javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("//evil.example.org", false),
            ("", false),
        ] {
            assert_eq!(linked("a", Some(url)).into_string().contains("href"), is_link, "{url}");
        }
    }

    #[test]
    fn addresses_escape_what_they_carry() {
        let address = address("/rows/x", &[("key", Some("a&b=ü \"<")), ("by", None)]);
        assert_eq!(address, "/rows/x?key=a%26b%3D%C3%BC+%22%3C");
    }
}
