//! The handler class for the vendor's scripts: Python that forwards each event to the account's script route.
//!
//! Owns: the text of `handler.py` and its holes. Must not know: what becomes of an event.

use std::fmt::Write as _;

use events::AccountId;
use url::Url;

/// The 14 handlers of the manual (reference/chat2desk.md 4.1), one of them in both of its spellings.
pub(crate) const HANDLERS: [&str; 15] = [
    "new_message_handler",
    "before_sending_message_handler",
    "before_closing_dialog_handler",
    "after_closing_dialog_handler",
    "auto_checking_handler",
    "qr_code_result_handler",
    "manually_handler",
    "chat_bot_not_triggered_handler",
    "dialog_transfer_handler",
    "new_request_handler",
    "new_request_handlers",
    "client_updated_handler",
    "request_phone_handler",
    "add_tag_to_request_handler",
    "delete_tag_from_request_handler",
];

/// The class for one account, ready to paste. `public_url` is where the platform reaches us; the secret becomes part of
/// the text.
pub(crate) fn class(account: &AccountId, public_url: &Url, secret: &str) -> String {
    let base = public_url.as_str().trim_end_matches('/');
    let url = format!("{base}/hooks/{account}/{secret}/script/");
    let mut methods = String::new();
    for handler in HANDLERS {
        let _ = write!(
            methods,
            "\n    def {handler}(self, input_data=None, c2d=None):\n        \
             return self._chatledger('{handler}', input_data, c2d)\n"
        );
    }
    include_str!("handler.py")
        .replace("@ACCOUNT@", account.as_str())
        .replace("@URL@", &literal(&url))
        .replace("@METHODS@", methods.trim_start_matches('\n').trim_end())
}

/// A Python literal: the address of a URL is ASCII, and only these two mean something within quotes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hole_is_left_and_each_handler_is_there_once() {
        let text = class(&"acme".parse().unwrap(), &"https://ledger.example.org/in/".parse().unwrap(), "s-1");
        assert!(!text.contains('@'), "{text}");
        assert!(text.contains("URL = 'https://ledger.example.org/in/hooks/acme/s-1/script/'"), "{text}");
        for handler in HANDLERS {
            assert_eq!(text.matches(&format!("def {handler}(")).count(), 1, "{handler}");
        }
    }

    #[test]
    fn an_address_cannot_leave_its_literal() {
        assert_eq!(literal(r"a'b\c"), r"'a\'b\\c'");
    }
}
