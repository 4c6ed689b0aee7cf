//! What is configured about Kafka.

use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

/// `max.message.bytes` of the topic and `message.max.bytes` of the producer (design.md 7.3).
pub(crate) const MAX_MESSAGE_BYTES: usize = 10 * 1024 * 1024;

/// The longest that an append may wait for its acknowledgement (design.md 7.3).
const LONGEST_APPEND: Duration = Duration::from_secs(10);

/// Where the log is and how it must be kept.
#[derive(Clone)]
pub struct KafkaSettings {
    /// `host:port` of some brokers.
    pub brokers: Vec<String>,
    /// The topic of this installation's deliveries.
    pub topic: String,
    /// How many partitions; fixed for the life of the topic.
    pub partitions: u32,
    /// Copies of each record. 1 loses data with its only disk and is taken only because the configuration says so.
    pub replication: u16,
    /// Within this time a tombstone has removed its delivery from the disks (`max.compaction.lag.ms`); used when the
    /// topic is made.
    pub max_compaction_lag: Duration,
    /// How long an append may wait for its acknowledgement; at most 10 s whatever is set (`message.timeout.ms`).
    pub append_timeout: Duration,
    /// Most bytes that wait in memory to be sent; what comes on top is refused at once.
    pub queue_bytes: usize,
    /// The group whose offsets show the lag in Kafka's own tools. Never read back.
    pub group: String,
    /// Further librdkafka properties (`security.protocol`, `sasl.username`, `ssl.ca.location`, …). Their values are
    /// taken for secrets: never shown.
    pub properties: Vec<(String, String)>,
}

impl KafkaSettings {
    /// The defaults of design.md section 4: three copies, erasure within 30 days.
    pub fn new(brokers: Vec<String>, topic: impl Into<String>, partitions: u32) -> Self {
        Self {
            brokers,
            topic: topic.into(),
            partitions,
            replication: 3,
            max_compaction_lag: Duration::from_secs(30 * 24 * 3600),
            append_timeout: LONGEST_APPEND,
            queue_bytes: 64 * 1024 * 1024,
            group: "chatledger".to_owned(),
            properties: Vec::new(),
        }
    }

    pub(crate) fn append_timeout(&self) -> Duration {
        self.append_timeout.clamp(Duration::from_millis(100), LONGEST_APPEND)
    }

    /// `min.insync.replicas` that the topic must have at least.
    pub(crate) fn min_insync(&self) -> u16 {
        self.replication.clamp(1, 2)
    }

    /// What every client has in common.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", "chatledger")
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "60000")
            .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            .set_log_level(RDKafkaLogLevel::Info);
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    pub(crate) fn producer(&self) -> ClientConfig {
        let timeout = self.append_timeout().as_millis();
        let mut config = self.client();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", timeout.to_string())
            .set("request.timeout.ms", timeout.min(5000).to_string())
            .set("linger.ms", "2")
            .set("compression.type", "zstd")
            .set("queue.buffering.max.kbytes", (self.queue_bytes / 1024).max(1).to_string())
            .set("queue.buffering.max.messages", "1000000");
        config
    }

    pub(crate) fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            // A position that is not there any more is an error to stop at, never a reason to jump.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_uncommitted")
            // A bound in bytes, whatever the number of partitions; look again soon once there is room.
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.message.max.bytes", (1024 * 1024).to_string())
            .set("fetch.max.bytes", MAX_MESSAGE_BYTES.to_string())
            .set("fetch.queue.backoff.ms", "10")
            .set("fetch.wait.max.ms", "500")
            .set("fetch.min.bytes", "1")
            .set("fetch.error.backoff.ms", "100");
        config
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("partitions", &self.partitions)
            .field("replication", &self.replication)
            .field("max_compaction_lag", &self.max_compaction_lag)
            .field("append_timeout", &self.append_timeout)
            .field("queue_bytes", &self.queue_bytes)
            .field("group", &self.group)
            .field("properties", &names)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_values_are_never_shown() {
        let mut settings = KafkaSettings::new(vec!["b:9092".to_owned()], "t", 1);
        settings.properties.push(("sasl.password".to_owned(), "hunter2".to_owned()));
        let shown = format!("{settings:?} {:?}", settings.replication);
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"));
    }

    #[test]
    fn an_append_never_waits_longer_than_ten_seconds() {
        let mut settings = KafkaSettings::new(vec![], "t", 1);
        settings.append_timeout = Duration::from_secs(60);
        assert_eq!(settings.producer().get("message.timeout.ms"), Some("10000"));
    }
}
