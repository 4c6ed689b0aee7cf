//! What all Kafka clients of this crate share: where librdkafka's lines go, and how its errors are told.

use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::LogError;

/// How long one question to the brokers may take.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends librdkafka's own lines to tracing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        // A broker that is away is librdkafka's daily business: it reconnects by itself, and what could
        // not be delivered in time is told by the append.
        let daily = matches!(facility, "FAIL" | "ERROR" | "CLUSTERID" | "GETPID" | "MAXPOLL" | "TERMINATE");
        match level {
            _ if daily => tracing::debug!(kafka.facility = facility, "{line}"),
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(kafka.facility = facility, "{line}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(kafka.facility = facility, "{line}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(kafka.facility = facility, "{line}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(kafka.error = %error, "{reason}");
    }
}

impl ConsumerContext for Quiet {}

pub(crate) fn unavailable(error: &KafkaError) -> LogError {
    LogError::Unavailable(error.to_string())
}

/// Runs one of librdkafka's blocking calls where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(call).await;
    done.unwrap_or_else(|_| Err(LogError::Unavailable("shutting down".to_owned())))
}
