//! The five forms of time (reference/chat2desk.md 1.7).

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use serde_json::Value;

/// Reads a time. A text without a zone is local time of `zone`; an empty one, and one that cannot be read, is none.
///
/// An hour that a DST change repeats counts as the earlier of the two; one that it skips, as if the clock had not
/// been changed yet.
pub fn parse_time<Tz: TimeZone>(value: &Value, zone: &Tz) -> Option<DateTime<Utc>> {
    match value {
        Value::Number(number) => unix(number.as_f64()?),
        Value::String(text) => text_time(text.trim(), zone),
        _ => None,
    }
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
    (946_684_800..=4_102_444_800).contains(&micros.timestamp()).then_some(micros)
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Option<String> {
        let almaty = FixedOffset::east_opt(5 * 3600).unwrap();
        parse_time(value, &almaty).map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
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
}
