//! The company's API token.

use std::fmt;

/// An API token. It is never shown: `Debug` is masked and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as the vendor shows it: bare, without the word `Bearer` (chat2desk.md 1.2).
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into().trim().to_owned())
    }

    /// The secret itself, for a header or a key. Do not print it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(format!("{:?}", Token::new(" abc\n")), "Token(…)");
        assert_eq!(Token::new(" abc\n").reveal(), "abc");
    }
}
