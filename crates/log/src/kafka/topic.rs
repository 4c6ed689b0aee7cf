//! The topic: made as it must be, or checked and refused.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use tokio::time::Instant;

use super::client::{Quiet, REQUEST_TIMEOUT, blocking, unavailable};
use super::settings::{KafkaSettings, MAX_MESSAGE_BYTES};
use crate::LogError;

/// How long a topic that was just made may take until every partition has a leader.
const USABLE_WITHIN: Duration = Duration::from_secs(20);

/// What a check needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    partitions: usize,
    /// The fewest copies that a partition has.
    replicas: usize,
    config: HashMap<String, String>,
}

/// Makes the topic when there is none, waits until it is usable, and refuses one that would lose data.
pub(crate) async fn prepare(settings: &KafkaSettings) -> Result<(), LogError> {
    let deadline = Instant::now() + USABLE_WITHIN;
    let mut made = false;
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    loop {
        pause.tick().await;
        match layout(settings).await? {
            None if !made => {
                create(settings).await?;
                made = true;
            }
            Some((partitions, replicas)) => {
                let facts = Facts { partitions, replicas, config: configuration(settings).await? };
                warn_of_lag(settings, &facts);
                return unfit(&facts, settings).map_or(Ok(()), |why| Err(LogError::Unfit(why)));
            }
            None if Instant::now() >= deadline => {
                let topic = &settings.topic;
                return Err(LogError::Unavailable(format!("topic {topic} has partitions without a leader")));
            }
            None => {}
        }
    }
}

/// Number of partitions and fewest replicas, once every partition has a leader.
async fn layout(settings: &KafkaSettings) -> Result<Option<(usize, usize)>, LogError> {
    let (admin, topic) = (admin(settings)?, settings.topic.clone());
    blocking(move || {
        // All topics are asked for: asking for one by name would let a broker make it with its defaults.
        let metadata = admin.inner().fetch_metadata(None, REQUEST_TIMEOUT).map_err(|e| unavailable(&e))?;
        let usable = |topic: &&MetadataTopic| {
            topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader() >= 0)
        };
        Ok(metadata.topics().iter().find(|found| found.name() == topic).filter(usable).map(|found| {
            let replicas = found.partitions().iter().map(|partition| partition.replicas().len()).min();
            (found.partitions().len(), replicas.unwrap_or(0))
        }))
    })
    .await
}

async fn create(settings: &KafkaSettings) -> Result<(), LogError> {
    let insync = settings.min_insync().to_string();
    let lag = settings.max_compaction_lag.as_millis().to_string();
    let largest = MAX_MESSAGE_BYTES.to_string();
    let replication = TopicReplication::Fixed(i32::from(settings.replication));
    let partitions = i32::try_from(settings.partitions).unwrap_or(i32::MAX);
    let topic = NewTopic::new(&settings.topic, partitions, replication)
        .set("cleanup.policy", "compact")
        .set("max.message.bytes", &largest)
        .set("max.compaction.lag.ms", &lag)
        // Keys never repeat: cleaning pays only for tombstones, and the lag above says when.
        .set("min.cleanable.dirty.ratio", "0.9")
        .set("min.insync.replicas", &insync)
        .set("unclean.leader.election.enable", "false")
        .set("message.timestamp.type", "CreateTime");
    let options =
        AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT)).request_timeout(Some(REQUEST_TIMEOUT));
    let results = admin(settings)?.create_topics([&topic], &options).await.map_err(|e| unavailable(&e))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((
                _,
                code @ (RDKafkaErrorCode::InvalidReplicationFactor
                | RDKafkaErrorCode::PolicyViolation
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::ClusterAuthorizationFailed),
            )) => {
                let topic = &settings.topic;
                return Err(LogError::Unfit(format!(
                    "topic {topic} cannot be created with {partitions} partitions and replication {}: {code}; \
                     change [log], or create it by hand with cleanup.policy=compact",
                    settings.replication
                )));
            }
            Err((_, code)) => return Err(unavailable(&KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

async fn configuration(settings: &KafkaSettings) -> Result<HashMap<String, String>, LogError> {
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let topic = [ResourceSpecifier::Topic(&settings.topic)];
    let described = admin(settings)?.describe_configs(&topic, &options).await.map_err(|e| unavailable(&e))?;
    let mut config = HashMap::new();
    for resource in described {
        let resource = resource.map_err(|code| unavailable(&KafkaError::AdminOp(code)))?;
        config.extend(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))));
    }
    Ok(config)
}

fn admin(settings: &KafkaSettings) -> Result<AdminClient<Quiet>, LogError> {
    settings.client().create_with_context(Quiet).map_err(|e| LogError::Unfit(format!("kafka settings: {e}")))
}

