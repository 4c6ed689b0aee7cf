//! Durations and shares as people say them.

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";

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

/// `87 %`: never 100 % or 0 % unless it is exactly so.
pub(crate) fn percent(share: Option<f64>) -> String {
    match share {
        None => NOTHING.to_owned(),
        Some(share) if share <= 0.0 || share >= 1.0 => format!("{:.0} %", share * 100.0),
        Some(share) => format!("{:.0} %", (share * 100.0).round().clamp(1.0, 99.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, text) in [
            (0.0, "0s"),
            (0.04, "0s"),
            (3.42, "3.4s"),
            (3.0, "3s"),
            (9.96, "10s"),
            (59.4, "59s"),
            (59.6, "1m 00s"),
            (125.0, "2m 05s"),
            (3599.7, "1h 00m"),
            (4320.0, "1h 12m"),
            (273_600.0, "3d 04h"),
            (-1.0, "0s"),
        ] {
            assert_eq!(span(Some(seconds)), text, "{seconds}");
        }
        assert_eq!(span(None), NOTHING);
    }

    #[test]
    fn a_share_is_100_percent_only_when_all_were_in_time() {
        let shares = [None, Some(0.0), Some(0.001), Some(0.874), Some(0.999), Some(1.0)];
        assert_eq!(shares.map(percent), [NOTHING, "0 %", "1 %", "87 %", "99 %", "100 %"]);
    }
}
