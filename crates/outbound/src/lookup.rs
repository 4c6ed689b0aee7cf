//! From a name to addresses, at the moment of the connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::{Reach, reach};

/// Looks a name up. An argument, so that a test can say what a name server may say.
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of `host`.
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// Asks the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) private: bool,
    /// Plain http carries people's data in the clear: never over the public network.
    pub(crate) public: bool,
}

impl Allowed {
    pub(crate) fn has(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Public => self.public,
            Reach::Private => self.private,
            Reach::Never => false,
        }
    }
}

/// A name led only to addresses that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("address not allowed")]
pub(crate) struct AddressRefused;

/// Lets a connection see only allowed addresses: reqwest asks it for each new connection.
pub(crate) struct Guard {
    pub(crate) lookup: Arc<dyn Lookup>,
    pub(crate) allowed: Allowed,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str().to_owned());
        let allowed = self.allowed;
        Box::pin(async move {
            let found = found.await?;
            if found.is_empty() {
                return Err(std::io::Error::from(std::io::ErrorKind::NotFound).into());
            }
            let usable: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| allowed.has(*address))
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if usable.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}
