//! While a rebuild is under way: a stream of deliveries, a pause, a stop, another log.

use std::sync::atomic::{AtomicBool, Ordering};

use chatledger_tests::wait_until;
use store::generations::state::{self, Phase, Wish};

use super::*;

const SOON: Duration = Duration::from_secs(60);
/// Deliveries that the tables account for.
const APPENDED: &str = "select coalesce(sum(appended), 0)::bigint from accounting";

/// The changes that wait, without when and in which order.
async fn changes(pool: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as("select kind, subject from changes order by 1, 2").fetch_all(pool).await.unwrap()
}

/// Rebuilds while deliveries come and two workers that know nothing of it project them.
pub(super) async fn switch_under_a_stream(scene: &Scene, seed: u64) {
    let before = scene.count(APPENDED).await;
    let live = [scene.live("one"), scene.live("two")];
    let over = AtomicBool::new(false);
    let read = "select sum(next)::bigint from positions";
    let stream = async {
        let mut chance = Chance::new(100 + seed);
        let (mut waiting, mut appended) = (Vec::new(), 0);
        while !over.load(Ordering::Relaxed) {
            if waiting.is_empty() {
                waiting = deliveries(&mut chance);
                chance.shuffle(&mut waiting);
            }
            let some = waiting.split_off(waiting.len().saturating_sub(20));
            scene.append(&some, &mut chance).await;
            appended += some.len() as i64;
            // As fast as it is projected.
            wait_until("the live tables follow", SOON, async || {
                let in_log: i64 = scene.log.bounds().await.unwrap().iter().map(|bounds| bounds.end).sum();
                in_log - scene.count(read).await < 200
                    && store::folding::waiting(&scene.pool).await.unwrap() < 200
            })
            .await;
        }
        appended
    };
    let work = async {
        scene.switched().await;
        // The workers have noticed: they read on into the new tables.
        let at_the_switch = scene.count(read).await;
        wait_until("the workers go on", SOON, async || scene.count(read).await > at_the_switch).await;
        over.store(true, Ordering::Relaxed);
    };
    let (appended, ()) = tokio::join!(stream, work);
    assert!(appended > 100, "{appended} deliveries came meanwhile");
    scene.settled().await;
    for one in live {
        one.stop().await;
    }
    assert_eq!(scene.count(APPENDED).await, before + appended);
    // What a new reading of the log says is what stands there.
    let said = scene.said().await;
    scene.switched().await;
    assert_same(&said, &scene.said().await, &format!("seed {seed}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_under_a_stream_of_deliveries_loses_and_doubles_nothing() {
    for seed in 1..=3 {
        switch_under_a_stream(&Scene::projected(seed).await, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_read_yet_is_carried_over_and_nothing_is_news_because_of_a_rebuild() {
    let scene = Scene::projected(6).await;
    let before = changes(&scene.pool).await;
    assert!(before.iter().any(|(kind, _)| kind == "score") && before.iter().any(|(kind, _)| kind == "lead"));
    scene.switched().await;
    assert_eq!(changes(&scene.pool).await, before);
    sqlx::query("delete from changes").execute(&scene.pool).await.unwrap();
    scene.switched().await;
    assert_eq!(changes(&scene.pool).await, []);

    // What the live projection has not read when it is replaced is news all the same: its readers hear of it.
    let mut chance = Chance::new(77);
    scene.append(&deliveries(&mut chance), &mut chance).await;
    scene.switched().await;
    let new: Vec<(String, String)> = sqlx::query_as(
        "select distinct 'score', n.valuation_request_key from chat.tag_scores n \
         left join chat_old.tag_scores o using (account_id, valuation_request_key, scale_id) \
         where n.row_hash is distinct from o.row_hash order by 2",
    )
    .fetch_all(&scene.pool)
    .await
    .unwrap();
    let mut noted = changes(&scene.pool).await;
    noted.retain(|(kind, _)| kind == "score");
    noted.dedup();
    assert!(!new.is_empty());
    assert_eq!(noted, new);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_waits_goes_on_and_ends_as_somebody_wishes() {
    let scene = Scene::projected(7).await;
    let said = scene.said().await;
    for wish in [Wish::Pause, Wish::Cancel] {
        // It cannot read on before the wish is there.
        let holding = scene.locked("ledger.deliveries").await;
        let (rebuild, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
        let (heard, released) = (AtomicBool::new(false), AtomicBool::new(false));
        let show = |moment: Progress| {
            heard.fetch_or(moment.is_paused && !released.load(Ordering::Relaxed), Ordering::Relaxed);
        };
        let building = control.beside(&scene.pool, &show, rebuild.build(false, &control));
        let wishing = async {
            wait_until("it reads the log", SOON, async || {
                state::get(&scene.pool).await.unwrap().is_some() && control.progress().total > 0
            })
            .await;
            assert!(state::want(&scene.pool, wish).await.unwrap());
            wait_until("it has heard", SOON, async || {
                heard.load(Ordering::Relaxed) || control.is_cancelled()
            })
            .await;
            released.store(true, Ordering::Relaxed);
            holding.rollback().await.unwrap();
            if wish == Wish::Pause {
                let state = state::get(&scene.pool).await.unwrap().unwrap();
                assert_eq!((state.phase, state.done), (Phase::Loading, 0));
                assert!(state::want(&scene.pool, Wish::Go).await.unwrap());
            }
        };
        let (built, ()) = tokio::join!(building, wishing);
        match wish {
            Wish::Pause => {
                built.unwrap();
                scene.switched().await;
                assert_same(&said, &scene.said().await, "after a pause");
            }
            _ => {
                assert!(matches!(built, Err(RebuildError::Cancelled)), "{built:?}");
                rebuild.discard().await.unwrap();
                assert!(state::get(&scene.pool).await.unwrap().is_none());
                assert!(!store::generations::exists(&scene.pool, "chat_next").await.unwrap());
                assert_same(&said, &scene.said().await, "the live tables");
            }
        }
        rebuild.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_goes_on_where_it_was() {
    let scene = Scene::projected(8).await;
    let said = scene.said().await;
    scene.stopped().await;
    let begun = state::get(&scene.pool).await.unwrap().unwrap();
    assert_eq!(begun.phase, Phase::Loading);
    // The same attempt, to its end; stopped while it follows, and once more.
    assert!(scene.compared(false).await.unwrap().iter().all(TableDiff::is_same));
    let made = state::get(&scene.pool).await.unwrap().unwrap();
    assert_eq!((made.phase, made.started_at), (Phase::Following, begun.started_at));
    // More came meanwhile.
    let live = scene.live("later");
    let mut chance = Chance::new(78);
    scene.append(&deliveries(&mut chance), &mut chance).await;
    scene.settled().await;
    live.stop().await;
    assert!(scene.compared(false).await.unwrap().iter().all(TableDiff::is_same));
    assert_eq!(state::get(&scene.pool).await.unwrap().unwrap().started_at, begun.started_at);
    // From scratch is another one.
    assert!(scene.compared(true).await.unwrap().iter().all(TableDiff::is_same));
    assert!(state::get(&scene.pool).await.unwrap().unwrap().started_at > begun.started_at);
    scene.switched().await;
    assert!(scene.said().await.len() > said.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn helper_tables_that_a_crash_of_the_server_emptied_are_filled_anew() {
    let scene = Scene::projected(9).await;
    let said = scene.said().await;
    scene.stopped().await;
    // What the server does to tables outside of its write-ahead log; the position says that they are full.
    sqlx::raw_sql(
        "truncate chat_next.rebuild_intact, chat_next.rebuild_segments; \
         update chat_next.positions set next = (select next from chat.positions p where p.partition = positions.partition)",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
    scene.switched().await;
    assert_same(&said, &scene.said().await, "after a crash of the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_made_anew_is_rebuilt_and_projected_on() {
    let scene = Scene::projected(10).await;
    // Another log: none of its offsets means what the stored positions mean.
    sqlx::raw_sql(
        "update ledger.log_identity set log_id = gen_random_uuid(); delete from ledger.deliveries; \
         update ledger.log_heads set next = 0",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
    let log: Arc<dyn Log> = Arc::new(PostgresLog::open(scene.database.pool(), PARTITIONS).await.unwrap());
    let scene = Scene { log, ..scene };
    let mut chance = Chance::new(11);
    let (first, later) = (deliveries(&mut chance), deliveries(&mut chance));
    scene.append(&first, &mut chance).await;

    let stop = CancellationToken::new();
    let runner = Runner::new(
        scene.log.clone(),
        scene.database.pool(),
        rules(),
        Settings::default(),
        store::LIVE,
        "refused",
    );
    let refused = runner.run(stop).await.unwrap_err().to_string();
    assert!(refused.contains("chatledger rebuild --from-scratch"), "{refused}");
    sqlx::query("delete from changes").execute(&scene.pool).await.unwrap();

    let (rebuild, control) = (scene.rebuild(), Control::new(CancellationToken::new()));
    rebuild.build(true, &control).await.unwrap();
    rebuild.follow(&control, async || Ok(())).await.unwrap();
    rebuild.switch(&control).await.unwrap();
    rebuild.close().await;
    assert_eq!(changes(&scene.pool).await, []);
    let live = scene.live("after");
    scene.append(&later, &mut chance).await;
    scene.settled().await;
    live.stop().await;
    let in_log = scene.count("select count(*) from ledger.deliveries").await;
    assert_eq!(scene.count("select sum(appended)::bigint from accounting").await, in_log);
    assert!(scene.compared(false).await.unwrap().iter().all(TableDiff::is_same));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_waits_for_the_work_does_not_keep_the_work_waiting() {
    let scene = Scene::projected(21).await;
    let control = scene.stopped().await;
    // As the switch does before its commit.
    let work = async {
        let mut holding = scene.pool.begin().await.unwrap();
        sqlx::query("select from ledger.generations for update").execute(&mut *holding).await.unwrap();
        wait_until("a note waits", SOON, async || {
            scene.count("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await > 0
        })
        .await;
        holding.commit().await.unwrap();
    };
    let done = control.beside(&scene.pool, &|_: Progress| {}, work);
    timeout(SOON * 2, done).await.expect("the work goes on");
}
