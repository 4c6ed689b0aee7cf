//! From bytes to JSON objects (reference/chat2desk.md 8.2 rule 2).

use super::json::Json;

/// The bytes are neither JSON nor a form with a JSON field. The text says where, never what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotJson(pub String);

/// The JSON values in a body: the body itself, or each item when it is an array; a form body gives its JSON field.
///
/// Lone surrogates, which are legal in the vendor's output but not in text, become U+FFFD. An empty body is no JSON.
///
/// # Errors
/// [`NotJson`].
pub fn bodies(bytes: &[u8]) -> Result<Vec<Json<'_>>, NotJson> {
    let value = match parse(bytes) {
        Ok(value) => value,
        Err(error) => form(bytes).ok_or(error)?,
    };
    Ok(match value {
        Json::List(items) => items,
        other => vec![other],
    })
}

fn parse(bytes: &[u8]) -> Result<Json<'_>, NotJson> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // Text is checked once as a whole: serde_json would check each string.
    let read = match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    };
    read.or_else(|error| {
        let mended = mend_surrogates(bytes).ok_or(error)?;
        serde_json::from_slice::<Json<'_>>(&mended).map(Json::into_owned)
    })
    .map_err(|error| {
        // serde's own text may quote the input; its category and place do not.
        NotJson(format!("{:?} at line {} column {}", error.classify(), error.line(), error.column()))
    })
}

/// A form body whose first field with a JSON object or array counts.
fn form(bytes: &[u8]) -> Option<Json<'static>> {
    if !bytes.contains(&b'=') || bytes.len() > 8 << 20 {
        return None;
    }
    url::form_urlencoded::parse(bytes).find_map(|(_, value)| {
        let value = parse(value.as_bytes()).ok()?;
        matches!(value, Json::Object(_) | Json::List(_)).then(|| value.into_owned())
    })
}

/// Replaces `\ud8xx` escapes that have no partner by `\ufffd`, and bytes that are no UTF-8 by U+FFFD; `None` when
/// there is nothing to mend.
pub(crate) fn mend_surrogates(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut mended = text.clone().into_bytes();
    let mut changed = mended != bytes;
    let mut at = 0;
    while at + 1 < mended.len() {
        if mended[at] != b'\\' {
            at += 1;
            continue;
        }
        let Some(unit) = escape(&mended, at) else {
            at += 2;
            continue;
        };
        let paired = (0xd800..0xdc00).contains(&unit)
            && escape(&mended, at + 6).is_some_and(|low| (0xdc00..0xe000).contains(&low));
        if paired {
            at += 12;
        } else {
            if (0xd800..0xe000).contains(&unit) {
                mended[at + 2..at + 6].copy_from_slice(b"fffd");
                changed = true;
            }
            at += 6;
        }
    }
    changed.then_some(mended)
}

/// The code unit of a `\uXXXX` escape at `at`.
fn escape(bytes: &[u8], at: usize) -> Option<u32> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        let values = bodies(br#"{"text":"a\ud83db \ud83d\ude00 \\ud83d"}"#).unwrap();
        assert_eq!(values[0].to_value()["text"], "a\u{fffd}b \u{1f600} \\ud83d");
    }

    #[test]
    fn a_form_gives_its_json_field() {
        let values = bodies(b"token=1&data=%7B%22hook_type%22%3A%22inbox%22%7D").unwrap();
        assert_eq!(values[0].get("hook_type").and_then(Json::as_str), Some("inbox"));
    }

    #[test]
    fn what_is_no_json_is_told_without_its_content() {
        let error = bodies(b"secret words").unwrap_err();
        assert!(!error.0.contains("secret"), "{error}");
        assert!(bodies(b"").is_err());
        assert!(bodies(&vec![b'['; 100_000]).is_err());
    }

    #[test]
    fn an_array_is_its_items() {
        assert_eq!(bodies(br#"[{"a":1},{"a":2}]"#).unwrap().len(), 2);
    }
}
