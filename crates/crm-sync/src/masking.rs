//! A vendor's words without the people in them: what may be stored and logged.

/// Longest text that is kept.
const MOST: usize = 300;
/// Digits that may be a phone.
const DIGITS: usize = 6;
const MASK: &str = "…";

/// `text` in one line, without the values that were sent (`sent`) or their words, addresses and long numbers.
pub(crate) fn masked<'a>(text: &str, sent: impl IntoIterator<Item = &'a str>) -> String {
    let mut secret: Vec<String> = Vec::new();
    for value in sent {
        let value = value.trim().to_lowercase();
        secret.extend(value.split_whitespace().filter(|word| word.chars().count() > 2).map(str::to_owned));
        if value.chars().count() > 1 {
            secret.push(value);
        }
    }
    // The longest first: a whole name before its parts.
    secret.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = secret.iter().fold(text, |text, value| without(&text, value));
    let words = text.split_whitespace().map(|word| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if word.contains('@') || digits >= DIGITS { MASK } else { word }
    });
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > MOST {
        line = line.chars().take(MOST - 1).chain(['…']).collect();
    }
    line
}

/// `text` with every occurrence of `value` (in lower case) masked, whatever its case.
fn without(text: &str, value: &str) -> String {
    // Lower-casing may change lengths: compare character by character.
    let wanted: Vec<char> = value.chars().collect();
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let is_here = chars.len() - at >= wanted.len()
            && wanted.iter().zip(&chars[at..]).all(|(wanted, c)| c.to_lowercase().eq([*wanted]));
        if is_here {
            out.push_str(MASK);
            at += wanted.len();
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_masked_and_reasons_stay() {
        let sent = ["Ann Kowalski", "+353861234567", "ann@example.org", "vip"];
        let said = "Email address ANN@example.org is invalid; ann kowalski (Kowalski) has +353 861234567\nProperty \
                    values were not valid";
        let kept = masked(said, sent);
        for hidden in ["ann", "kowalski", "example.org", "861234567"] {
            assert!(!kept.to_lowercase().contains(hidden), "{hidden}: {kept}");
        }
        assert!(kept.contains("is invalid") && kept.contains("Property values were not valid"), "{kept}");
    }

    #[test]
    fn a_text_stays_short_and_on_one_line() {
        let kept = masked(&"word\n".repeat(500), []);
        assert!(kept.chars().count() <= MOST && !kept.contains('\n'));
        assert_eq!(masked("", ["x"]), "");
    }

    proptest::proptest! {
        #[test]
        fn no_sent_value_survives(before in ".{0,20}", value in "[a-zA-Zа-яА-Яüß]{3,12}", after in ".{0,20}") {
            let kept = masked(&format!("{before}{value}{after}"), [value.as_str()]);
            proptest::prop_assert!(!kept.contains(&value), "{kept}");
        }
    }
}
