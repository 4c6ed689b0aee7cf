//! Escalation, wired: from the configuration's words to the crate's.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use axum::Router;
use escalation::{Address, Desk, Escalator, Links, Notifier, Rules, Settings};
use events::Clock;
use store::PgPool;

use crate::configuration::Configuration;
use crate::installation::Installation;

/// Bytes of the key that signs links.
const KEY: usize = 32;

/// Where people answer.
pub(crate) struct Routes {
    /// The page behind signed links: for everybody.
    pub(crate) page: Router,
    /// `POST /api/escalations/{key}/ack`: behind the access of `[server]`.
    pub(crate) api: Router,
}

/// What escalates. `address` is where people reach this process when no `public_url` is configured.
///
/// # Errors
/// When a notifier or the key of the links cannot be used.
pub(crate) fn escalator(
    configuration: &Configuration,
    installation: &Installation,
    address: SocketAddr,
) -> anyhow::Result<Escalator> {
    let zones =
        configuration.accounts.iter().map(|account| (account.id.as_str().to_owned(), account.time_zone));
    let rules = Rules { rules: configuration.escalations.clone(), zones: zones.collect::<BTreeMap<_, _>>() };
    let owner = installation.owner();
    let seed = events::observation::body_hash(owner.as_bytes()).cast_unsigned();
    let settings = Settings {
        rules,
        notifiers: notifiers(configuration)?,
        links: reachable(configuration, address).then(|| links(configuration, address)).transpose()?,
        ..Settings::new(owner, seed)
    };
    Ok(Escalator::new(installation.pool.clone(), installation.clock.clone(), settings))
}

/// Where people answer.
///
/// # Errors
/// When a notifier or the key of the links cannot be used.
pub(crate) fn routes(
    configuration: &Configuration,
    installation: &Installation,
    address: SocketAddr,
) -> anyhow::Result<Routes> {
    let desk = desk(configuration, &installation.pool, &installation.clock)?;
    let page = escalation::routes::signed(desk.clone(), links(configuration, address)?);
    Ok(Routes { page, api: escalation::routes::api(desk) })
}

/// What takes people's word for it.
///
/// # Errors
/// When a notifier cannot be used.
pub(crate) fn desk(
    configuration: &Configuration,
    pool: &PgPool,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Desk> {
    let addresses: Vec<Address> = notifiers(configuration)?.iter().map(Notifier::address).collect();
    Ok(Desk::new(pool.clone(), clock.clone(), addresses))
}

fn notifiers(configuration: &Configuration) -> anyhow::Result<Vec<Notifier>> {
    configuration.notifiers.iter().map(|notifier| notifier.build()).collect()
}

/// Whether a link can lead people here: not where all addresses are listened to and none is named.
fn reachable(configuration: &Configuration, address: SocketAddr) -> bool {
    let is_reachable = configuration.server.public_url.is_some() || !address.ip().is_unspecified();
    if !is_reachable && !configuration.notifiers.is_empty() {
        tracing::warn!("messages have no link to acknowledge: add [server] public_url");
    }
    is_reachable
}

fn links(configuration: &Configuration, address: SocketAddr) -> anyhow::Result<Links> {
    let public = match &configuration.server.public_url {
        Some(url) => url.clone(),
        None => format!("http://{address}/").parse().context("the address of the server")?,
    };
    Ok(Links::new(&key(&configuration.data_dir.join("links.key"))?, public))
}

/// The key in `file`; made once, readable by its owner only. Two processes that make it at once get the same one.
fn key(file: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("the key of signed links, {}", file.display());
    let read = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(file).with_context(what)?;
            fs::read(file)
        }
        read => read,
    };
    let key = read.with_context(what)?;
    ensure!(key.len() == KEY, "{} must hold {KEY} bytes; remove the file for a new key", what());
    Ok(key)
}

fn make(file: &Path) -> std::io::Result<()> {
    let mut bytes = [0; KEY];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let aside = file.with_extension(format!("{}.new", std::process::id()));
    let mut made = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&aside)?;
    made.write_all(&bytes)?;
    made.sync_all()?;
    // A link, not a rename: whoever comes second must not replace the first one's.
    let linked = fs::hard_link(&aside, file);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_of_the_links_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/links.key");
        let made = key(&file).unwrap();
        assert_eq!((made.len(), key(&file).unwrap()), (KEY, made.clone()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(key(&folder.path().join("other.key")).unwrap(), made);
        fs::write(&file, "short").unwrap();
        assert!(key(&file).unwrap_err().to_string().contains("remove the file"));
    }
}