/// Why this topic would lose data or refuse deliveries, and what to do; `None` when it is fit.
fn unfit(facts: &Facts, settings: &KafkaSettings) -> Option<String> {
    let topic = &settings.topic;
    let value = |name: &str| facts.config.get(name).map_or("", String::as_str);
    let number = |name: &str| value(name).parse::<usize>().unwrap_or(0);
    let (partitions, replicas, insync) = (facts.partitions, facts.replicas, number("min.insync.replicas"));
    let wanted = settings.partitions as usize;
    let set = |name: &str, to: &str| {
        format!("set {name}={to} with kafka-configs --alter --entity-type topics --entity-name {topic}")
    };

    if value("cleanup.policy") != "compact" {
        let policy = value("cleanup.policy");
        return Some(format!(
            "topic {topic} has cleanup.policy={policy} and would drop deliveries: {}",
            set("cleanup.policy", "compact")
        ));
    }
    if partitions != wanted {
        let how = if partitions < wanted { "fewer" } else { "more" };
        return Some(format!(
            "topic {topic} has {partitions} partitions, {how} than the {wanted} of the configuration: set partitions = {partitions} in [log]"
        ));
    }
    if replicas < usize::from(settings.replication) {
        return Some(format!(
            "topic {topic} keeps {replicas} copies, the configuration asks for {}: reassign it, or set replication = {replicas} in [log]",
            settings.replication
        ));
    }
    if replicas >= 2 && insync < 2 {
        return Some(format!(
            "topic {topic} acknowledges what only one broker has: {}",
            set("min.insync.replicas", "2")
        ));
    }
    if insync > replicas {
        return Some(format!(
            "topic {topic} asks for {insync} copies in sync and has {replicas}: {}",
            set("min.insync.replicas", &replicas.clamp(1, 2).to_string())
        ));
    }
    if number("max.message.bytes") < MAX_MESSAGE_BYTES {
        return Some(format!(
            "topic {topic} refuses large deliveries: {}",
            set("max.message.bytes", &MAX_MESSAGE_BYTES.to_string())
        ));
    }
    if value("unclean.leader.election.enable") == "true" {
        return Some(format!(
            "topic {topic} may elect a leader without the latest deliveries: {}",
            set("unclean.leader.election.enable", "false")
        ));
    }
    if value("message.timestamp.type") == "LogAppendTime" {
        return Some(format!(
            "topic {topic} replaces the times that deliveries are found by: {}",
            set("message.timestamp.type", "CreateTime")
        ));
    }
    None
}

fn warn_of_lag(settings: &KafkaSettings, facts: &Facts) {
    let lag = facts.config.get("max.compaction.lag.ms").and_then(|lag| lag.parse::<u128>().ok());
    if lag.is_some_and(|lag| lag > settings.max_compaction_lag.as_millis()) {
        tracing::warn!(
            kafka.topic = settings.topic,
            kafka.max_compaction_lag_ms = lag,
            "erased deliveries may stay on the brokers' disks longer than configured: lower max.compaction.lag.ms of the topic"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(replication: u16) -> KafkaSettings {
        KafkaSettings { replication, ..KafkaSettings::new(vec![], "t", 4) }
    }

    fn facts(replicas: usize, changes: &[(&str, &str)]) -> Facts {
        let fit = [
            ("cleanup.policy", "compact"),
            ("min.insync.replicas", if replicas > 1 { "2" } else { "1" }),
            ("max.message.bytes", "10485760"),
            ("unclean.leader.election.enable", "false"),
            ("message.timestamp.type", "CreateTime"),
        ];
        let config = fit.iter().chain(changes).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Facts { partitions: 4, replicas, config }
    }

    #[test]
    fn a_topic_as_we_make_it_is_fit() {
        assert_eq!(unfit(&facts(3, &[]), &settings(3)), None);
        assert_eq!(unfit(&facts(1, &[]), &settings(1)), None);
    }

    #[test]
    fn what_would_lose_data_is_refused_with_what_to_do() {
        for (change, hint) in [
            (("cleanup.policy", "delete"), "cleanup.policy=compact"),
            (("cleanup.policy", "compact,delete"), "cleanup.policy=compact"),
            (("min.insync.replicas", "1"), "min.insync.replicas=2"),
            (("min.insync.replicas", "4"), "min.insync.replicas=2"),
            (("max.message.bytes", "1048588"), "max.message.bytes=10485760"),
            (("unclean.leader.election.enable", "true"), "unclean.leader.election.enable=false"),
            (("message.timestamp.type", "LogAppendTime"), "message.timestamp.type=CreateTime"),
        ] {
            let why = unfit(&facts(3, &[change]), &settings(3)).unwrap();
            assert!(why.contains(hint) && !why.contains('\n'), "{why}");
        }
    }

    #[test]
    fn partitions_and_copies_must_be_those_of_the_configuration() {
        let few = Facts { partitions: 3, ..facts(3, &[]) };
        assert!(unfit(&few, &settings(3)).unwrap().contains("fewer than the 4"));
        let many = Facts { partitions: 5, ..facts(3, &[]) };
        assert!(unfit(&many, &settings(3)).unwrap().contains("more than the 4"));
        assert!(unfit(&facts(1, &[]), &settings(3)).unwrap().contains("replication = 1"));
        assert!(unfit(&facts(3, &[]), &settings(1)).is_none(), "more copies than asked for do no harm");
    }
}
