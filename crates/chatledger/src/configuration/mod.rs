//! The configuration: one TOML file, overridden by the environment, judged as a whole at the start (design.md 4).
//!
//! [`Configuration::load`] gives settings that every part can rely on, or [`Problems`]: all of them, one line each.
//! Nothing is read from file or environment afterwards.
//!
//! To add a setting: 1. a field with its documentation in the section's struct, 2. its judgement beside it, 3. a case in
//! `tests.rs`. To add a section: a file like [`server`], and a field in [`Document`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) mod account;
pub(crate) mod calendar;
pub(crate) mod crm;
pub(crate) mod database;
pub(crate) mod escalation;
pub(crate) mod export;
mod judge;
pub(crate) mod log;
pub(crate) mod notifier;
pub(crate) mod problem;
mod reading;
pub(crate) mod report;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod source;

#[cfg(test)]
mod tests;

pub(crate) use account::Account;
pub(crate) use log::{Backend, LogSection};
pub(crate) use problem::{Problem, Problems};
pub(crate) use report::Report;
pub(crate) use secret::Secret;
pub(crate) use server::Server;

use judge::Judge;
use problem::Origin;
use source::{Source, Step};

/// The file that is read when none is named and it is there.
pub(crate) const DEFAULT_FILE: &str = "chatledger.toml";

/// The whole file as written, defaults filled in. Secrets are references only, so it can be shown.
#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Document {
    /// Where everything is kept that is not in `[database]`. Default `data`.
    pub data_dir: PathBuf,
    /// The database; a private one under `data_dir` when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<database::DatabaseSection>,
    /// The log.
    pub log: LogSection,
    /// The server.
    pub server: server::ServerSection,
    /// Reports.
    pub report: Report,
    /// Exports.
    pub export: export::Export,
    /// The accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub account: Vec<account::AccountSection>,
    /// Where leads go.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crm: Vec<crm::CrmSection>,
    /// What is escalated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<escalation::EscalationSection>,
    /// Who is told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notifier: Vec<notifier::NotifierSection>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            database: None,
            log: LogSection::default(),
            server: server::ServerSection::default(),
            report: Report::default(),
            export: export::Export::default(),
            account: Vec::new(),
            crm: Vec::new(),
            escalation: Vec::new(),
            notifier: Vec::new(),
        }
    }
}

/// Settings that hold together.
#[derive(Debug)]
pub(crate) struct Configuration {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The database's address; `None` for the private one.
    pub database_url: Option<Secret>,
    /// Most database connections of this process.
    pub connections: u32,
    /// The log.
    pub log: LogSection,
    /// The server.
    pub server: Server,
    /// Reports.
    pub report: Report,
    /// Exports.
    pub export: export::Export,
    /// The accounts, in the order of the file.
    pub accounts: Vec<Account>,
    /// What is escalated, in the order of the file.
    pub escalations: Vec<::escalation::Rule>,
    /// Who is told.
    pub notifiers: Vec<notifier::Notifier>,
    /// Where leads go.
    pub crms: Vec<crm_sync::Crm>,
    /// What was written, for `check --print`.
    pub document: Document,
}

impl Configuration {
    /// Reads `file` (else [`DEFAULT_FILE`] when it is there) and the environment, and judges them.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn load(file: Option<&Path>, environment: &[(String, String)]) -> Result<Self, Problems> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let what = format!("cannot be read: {error}; name the file with --config");
                let problem = Problem { origin: Origin::Absent, key: String::new(), what };
                return Err(Problems { file: path.display().to_string(), problems: vec![problem] });
            }
        };
        Self::parse(&path.display().to_string(), &text, environment)
    }

    /// Judges a text and an environment; `file` is only what the text is called.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn parse(file: &str, text: &str, environment: &[(String, String)]) -> Result<Self, Problems> {
        let failed = |mut problems: Vec<Problem>| {
            problems.sort();
            problems.dedup();
            Problems { file: file.to_owned(), problems }
        };
        let mut source = Source::read(text, environment).map_err(failed)?;
        let mut problems = Vec::new();
        let document: Document = reading::read(&mut source, &mut problems);
        let judged = judge(document, &mut Judge::new(&source, environment, &mut problems));
        match judged {
            Some(configuration) if problems.is_empty() => Ok(configuration),
            _ => Err(failed(problems)),
        }
    }

    /// The effective configuration as TOML. Secrets are shown as the names of where they are.
    ///
    /// # Errors
    /// When a value cannot be written as TOML.
    pub(crate) fn print(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(&self.document)
    }
}

fn judge(document: Document, judge: &mut Judge<'_>) -> Option<Configuration> {
    let key = |name: &str| [Step::Key(name.to_owned())];
    let database_url =
        document.database.as_ref().and_then(|database| database.judge(&mut judge.inside(key("database"))));
    document.log.judge(&mut judge.inside(key("log")));
    let server = document.server.judge(&mut judge.inside(key("server")));
    document.report.judge(&mut judge.inside(key("report")));
    let mut accounts: Vec<Account> = Vec::new();
    for (index, section) in document.account.iter().enumerate() {
        let mut judge = judge.inside([Step::Key("account".to_owned()), Step::Index(index)]);
        let Some(account) = section.judge(&mut judge) else { continue };
        if accounts.iter().any(|earlier| earlier.id == account.id) {
            judge.note("id", "another account has this id; give each its own");
        }
        accounts.push(account);
    }
    let notifiers = notifier::judge_all(&document.notifier, judge);
    // One that has a problem of its own is there all the same.
    let notifier_names: Vec<&str> =
        document.notifier.iter().filter_map(|section| section.name.as_deref()).collect();
    let account_ids: Vec<&str> =
        document.account.iter().filter_map(|section| section.id.as_deref()).collect();
    let escalations = escalation::judge_all(&document.escalation, &notifier_names, &account_ids, judge);
    let crms = crm::judge_all(&document.crm, &account_ids, judge);
    if document.data_dir.as_os_str().is_empty() {
        judge.note("data_dir", "must name a folder, like \"data\"");
    }
    let connections = document.database.as_ref().and_then(|database| database.connections);
    Some(Configuration {
        data_dir: document.data_dir.clone(),
        database_url,
        connections: connections.unwrap_or(database::CONNECTIONS),
        log: document.log.clone(),
        server: server?,
        report: document.report.clone(),
        export: document.export.clone(),
        accounts,
        escalations,
        notifiers,
        crms,
        document,
    })
}
