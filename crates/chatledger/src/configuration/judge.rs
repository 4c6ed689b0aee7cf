//! Collects what is wrong while sections are judged.

use std::path::PathBuf;

use url::Url;

use super::problem::Problem;
use super::secret::{Reference, Secret};
use super::source::{Path, Source, Step};

/// The judge of one section: knows where its keys stand.
pub(crate) struct Judge<'a> {
    source: &'a Source,
    environment: &'a [(String, String)],
    at: Path,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Judge<'a> {
    /// A judge of the whole.
    pub(crate) fn new(
        source: &'a Source,
        environment: &'a [(String, String)],
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self { source, environment, at: Path::new(), problems }
    }

    /// The judge of a part.
    pub(crate) fn inside(&mut self, steps: impl IntoIterator<Item = Step>) -> Judge<'_> {
        let mut at = self.at.clone();
        at.extend(steps);
        Judge { source: self.source, environment: self.environment, at, problems: self.problems }
    }

    /// Notes a problem of `key` (of the section itself when empty). A key that has one already gets no second: what
    /// could not be read would be called missing as well.
    pub(crate) fn note(&mut self, key: &str, what: impl Into<String>) {
        let mut path = self.at.clone();
        if !key.is_empty() {
            path.push(Step::Key(key.to_owned()));
        }
        let key = self.source.key(&path);
        if !self.problems.iter().any(|problem| problem.key == key) {
            self.problems.push(Problem { origin: self.source.origin(&path), key, what: what.into() });
        }
    }

    /// The value, or a problem that says what to do.
    pub(crate) fn value<T>(&mut self, key: &str, outcome: Result<T, String>) -> Option<T> {
        outcome.map_err(|what| self.note(key, what)).ok()
    }

    /// An address with `http` or `https`; `None` when it is absent or wrong.
    pub(crate) fn url(&mut self, key: &str, text: Option<&str>) -> Option<Url> {
        let text = text?;
        let url =
            Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        if url.is_none() {
            self.note(key, "must be an address like \"https://api.chat2desk.com\"");
        }
        if url.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some()) {
            self.note(key, "holds a password; take it out of the address");
            return None;
        }
        url
    }

    /// The secret that `<key>_env` or `<key>_file` names.
    pub(crate) fn secret(
        &mut self,
        key: &str,
        variable: Option<&str>,
        file: Option<&PathBuf>,
    ) -> Option<Secret> {
        let written = if variable.is_some() { format!("{key}_env") } else { format!("{key}_file") };
        let reference = self.value(&written, Reference::of(variable, file))??;
        let environment = self.environment;
        let find =
            |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        self.value(&written, reference.read(find))
    }
}
