//! What was read a moment ago serves whoever asks meanwhile: ten open pages cost the database as much as one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long what was read is good. Less than the pause of an open page, so that each of its looks sees something new.
const GOOD: Duration = Duration::from_secs(2);
/// Keys kept at most: anybody may ask for any day.
const MOST: usize = 64;

type Slot<V> = Arc<tokio::sync::Mutex<Option<(Instant, Arc<V>)>>>;

/// The latest value of each key.
pub(crate) struct Recent<K, V>(Mutex<HashMap<K, Slot<V>>>);

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(HashMap::new()))
    }

    /// The value of a moment ago, else what `read` finds. Of those who ask at once one reads, and the others wait for
    /// it. An error is everybody's own.
    pub(crate) async fn get<E>(
        &self,
        key: K,
        now: Instant,
        read: impl Future<Output = Result<V, E>>,
    ) -> Result<Arc<V>, E> {
        let slot = self.slot(key);
        let mut slot = slot.lock().await;
        if let Some((at, value)) = &*slot
            && now.saturating_duration_since(*at) < GOOD
        {
            return Ok(value.clone());
        }
        let value = Arc::new(read.await?);
        *slot = Some((now, value.clone()));
        Ok(value)
    }

    fn slot(&self, key: K) -> Slot<V> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST && !slots.contains_key(&key) {
            slots.clear();
        }
        slots.entry(key).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_cost_one_reading_and_an_error_is_not_kept() {
        let (recent, readings) = (Recent::new(), AtomicU32::new(0));
        let read = async |fails: bool| {
            let reading = readings.fetch_add(1, Ordering::Relaxed);
            // The others come to wait meanwhile.
            tokio::task::yield_now().await;
            if fails { Err(reading) } else { Ok(reading) }
        };
        let now = Instant::now();
        assert_eq!(recent.get("a", now, read(true)).await, Err(0));
        let (one, other) = tokio::join!(recent.get("a", now, read(false)), recent.get("a", now, read(false)));
        assert_eq!((one.map(|n| *n), other.map(|n| *n)), (Ok(1), Ok(1)));
        assert_eq!(
            recent.get("b", now, read(false)).await.map(|n| *n),
            Ok(2),
            "another key is another matter"
        );
        assert_eq!(recent.get("a", now + GOOD, read(false)).await.map(|n| *n), Ok(3));
        let keys = Recent::new();
        for key in 0..MOST * 3 {
            assert!(keys.get(key, now, read(false)).await.is_ok());
        }
        assert!(keys.0.lock().unwrap().len() <= MOST);
    }
}
