//! The five forms of time (reference/chat2desk.md 1.7).

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};

use super::json::Json;

/// Reads a time. A text without a zone is local time of `zone`; an empty one, and one that cannot be read, is none.
///
/// An hour that a DST change repeats counts as the earlier of the two; one that it skips, as if the clock had not
/// been changed yet.
pub fn parse_time<Tz: TimeZone>(value: &Json<'_>, zone: &Tz) -> Option<DateTime<Utc>> {
    match value {
        Json::Number(number) => unix(number.as_f64()?),
        Json::Text(text) => usual(text, zone).or_else(|| text_time(text.trim(), zone)),
        _ => None,
    }
}

/// What nearly every time looks like, read without a format: `2026-01-15T09:30:00` with a fraction or without one,
/// then `Z` or ` UTC`, or nothing for a wall clock. `None`: it does not look so, and [`text_time`] has the word.
fn usual<Tz: TimeZone>(text: &str, zone: &Tz) -> Option<DateTime<Utc>> {
    let (clock, rest) = text.as_bytes().split_at_checked(19)?;
    let number = |from: usize, to: usize| {
        clock[from..to].iter().try_fold(0_u32, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
        })
    };
    let marks = [clock[4], clock[7], clock[13], clock[16]] == *b"--::" && matches!(clock[10], b'T' | b' ');
    if !marks {
        return None;
    }
    let (micros, suffix) = fraction(rest)?;
    let day = NaiveDate::from_ymd_opt(number(0, 4)?.cast_signed(), number(5, 7)?, number(8, 10)?)?;
    let time = day.and_hms_micro_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, micros)?;
    match suffix {
        b"Z" | b" UTC" => plausible(time.and_utc()),
        b"" => local(time, zone).and_then(plausible),
        _ => None,
    }
}

/// Microseconds after a dot, up to six digits; and what follows.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    let places = u32::try_from(count).ok().filter(|places| (1..=6).contains(places))?;
    let number = digits[..count].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some((number * 10_u32.pow(6 - places), &digits[count..]))
}

fn text_time<Tz: TimeZone>(text: &str, zone: &Tz) -> Option<DateTime<Utc>> {
    if text.is_empty() {
        return None;
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return unix(text.parse().ok()?);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return plausible(time.with_timezone(&Utc));
    }
    if let Some(utc) = text.strip_suffix("UTC").map(str::trim_end) {
        return plausible(naive(utc)?.and_utc());
    }
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return plausible(naive(utc)?.and_utc());
    }
    if let Ok(time) = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %z") {
        return plausible(time.with_timezone(&Utc));
    }
    local(naive(text)?, zone).and_then(plausible)
}

fn naive(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%d-%m-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
}

/// The instant of a wall-clock time: the earlier of two, and in a gap the offset from before it.
pub fn local<Tz: TimeZone>(time: NaiveDateTime, zone: &Tz) -> Option<DateTime<Utc>> {
    if let Some(instant) = zone.from_local_datetime(&time).earliest() {
        return Some(instant.with_timezone(&Utc));
    }
    // In a gap: three hours earlier exists in every zone, and lies before the change.
    let before = zone.from_local_datetime(&(time - chrono::Duration::hours(3))).earliest()?;
    Some(before.with_timezone(&Utc) + chrono::Duration::hours(3))
}

/// Unix seconds, with a fraction; milliseconds where the number is too great for seconds.
fn unix(seconds: f64) -> Option<DateTime<Utc>> {
    let seconds = if seconds.abs() >= 1e11 { seconds / 1000.0 } else { seconds };
    let micros = (seconds * 1e6).round();
    // 2^53: beyond it a float holds no whole microseconds, and no chat was sent then.
    if !(0.0..9_007_199_254_740_992.0).contains(&micros) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    Utc.timestamp_micros(micros as i64).single().and_then(plausible)
}

/// Postgres and people agree on these years; anything else is no time of a chat.
fn plausible(time: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let micros = Utc.timestamp_micros(time.timestamp_micros()).single()?;
    (946_684_800..4_102_444_800).contains(&micros.timestamp()).then_some(micros)
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn almaty() -> FixedOffset {
        FixedOffset::east_opt(5 * 3600).unwrap()
    }

    fn read(value: &Value) -> Option<String> {
        parse_time(&value.clone().into(), &almaty())
            .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
    }

    #[test]
    fn all_forms_are_read() {
        let expected = Some("2026-01-15T09:30:00.000000Z".to_owned());
        assert_eq!(read(&json!("2026-01-15T09:30:00 UTC")), expected);
        assert_eq!(read(&json!("2026-01-15T09:30:00Z")), expected);
        assert_eq!(read(&json!(1_768_469_400)), expected);
        assert_eq!(read(&json!("1768469400")), expected);
        assert_eq!(read(&json!(1_768_469_400_000_u64)), expected);
        assert_eq!(read(&json!("2026-01-15 14:30:00")), expected);
        assert_eq!(read(&json!("2026-01-15T14:30:00+05:00")), expected);
        assert_eq!(
            read(&json!("2026-01-15T09:30:00.125000Z")).as_deref(),
            Some("2026-01-15T09:30:00.125000Z")
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for value in [
            json!(""),
            json!("yesterday"),
            json!(null),
            json!(-1),
            json!(1e300),
            json!("9999-99-99"),
            json!("0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn the_short_road_reads_what_the_long_one_reads(
            text in "(19|20|21)[0-9]{2}-[01][0-9]-[0-3][0-9][T t][012][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,8})?(Z| UTC|UTC|z|| Z|\\+05:00|x)",
        ) {
            if let Some(time) = usual(&text, &almaty()) {
                prop_assert_eq!(Some(time), text_time(&text, &almaty()), "{}", text);
            }
        }

        #[test]
        fn any_text_is_a_storable_time_or_none(text in any::<String>(), number in any::<f64>()) {
            for value in [json!(text), json!(number)] {
                if let Some(time) = parse_time(&value.into(), &almaty()) {
                    prop_assert!((946_684_800..4_102_444_800).contains(&time.timestamp()));
                }
            }
        }
    }
}
