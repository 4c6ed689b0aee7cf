//! What a receiver's answers mean: by message (`outbound::Verdict`), and by item where it says so.

use std::collections::HashMap;

use outbound::{Answer, NotSent, Verdict};
use serde::Deserialize;
use serde_json::Value;

use crate::adapter::{Accepted, Message, Row, RowAnswer, Trouble};
use crate::masking::masked;

/// One of `results[]`; everything may be missing or odd.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Item {
    key: Value,
    status: Value,
    retry: Value,
    message: Value,
}

/// What became of each row.
pub(super) fn rows(answer: &Answer, message: &Message) -> Result<Vec<RowAnswer>, Trouble> {
    let reason = answer.reason();
    match answer.verdict {
        // Refusals may stand in the part that did not come; only what cannot be a list of results says nothing.
        Verdict::Accepted if answer.is_truncated && may_list(&answer.body) => {
            Err(Trouble::Unknown { wait: None, reason: format!("{reason}, answer cut short") })
        }
        Verdict::Accepted => Ok(items(&answer.body, message)),
        Verdict::Gone => {
            Err(Trouble::Off { reason: "the receiver wants no more leads (status 410)".to_owned() })
        }
        Verdict::Throttled { wait } => Err(Trouble::Busy { wait, reason, is_throttled: true }),
        Verdict::Unknown { wait } => Err(Trouble::Unknown { wait, reason }),
        Verdict::NotSent(NotSent::AddressRefused) => Err(Trouble::Broken {
            reason: "the address is private or reserved: set allow_private = true if that is meant"
                .to_owned(),
        }),
        Verdict::NotSent(NotSent::Name | NotSent::Connection | NotSent::Tls) => {
            Err(Trouble::Busy { wait: None, reason, is_throttled: false })
        }
        Verdict::Refused => Err(refused(answer.status, reason)),
    }
}

/// What a login or an address is to blame for is no lead's fault.
fn refused(status: Option<u16>, reason: String) -> Trouble {
    match status {
        Some(401 | 403) => {
            Trouble::Broken { reason: format!("the receiver lets us not in ({reason}): check secret_env") }
        }
        Some(404 | 405) => {
            Trouble::Broken { reason: format!("the receiver is not there ({reason}): check url") }
        }
        Some(300..=399) => Trouble::Broken {
            reason: format!("the receiver sends us elsewhere ({reason}), which is not followed: check url"),
        },
        _ => Trouble::Refused { error: reason },
    }
}

/// Whether a cut body may begin `{"results":[…`.
fn may_list(body: &[u8]) -> bool {
    body.trim_ascii_start().first().is_none_or(|first| *first == b'{')
}

/// A 2xx accepts all, unless its body has a list of results. Of that each entry is read for itself: an odd one hides no
/// refusal beside it.
fn items(body: &[u8], message: &Message) -> Vec<RowAnswer> {
    let accepted = || RowAnswer::Accepted(Accepted::default());
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(results) = body.get("results").and_then(Value::as_array) else {
        return message.rows.iter().map(|_| accepted()).collect();
    };
    let said: Vec<Item> = results.iter().filter_map(|item| Item::deserialize(item).ok()).collect();
    let by_key: HashMap<&str, &Item> =
        said.iter().filter_map(|item| Some((item.key.as_str()?, item))).collect();
    let judge = |row: &Row| match by_key.get(row.wanted.key.as_str()) {
        // It speaks of others and forgets this one: whether it was taken is not known.
        None => RowAnswer::Later { error: "the receiver's answer does not name it".to_owned() },
        Some(item) if item.status == "ok" => accepted(),
        Some(item) => {
            let error =
                format!("refused: {}", masked(item.message.as_str().unwrap_or_default(), personal(row)));
            let error = error.trim_end_matches([' ', ':']).to_owned();
            if item.retry == Value::Bool(true) {
                RowAnswer::Later { error }
            } else {
                RowAnswer::Refused { error }
            }
        }
    };
    message.rows.iter().map(judge).collect()
}

