//! Waiting for a thing, never for a time.

use std::panic::Location;
use std::time::Duration;

use tokio::time::Instant;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until `condition` holds; fails with `what` and the caller's line when it does not by `deadline`.
#[track_caller]
pub fn wait_until<C>(what: &str, deadline: Duration, mut condition: C) -> impl Future<Output = ()>
where
    C: AsyncFnMut() -> bool,
{
    wait_for(what, deadline, async move || condition().await.then_some(()))
}

/// Waits until `look` finds something, and gives it; fails as [`wait_until`] does.
#[track_caller]
pub fn wait_for<T, L>(what: &str, deadline: Duration, mut look: L) -> impl Future<Output = T>
where
    L: AsyncFnMut() -> Option<T>,
{
    let caller = Location::caller();
    async move {
        let started = Instant::now();
        loop {
            // The last look may hang on a service that is away: the deadline is for it as well.
            let left = deadline.saturating_sub(started.elapsed()).max(LOOK);
            if let Ok(Some(found)) = tokio::time::timeout(left, look()).await {
                return found;
            }
            assert!(started.elapsed() < deadline, "{caller}: not within {deadline:?}: {what}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_is_asked_until_it_holds() {
        let mut looks = 0;
        wait_until("three looks", Duration::from_secs(5), async || {
            looks += 1;
            looks == 3
        })
        .await;
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    async fn a_condition_that_never_holds_fails_with_its_name_and_the_callers_line() {
        let line = line!() + 1;
        let wait = wait_until("the sky falls", Duration::from_millis(50), async || false);
        let task = tokio::task::LocalSet::new();
        let failure = task.run_until(async { tokio::task::spawn_local(wait).await }).await.unwrap_err();
        let text = failure.into_panic().downcast::<String>().unwrap();
        assert!(text.contains("the sky falls") && text.contains(&format!("wait.rs:{line}")), "{text}");
    }

    #[tokio::test]
    #[should_panic(expected = "an answer")]
    async fn a_look_that_hangs_does_not_hold_the_deadline() {
        wait_until("an answer", Duration::from_millis(50), async || std::future::pending().await).await;
    }
}
