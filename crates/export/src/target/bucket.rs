//! A bucket of an S3-compatible store.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, MultipartId, ObjectStore as _, ObjectStoreExt as _, RetryConfig,
};
// Only for its feature: without a provider of TLS named here, object_store would bring another one.
use reqwest as _;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::{ExportError, layout};

/// What fits into one part goes up by one put. Ten thousand parts are the most: 80 GB an object.
const PART: usize = 8 << 20;
/// Parts on their way at a time.
const PARTS_AT_A_TIME: usize = 2;
/// How long a request is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Bucket {
    store: AmazonS3,
    bucket: String,
    prefix: Path,
    endpoint: Option<String>,
    has_keys: bool,
    runtime: Handle,
}

impl Bucket {
    pub(super) fn open(address: &str, runtime: Handle) -> Result<Self, ExportError> {
        // Fails when somebody installed one before: that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        if bucket.is_empty() {
            return Err(ExportError::Refused("s3://: name a bucket, as in s3://bucket/prefix".to_owned()));
        }
        let wrong = |error: &dyn std::fmt::Display| {
            ExportError::Refused(format!("s3://{address}: {error}; check --out and the AWS_ variables"))
        };
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| wrong(&error))?;
        let builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        let setting = |key| builder.get_config_value(&key).filter(|value| !value.is_empty());
        let endpoint =
            setting(AmazonS3ConfigKey::S3Endpoint).or_else(|| setting(AmazonS3ConfigKey::Endpoint));
        let has_keys = setting(AmazonS3ConfigKey::AccessKeyId).is_some();
        // Whoever writes http:// means it.
        let is_plain = endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let options = ClientOptions::new()
            .with_allow_http(is_plain)
            .with_connect_timeout(Duration::from_secs(5))
            .with_timeout(Duration::from_secs(120));
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            ..BackoffConfig::default()
        };
        let retry = RetryConfig { max_retries: 6, retry_timeout: PATIENCE, backoff };
        let store =
            builder.with_client_options(options).with_retry(retry).build().map_err(|error| wrong(&error))?;
        let endpoint = endpoint.map(|endpoint| without_password(&endpoint));
        Ok(Self { store, bucket: bucket.to_owned(), prefix, endpoint, has_keys, runtime })
    }

    pub(super) fn name(&self) -> String {
        let at = self.endpoint.as_ref().map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
        format!("s3://{}/{}{at}", self.bucket, self.prefix)
    }

    fn path(&self, path: &str) -> Path {
        self.prefix.parts().chain(Path::from(path).parts()).collect()
    }

    pub(super) fn list(&self) -> Result<HashMap<String, u64>, ExportError> {
        self.runtime.block_on(async {
            // Asked first: the answer to a listing does not tell a missing bucket from a wrong key.
            match self.store.get(&self.path(layout::MANIFEST)).await {
                Ok(_) => {}
                Err(Error::NotFound { source, .. }) if !is_about_the_bucket(source.as_ref()) => {}
                Err(error) => return Err(self.explain(&error)),
            }
            let mut found = HashMap::new();
            let mut listing = self.store.list(Some(&self.prefix));
            while let Some(object) = listing.try_next().await.map_err(|error| self.explain(&error))? {
                let Some(below) = object.location.prefix_match(&self.prefix) else { continue };
                let path = below.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
                if path.starts_with(layout::DATASET) {
                    found.insert(path, object.size);
                }
            }
            Ok(found)
        })
    }

    pub(super) fn begin(&self, path: &str) -> Parts<'_> {
        Parts { bucket: self, path: self.path(path), waiting: Vec::new(), multipart: None }
    }

    /// Gives up an upload that a killed run began: nobody sees it, but its parts cost money.
    pub(super) fn give_up(&self, path: &str, upload: &str) -> Result<(), ExportError> {
        let path = self.path(path);
        match self.runtime.block_on(self.store.abort_multipart(&path, &upload.to_owned())) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), ExportError> {
        match self.runtime.block_on(self.store.delete(&self.path(path))) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// One line with the next step.
    fn explain(&self, error: &Error) -> ExportError {
        tracing::debug!(error = %error, "s3 request failed");
        let name = self.name();
        match error {
            Error::NotFound { .. } => ExportError::Refused(format!(
                "{name}: there is no bucket {:?}; create it, or check --out and AWS_ENDPOINT_URL",
                self.bucket
            )),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ExportError::Refused(format!(
                "{name}: access denied; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they may list, read, \
                 write and delete there"
            )),
            _ if !self.has_keys => ExportError::Unavailable(format!(
                "{name}: no access; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role ({})",
                innermost(error)
            )),
            error => ExportError::Unavailable(format!(
                "{name} cannot be used: {}; check AWS_ENDPOINT_URL, AWS_REGION and the network, and try again",
                innermost(error)
            )),
        }
    }
}