/// All that was sent of a person; our own key stays readable.
fn personal(row: &Row) -> impl Iterator<Item = &str> {
    let texts = row.wanted.fields.values().flat_map(|value| match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    });
    texts.filter(|text| *text != row.wanted.key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::mapping::Wanted;

    fn message(keys: &[&str]) -> Message {
        let row = |key: &&str| Row {
            wanted: Wanted {
                key: (*key).to_owned(),
                changed_at: "2026-01-15T09:30:00Z".parse().unwrap(),
                hash: 1,
                live_hash: 1,
                seen: 1,
                fields: BTreeMap::from([("name".to_owned(), "Ann Kowalski".into())]),
            },
            version: 1,
            external_id: None,
            intended_at: "2026-01-15T09:30:00Z".parse().unwrap(),
            may_recreate: true,
        };
        Message { id: "m".to_owned(), rows: keys.iter().map(row).collect() }
    }

    fn answer(verdict: Verdict, status: u16, body: &str) -> Answer {
        Answer { verdict, status: Some(status), body: body.to_owned().into(), is_truncated: false }
    }

    #[test]
    fn a_success_accepts_all_unless_it_speaks_of_items() {
        let message = message(&["a", "b", "c", "d"]);
        let say = |body: &str| rows(&answer(Verdict::Accepted, 200, body), &message).unwrap();
        let accepted = RowAnswer::Accepted(Accepted::default());
        for body in ["", "thanks", "{}", r#"{"results":7}"#, "<html>"] {
            assert_eq!(say(body), vec![accepted.clone(); 4], "{body}");
        }
        let said = say(
            r#"{"results":[{"key":"d","status":"error","retry":true,"message":"busy"},{"key":"a","status":"ok"},
                {"key":"b","status":"error","retry":false,"message":"Ann Kowalski is unknown"}]}"#,
        );
        assert_eq!(said[0], accepted);
        assert_eq!(said[1], RowAnswer::Refused { error: "refused: … is unknown".to_owned() });
        assert_eq!(said[2], RowAnswer::Later { error: "the receiver's answer does not name it".to_owned() });
        assert_eq!(said[3], RowAnswer::Later { error: "refused: busy".to_owned() });
    }

    #[test]
    fn an_odd_entry_hides_no_refusal_and_a_cut_answer_accepts_nobody() {
        let message = message(&["a", "b"]);
        let body = r#"{"results":[7,null,{"key":"a","status":"error","message":"no"},"x",{"key":"b","status":"ok"}]}"#;
        let said = rows(&answer(Verdict::Accepted, 200, body), &message).unwrap();
        assert_eq!(said[0], RowAnswer::Refused { error: "refused: no".to_owned() });
        assert_eq!(said[1], RowAnswer::Accepted(Accepted::default()));

        let cut =
            |body| rows(&Answer { is_truncated: true, ..answer(Verdict::Accepted, 200, body) }, &message);
        for body in ["", " {\"results\":[{\"key\":\"a\",\"status\":\"ok\"}", "{"] {
            assert!(matches!(cut(body), Err(Trouble::Unknown { .. })), "{body}");
        }
        assert!(cut("<html>").is_ok(), "a long page is no list");
    }

    #[test]
    fn each_verdict_has_one_meaning() {
        let wait = Some(Duration::from_secs(3));
        for (verdict, status, expected) in [
            (Verdict::Gone, 410, "Off"),
            (Verdict::Throttled { wait }, 429, "Busy"),
            (Verdict::Unknown { wait }, 503, "Unknown"),
            (Verdict::NotSent(NotSent::Connection), 0, "Busy"),
            (Verdict::NotSent(NotSent::AddressRefused), 0, "Broken"),
            (Verdict::Refused, 400, "Refused"),
            (Verdict::Refused, 413, "Refused"),
            (Verdict::Refused, 422, "Refused"),
            (Verdict::Refused, 401, "Broken"),
            (Verdict::Refused, 404, "Broken"),
            (Verdict::Refused, 302, "Broken"),
        ] {
            let trouble = rows(&answer(verdict, status, ""), &message(&["a"])).unwrap_err();
            assert!(format!("{trouble:?}").starts_with(expected), "{status}: {trouble:?}");
        }
    }
}
