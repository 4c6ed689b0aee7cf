//! How figures are said to people, the same on every screen: the command line and the page may not round differently.

/// `42s`, `2m 05s`, `1h 12m`, `3d 04h`; below ten seconds with a tenth: `3.4s`. Nothing is `None`, never 0.
pub fn span(seconds: Option<f64>) -> Option<String> {
    let seconds = seconds.filter(|seconds| seconds.is_finite())?.max(0.0);
    let tenths = (seconds * 10.0).round();
    if tenths > 0.0 && tenths < 100.0 {
        return Some(format!("{:.1}s", tenths / 10.0).replace(".0s", "s"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative; a cast saturates"
    )]
    let whole = seconds.round() as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3600, whole / 86_400);
    Some(match whole {
        0..60 => format!("{whole}s"),
        60..3600 => format!("{minutes}m {:02}s", whole % 60),
        3600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    })
}

/// `87 %`: never 100 % or 0 % unless it is exactly so.
pub fn percent(share: Option<f64>) -> Option<String> {
    let share = share?;
    let whole = share * 100.0;
    let is_between = share > 0.0 && share < 1.0;
    Some(format!("{:.0} %", if is_between { whole.round().clamp(1.0, 99.0) } else { whole }))
}

/// `1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
            assert_eq!(span(Some(seconds)).as_deref(), Some(text), "{seconds}");
        }
        assert_eq!([span(None), span(Some(f64::NAN))], [None, None]);
    }

    #[test]
    fn a_share_is_100_percent_only_when_all_were_in_time() {
        let shares = [Some(0.0), Some(0.001), Some(0.874), Some(0.999), Some(1.0)];
        let texts = shares.map(|share| percent(share).unwrap());
        assert_eq!(texts, ["0 %", "1 %", "87 %", "99 %", "100 %"]);
        assert_eq!(percent(None), None);
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 12, 999, 1000, -1_234_567].map(grouped), ["0", "12", "999", "1,000", "-1,234,567"]);
    }
}