/// S3's own code, which `object_store` passes on as part of a text only.
fn is_about_the_bucket(source: &(dyn std::error::Error + 'static)) -> bool {
    source.to_string().contains("NoSuchBucket")
}

fn without_password(endpoint: &str) -> String {
    match (endpoint.split_once("://"), endpoint.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => endpoint.to_owned(),
    }
}

/// The cause of causes, on one line: what stands around it repeats addresses.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let text = cause.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// An object on its way up.
pub(super) struct Parts<'t> {
    bucket: &'t Bucket,
    path: Path,
    /// Less than a part.
    waiting: Vec<u8>,
    multipart: Option<Multipart>,
}

struct Multipart {
    id: MultipartId,
    is_told: bool,
    on_their_way: VecDeque<JoinHandle<object_store::Result<PartId>>>,
    done: Vec<PartId>,
}

impl Multipart {
    /// Sends a part; waits when too many are on their way.
    async fn send(&mut self, bucket: &Bucket, path: &Path, part: Vec<u8>) -> object_store::Result<()> {
        if self.on_their_way.len() >= PARTS_AT_A_TIME {
            self.wait().await?;
        }
        let (store, path, id) = (bucket.store.clone(), path.clone(), self.id.clone());
        let number = self.done.len() + self.on_their_way.len();
        let sending = async move { store.put_part(&path, &id, number, part.into()).await };
        self.on_their_way.push_back(bucket.runtime.spawn(sending));
        Ok(())
    }

    /// Waits for the first part that is on its way.
    async fn wait(&mut self) -> object_store::Result<()> {
        if let Some(first) = self.on_their_way.pop_front() {
            self.done.push(first.await??);
        }
        Ok(())
    }
}

impl Parts<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < PART {
            return Ok(());
        }
        let bucket = self.bucket;
        let sent = bucket.runtime.block_on(async {
            let multipart = match &mut self.multipart {
                Some(multipart) => multipart,
                none => {
                    let id = bucket.store.create_multipart(&self.path).await?;
                    let (on_their_way, done) = (VecDeque::new(), Vec::new());
                    none.insert(Multipart { id, is_told: false, on_their_way, done })
                }
            };
            while self.waiting.len() >= PART {
                let rest = self.waiting.split_off(PART);
                let part = std::mem::replace(&mut self.waiting, rest);
                multipart.send(bucket, &self.path, part).await?;
            }
            Ok(())
        });
        sent.map_err(|error| bucket.explain(&error))
    }

    /// The upload that was begun, told once: whoever may be killed has to remember it.
    pub(super) fn begun(&mut self) -> Option<String> {
        let multipart = self.multipart.as_mut().filter(|multipart| !multipart.is_told)?;
        multipart.is_told = true;
        Some(multipart.id.clone())
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        let bucket = self.bucket;
        fail::fail_point!("export.object_written", |_| std::process::abort());
        let waiting = std::mem::take(&mut self.waiting);
        let sent = bucket.runtime.block_on(async {
            let Some(multipart) = &mut self.multipart else {
                return bucket.store.put(&self.path, waiting.into()).await;
            };
            if !waiting.is_empty() {
                multipart.send(bucket, &self.path, waiting).await?;
            }
            while !multipart.on_their_way.is_empty() {
                multipart.wait().await?;
            }
            let parts = std::mem::take(&mut multipart.done);
            bucket.store.complete_multipart(&self.path, &multipart.id, parts).await
        });
        sent.map_err(|error| bucket.explain(&error))?;
        self.multipart = None;
        Ok(())
    }
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        let Some(multipart) = self.multipart.take() else { return };
        multipart.on_their_way.iter().for_each(JoinHandle::abort);
        let given_up = self.bucket.store.abort_multipart(&self.path, &multipart.id);
        if let Err(error) = self.bucket.runtime.block_on(given_up) {
            // The next run does it.
            tracing::debug!(error = %error, "multipart upload not given up");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_bucket_and_prefix_and_a_password_is_not_repeated() {
        assert_eq!(without_password("https://a:b@s3.example.org"), "https://s3.example.org");
        assert_eq!(without_password("http://127.0.0.1:9000"), "http://127.0.0.1:9000");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let open = |address| Bucket::open(address, runtime.handle().clone());
        let bucket = open("exports/a/b/").unwrap();
        assert!(bucket.name().starts_with("s3://exports/a/b"));
        assert_eq!(bucket.path("dataset=x/p").as_ref(), "a/b/dataset=x/p");
        assert_eq!(open("exports").unwrap().path("p").as_ref(), "p");
        assert!(open("").unwrap_err().to_string().contains("name a bucket"));
    }
}
