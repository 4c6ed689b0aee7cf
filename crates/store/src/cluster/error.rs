//! What a person can do when there is no private server.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no private server. Each variant has its own next step, and the text says it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing installed fits, and nothing could be fetched.
    #[error(
        "no PostgreSQL server {wanted} is installed, and none could be fetched ({fetching}); \
         install the package postgresql, or name a server under [database]"
    )]
    NoServer {
        /// The version that was looked for, as words.
        wanted: String,
        /// Why it was not fetched.
        fetching: String,
    },
    /// The cluster was made by a version of PostgreSQL that is not to be had here.
    #[error(
        "the cluster in {cluster} was made by PostgreSQL {major}, which is neither installed nor could be fetched \
         ({fetching}); install postgresql-{major}, or move it to a newer version with pg_upgrade"
    )]
    OtherMajor {
        /// The cluster's folder.
        cluster: PathBuf,
        /// Its major version.
        major: u32,
        /// Why that version was not fetched.
        fetching: String,
    },
    /// A folder cannot be made, read or written.
    #[error("cannot use {path}: {source}; give the program's user the right to write there, or set data_dir")]
    Folder {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The cluster belongs to another user of this machine.
    #[error(
        "the cluster in {cluster} belongs to the user with id {owner}; start the program as that user, or as root"
    )]
    OtherOwner {
        /// The cluster's folder.
        cluster: PathBuf,
        /// The owner's numeric id.
        owner: u32,
    },
    /// A part of the cluster is gone: beginning anew silently would hide the loss of the data.
    #[error(
        "{missing} is gone, which {named_by} needs; bring it back, or remove {named_by} to begin with an empty database"
    )]
    Lost {
        /// What should be there.
        missing: PathBuf,
        /// What speaks of it.
        named_by: PathBuf,
    },
    /// The server was started, but ends, or does not answer.
    #[error("the private PostgreSQL does not start; its log {log} ends with:\n{tail}")]
    DoesNotStart {
        /// The whole log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// It runs, but a statement of the set-up failed.
    #[error("the private PostgreSQL refuses to be set up: {0}")]
    Refused(#[from] sqlx::Error),
    /// The system gives no thread or process.
    #[error("cannot start {what}: {source}")]
    System {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// For `map_err`: an error of the file system with the place where it happened.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Folder { path, source }
}
