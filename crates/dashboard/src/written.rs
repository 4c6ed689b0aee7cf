//! Figures, times, names and links as people read them. Spans and shares read as on the command line.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "–";
/// Most characters of a name in a table.
const NAME: usize = 60;

/// `42s`, `2m 05s`, `1h 12m`, `3d 04h`; below ten seconds with a tenth: `3.4s`.
pub(crate) fn span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.filter(|seconds| seconds.is_finite()) else { return NOTHING.to_owned() };
    let tenths = (seconds.max(0.0) * 10.0).round();
    if tenths > 0.0 && tenths < 100.0 {
        return format!("{:.1}s", tenths / 10.0).replace(".0s", "s");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; a cast saturates"
    )]
    let whole = seconds.max(0.0).round() as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86_400);
    match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{minutes}m {:02}s", whole % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// Between two instants, never below 0.
pub(crate) fn since(then: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (now - then).as_seconds_f64().max(0.0)
}

/// `87 %`: never 100 % or 0 % unless it is exactly so.
pub(crate) fn percent(share: Option<f64>) -> String {
    match share {
        None => NOTHING.to_owned(),
        Some(share) if share <= 0.0 || share >= 1.0 => format!("{:.0} %", share * 100.0),
        Some(share) => format!("{:.0} %", (share * 100.0).round().clamp(1.0, 99.0)),
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
    fn durations_shares_and_numbers_read_as_people_say_them() {
        let spans = [0.0, 3.42, 9.96, 59.6, 125.0, 4320.0, 273_600.0, -1.0].map(|s| span(Some(s)));
        assert_eq!(spans, ["0s", "3.4s", "10s", "1m 00s", "2m 05s", "1h 12m", "3d 04h", "0s"]);
        assert_eq!([span(None), span(Some(f64::NAN))], [NOTHING, NOTHING]);
        assert_eq!(
            [None, Some(0.001), Some(0.999), Some(1.0)].map(percent),
            [NOTHING, "1 %", "99 %", "100 %"]
        );
        assert_eq!(
            [0, 999, 1000, 1_234_567, -1000].map(grouped),
            ["0", "999", "1,000", "1,234,567", "−1,000"]
        );
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
