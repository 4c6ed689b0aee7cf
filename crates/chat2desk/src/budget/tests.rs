//! All who share a budget obey it.

use std::future::Future;
use std::pin::Pin;

use super::*;
use crate::ApiMode;

/// Its time is the sum of the waits; nobody really waits.
#[derive(Default)]
struct Waits(Mutex<Duration>);

impl Timer for Waits {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, wait: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        *self.0.lock().unwrap() += wait;
        Box::pin(std::future::ready(()))
    }
}

#[derive(Debug)]
struct Calendar(Mutex<DateTime<Utc>>);

impl WallClock for Calendar {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

struct Scene {
    timer: Arc<Waits>,
    calendar: Arc<Calendar>,
    budget: Budget,
}

impl Scene {
    fn new(settings: BudgetSettings, now: &str) -> Self {
        let timer = Arc::new(Waits::default());
        let calendar = Arc::new(Calendar(Mutex::new(now.parse().unwrap())));
        let budget = Budget::new(settings, timer.clone(), calendar.clone());
        Self { timer, calendar, budget }
    }

    fn set(&self, now: &str) {
        *self.calendar.0.lock().unwrap() = now.parse().unwrap();
    }

    /// What the next call waits, in seconds.
    async fn wait(&self) -> f64 {
        let before = self.timer.now();
        self.budget.take("/v1/tags").await.unwrap();
        (self.timer.now() - before).as_secs_f64()
    }
}

fn info(mode: ApiMode, left: Option<u64>) -> ApiInfo {
    ApiInfo { mode, api_calls: left, ..ApiInfo::default() }
}

fn limited(seconds: Option<u64>) -> Error {
    Error::RateLimited { retry_after: seconds.map(Duration::from_secs) }
}

#[tokio::test]
async fn after_429_everyone_waits_as_long_as_the_service_asks() {
    let scene = Scene::new(BudgetSettings::default(), "2026-01-15T09:30:00Z");
    scene.wait().await;
    scene.budget.note(Some(&limited(Some(7))));
    assert!((7.0..7.3).contains(&scene.wait().await));
    assert_eq!(scene.wait().await, 0.25);
}

#[tokio::test]
async fn without_retry_after_the_waits_double_until_a_call_succeeds() {
    let scene = Scene::new(BudgetSettings::default(), "2026-01-15T09:30:00Z");
    for expected in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        scene.budget.note(Some(&limited(None)));
        let wait = scene.wait().await;
        assert!((expected..=expected * 1.25 + 0.25).contains(&wait), "{wait} for {expected}");
    }
    scene.budget.note(None);
    scene.budget.note(Some(&limited(None)));
    assert!(scene.wait().await < 1.6);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_without_a_call() {
    let scene = Scene::new(BudgetSettings::default(), "2026-01-15T09:30:00Z");
    scene.budget.note(Some(&limited(Some(3600))));
    let error = scene.budget.take("/v1/tags").await.unwrap_err();
    assert_eq!(error.asked_to_wait(), Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn a_spent_quota_stops_everyone_until_the_month_ends_in_the_zone() {
    let zone = FixedOffset::east_opt(5 * 3600).unwrap();
    let scene = Scene::new(BudgetSettings { zone, ..BudgetSettings::default() }, "2026-01-15T09:30:00Z");
    scene.budget.note(Some(&Error::QuotaSpent));
    assert!(matches!(scene.budget.take("/v1/tags").await, Err(Error::QuotaSpent)));
    assert_eq!(scene.budget.left(), Some(0));
    assert_eq!(scene.budget.spent_until(), "2026-01-31T19:00:00Z".parse().ok());
    scene.budget.take("/v1/companies/api_info").await.unwrap();
    scene.set("2026-01-31T19:00:00Z");
    scene.wait().await;
    assert_eq!((scene.budget.left(), scene.budget.spent_until()), (None, None));
}

#[tokio::test]
async fn at_the_turn_of_the_month_the_stop_is_short_because_zones_differ() {
    let scene = Scene::new(BudgetSettings::default(), "2026-02-01T01:00:00Z");
    scene.budget.note(Some(&Error::QuotaSpent));
    assert_eq!(scene.budget.spent_until(), "2026-02-01T02:00:00Z".parse().ok());
    scene.set("2026-02-02T02:00:00Z");
    scene.budget.note(Some(&Error::QuotaSpent));
    assert_eq!(scene.budget.spent_until(), "2026-03-01T00:00:00Z".parse().ok());
}

#[tokio::test]
async fn each_call_takes_one_and_the_reserve_is_left_to_others() {
    let scene =
        Scene::new(BudgetSettings { reserve: 10, ..BudgetSettings::default() }, "2026-01-15T09:30:00Z");
    assert_eq!(scene.budget.left(), None);
    scene.budget.learn(&info(ApiMode::Normal, Some(12)));
    assert_eq!(scene.budget.left(), Some(2));
    scene.wait().await;
    scene.wait().await;
    assert!(matches!(scene.budget.take("/v1/tags").await, Err(Error::QuotaSpent)));
    scene.budget.learn(&info(ApiMode::Normal, Some(5000)));
    assert_eq!(scene.budget.left(), Some(4990), "bought");
    scene.budget.learn(&info(ApiMode::Unlimited, None));
    assert_eq!(scene.budget.left(), None);
    scene.wait().await;
}

#[tokio::test]
async fn what_was_left_of_a_month_does_not_count_in_the_next() {
    let scene = Scene::new(BudgetSettings::default(), "2026-01-31T23:59:00Z");
    scene.budget.learn(&info(ApiMode::Demo, Some(1)));
    scene.set("2026-02-01T00:00:00Z");
    assert_eq!(scene.budget.left(), None);
    scene.wait().await;
    scene.wait().await;
}
