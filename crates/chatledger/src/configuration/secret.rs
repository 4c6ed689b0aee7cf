//! Secrets: named in the configuration, read once at the start, never shown.

use std::fmt;
use std::path::PathBuf;

/// A secret's text.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text itself, for the one who has to send or compare it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reference {
    /// In an environment variable.
    Variable(String),
    /// In a file: its text without white space around.
    File(PathBuf),
}

impl Reference {
    /// The reference of a pair of keys `*_env` and `*_file`.
    ///
    /// # Errors
    /// When both are there; says what to do.
    pub(crate) fn of(variable: Option<&str>, file: Option<&PathBuf>) -> Result<Option<Self>, String> {
        match (variable, file) {
            (Some(_), Some(_)) => Err("named twice, by _env and by _file; keep one".to_owned()),
            (Some(variable), None) => Ok(Some(Self::Variable(variable.to_owned()))),
            (None, file) => Ok(file.cloned().map(Self::File)),
        }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// When it is not there or empty; says what to do.
    pub(crate) fn read(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, String> {
        let text = match self {
            Self::Variable(name) => variable(name).ok_or_else(|| {
                format!("the environment variable {name} is not set; set it, or name another")
            })?,
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("the file {} cannot be read: {error}", path.display()))?,
        };
        match text.trim() {
            "" => Err(match self {
                Self::Variable(name) => {
                    format!("the environment variable {name} is empty; set it to the secret")
                }
                Self::File(path) => format!("the file {} is empty; write the secret into it", path.display()),
            }),
            text => Ok(Secret(text.to_owned())),
        }
    }
}
