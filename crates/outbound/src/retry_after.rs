//! `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3).

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A hint of zero still means: wait a little.
const LEAST: Duration = Duration::from_secs(1);
/// Longer hints are not for us: a receiver that is back sooner would wait for nothing (reference/crms.md 12).
const MOST: Duration = Duration::from_secs(15 * 60);

/// The wait that a header asks for, between one second and 15 minutes; `None` when it cannot be read.
pub(crate) fn parse(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().map_or(MOST, Duration::from_secs)
    } else {
        let at: DateTime<Utc> = httpdate::parse_http_date(value).ok()?.into();
        (at - now).to_std().unwrap_or_default()
    };
    Some(wait.clamp(LEAST, MOST))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn seconds_and_dates_are_waits_within_bounds() {
        let now = Utc.with_ymd_and_hms(2026, 10, 1, 8, 0, 0).unwrap();
        let seconds = |value| parse(value, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("20"), Some(20));
        assert_eq!(seconds(" 0 "), Some(1));
        assert_eq!(seconds("86400"), Some(900));
        assert_eq!(seconds("99999999999999999999999"), Some(900));
        assert_eq!(seconds("Thu, 01 Oct 2026 08:00:30 GMT"), Some(30));
        assert_eq!(seconds("Thursday, 01-Oct-26 08:00:30 GMT"), Some(30));
        assert_eq!(seconds("Thu, 01 Oct 2026 07:00:00 GMT"), Some(1));
        assert_eq!(seconds("Fri, 02 Oct 2026 08:00:00 GMT"), Some(900));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("-5"), None);
    }
}
