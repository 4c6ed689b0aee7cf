//! `[log]`: which backend keeps the deliveries.

use serde::{Deserialize, Serialize};

use super::judge::Judge;

/// `[log]` as written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// `postgres` (default), or `kafka` when one machine is not enough.
    pub backend: Backend,
    /// `host:port` of some brokers. Kafka only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub brokers: Vec<String>,
    /// The topic. Kafka only; default `chatledger.deliveries`.
    pub topic: String,
    /// Partitions of a new log; fixed for its life. Default 12.
    pub partitions: u32,
    /// Copies of each record. Kafka only; default 3. 1 loses data with its only disk.
    pub replication: u16,
    /// Days within which an erased delivery is off the brokers' disks. Kafka only; default 30.
    pub max_compaction_lag_days: u32,
}

/// Where the log is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    /// In the database.
    Postgres,
    /// On Kafka brokers.
    Kafka,
}

impl Default for LogSection {
    fn default() -> Self {
        Self {
            backend: Backend::Postgres,
            brokers: Vec::new(),
            topic: "chatledger.deliveries".to_owned(),
            partitions: 12,
            replication: 3,
            max_compaction_lag_days: 30,
        }
    }
}

impl LogSection {
    /// Notes what is wrong.
    pub(crate) fn judge(&self, judge: &mut Judge<'_>) {
        if !(1..=1024).contains(&self.partitions) {
            judge.note("partitions", "must be from 1 to 1024");
        }
        if self.backend == Backend::Postgres {
            if !self.brokers.is_empty() {
                judge.note(
                    "brokers",
                    "are not used by backend \"postgres\"; remove them, or set backend = \"kafka\"",
                );
            }
            return;
        }
        if self.brokers.is_empty() {
            judge.note("brokers", "missing; add brokers = [\"localhost:9092\"]");
        }
        let has_port = |broker: &String| {
            broker
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !self.brokers.iter().all(has_port) {
            judge.note("brokers", "each must be host:port, like \"localhost:9092\"");
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || ['.', '_', '-'].contains(&c);
        if self.topic.is_empty() || self.topic.len() > 249 || !self.topic.chars().all(fits) {
            judge.note("topic", "must be letters, digits, dots, hyphens and underscores");
        }
        if self.replication == 0 {
            judge.note("replication", "must be at least 1; 3 survives the loss of a broker");
        }
        if self.max_compaction_lag_days == 0 {
            judge.note("max_compaction_lag_days", "must be at least 1");
        }
    }
}
