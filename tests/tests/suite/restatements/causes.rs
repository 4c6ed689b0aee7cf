//! What a known cause explains: a change of configuration, a rebuild, and what had changed before it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_look_before_a_change_leaves_an_account_alone_of_which_another_one_is_pending() {
    let (scene, clock, publisher) = published_day().await;
    let why = "bot_operators of acme";
    note(&scene.pool, "acme", Cause::Configuration, Some(why)).await.unwrap();
    damage(&scene).await;
    clock.set(at("2026-01-16T04:00:00Z"));
    // Half of what it changes may be folded.
    for account in [None, Some("acme")] {
        let looked = look_before(&scene.pool, clock.now(), account).await.unwrap();
        assert_eq!((looked.days, looked.figures), (0, 0));
    }
    assert_eq!(restated(&scene).await, []);
    assert!(round(&publisher).await.1 > 0);
    assert_eq!(causes(&restated(&scene).await), [("configuration", Some(why))]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_changed_before_a_change_of_configuration_and_other_accounts_keep_their_own_cause() {
    let mut scene = Projected::unread().await;
    let both = |acme: AccountRules| {
        Rules::new(BTreeMap::from([("acme".to_owned(), acme), ("beta".to_owned(), rules(ALMATY))]))
    };
    scene.restart(both(rules(ALMATY))).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let zones = BTreeMap::from([(acme(), ALMATY), ("beta".parse().unwrap(), ALMATY)]);
    let publisher =
        Publisher::new(scene.log.clone(), scene.database.pool(), zones, 120.0, Arc::new(clock.clone()));
    round(&publisher).await;
    scene.take(&two_requests()).await;
    scene.take(&two_requests().into_iter().map(|delivery| of("beta", delivery)).collect::<Vec<_>>()).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (2, 0));

    // Late for both, and before anybody looked another operator is a bot at one of them.
    let late = webhook(&message(4, 81, Some(7002), "2026-01-15T06:01:40Z"), Some("2026-01-16T03:59:00Z"));
    let late_at_beta = of(
        "beta",
        webhook(&message(4, 81, Some(7002), "2026-01-15T06:01:40Z"), Some("2026-01-16T03:59:00Z")),
    );
    scene.take(&[late.clone(), late_at_beta.clone()]).await;
    clock.set(at("2026-01-16T04:00:00Z"));
    scene
        .restart(both(AccountRules { bots: ["7001".to_owned(), "7009".to_owned()].into(), ..rules(ALMATY) }))
        .await;
    round(&publisher).await;

    let rows = restated(&scene).await;
    assert_eq!(causes(&rows), [("late_delivery", None), ("configuration", Some("bot_operators of acme"))]);
    let of_cause = |cause: &str, metric: &str| {
        let mut found =
            rows.iter().filter(|row| row.cause == cause && row.dimension == "all" && row.metric == metric);
        found.next().map(|row| (row.old, row.new, row.delivery_id))
    };
    let n = "first_response.n";
    assert_eq!(of_cause("late_delivery", n), Some((Some(1.0), Some(2.0), Some(late.id.0))));
    assert_eq!(of_cause("configuration", n), Some((Some(2.0), Some(1.0), None)));
    let beta = restated_of(&scene, "beta").await;
    assert_eq!(causes(&beta), [("late_delivery", None)]);
    assert!(beta.iter().all(|row| row.delivery_id == Some(late_at_beta.id.0)), "{beta:?}");
    let known = rows.len();
    assert_eq!(round(&publisher).await, (0, 0));

    // The cause is not for what comes later.
    clock.set(at("2026-01-16T06:00:00Z"));
    scene
        .take(&[webhook(&message(5, 81, Some(7003), "2026-01-15T06:00:30Z"), Some("2026-01-16T05:59:00Z"))])
        .await;
    round(&publisher).await;
    assert_eq!(causes(&restated(&scene).await.split_off(known)), [("late_delivery", None)]);
    scene.end().await;
}

/// Makes all tables again and exchanges them, as the process does that dies before it restates.
async fn rebuilt(scene: &Projected, now: DateTime<Utc>) {
    let rules = Rules::new(BTreeMap::from([("acme".to_owned(), rules(ALMATY))]));
    let rebuild =
        Rebuild::new(scene.log.clone(), scene.database.pool(), rules, "rebuild", &scene.database.folder);
    let control = Control::new(CancellationToken::new());
    rebuild.build(false, &control).await.unwrap();
    rebuild.follow(&control, async || Ok(())).await.unwrap();
    look_before(&scene.pool, now, None).await.unwrap();
    rebuild.switch(&control).await.unwrap();
    rebuild.close().await;
    crate::tables::settled(&scene.pool, scene.log.as_ref()).await;
}

/// A row that the log does not say.
async fn damage(scene: &Projected) {
    sqlx::query(
        "update requests set frt_customer_seconds = 1, row_hash = row_hash + 1 where request_key = '80'",
    )
    .execute(&scene.pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_dies_before_it_restates_is_the_cause_all_the_same_and_of_nothing_else() {
    let (scene, clock, publisher) = published_day().await;
    damage(&scene).await;
    assert!(round(&publisher).await.1 > 0);
    let known = restated(&scene).await.len();
    // Of another conversation: its fold leaves the damage as it is.
    let mut asked = message(4, 95, None, "2026-01-15T06:01:40Z");
    asked["client_id"] = json!(6);
    asked["client"]["id"] = json!(6);
    asked["dialog_id"] = json!(42);
    scene.take(&[webhook(&asked, Some("2026-01-16T03:59:00Z"))]).await;
    clock.set(at("2026-01-16T04:00:00Z"));

    rebuilt(&scene, clock.now()).await;
    round(&publisher).await;
    let rows = restated(&scene).await.split_off(known);
    assert_eq!(causes(&rows), [("late_delivery", None), ("rebuild", None)]);
    let of_rebuild: BTreeSet<&str> =
        rows.iter().filter(|row| row.cause == "rebuild").map(|row| row.metric.as_str()).collect();
    assert!(of_rebuild.contains("first_response.mean"), "{of_rebuild:?}");
    assert!(!of_rebuild.contains("requests") && !of_rebuild.contains("reply.waiting"), "{of_rebuild:?}");
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_breaks_off_keeps_the_days_that_it_did_and_does_the_others_once() {
    breaks_off(None, ("late_delivery", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_breaks_off_leaves_the_cause_that_it_knew_to_the_next_one() {
    let why = "bot_operators of acme";
    breaks_off(Some(why), ("configuration", Some(why))).await;
}

/// Two days that something changed in, and a look that dies at the second one.
async fn breaks_off(noted: Option<&str>, cause: (&str, Option<&str>)) {
    let (scene, clock, publisher) = published_day().await;
    clock.set(at("2026-01-16T22:00:00Z"));
    let next = |id, request, operator, at: &str| webhook(&message(id, request, operator, at), None);
    scene.take(&[next(11, 90, None, "2026-01-16T05:00:00Z")]).await;
    assert_eq!(round(&publisher).await.0, 1);
    let known = restated(&scene).await.len();
    let late = Some("2026-01-17T03:00:00Z");
    scene
        .take(&[
            webhook(&message(4, 81, Some(7001), "2026-01-15T06:01:40Z"), late),
            webhook(&message(12, 90, Some(7001), "2026-01-16T05:01:00Z"), late),
        ])
        .await;
    for statement in [
        "create function ledger.break_off() returns trigger language plpgsql as \
         $$ begin if new.day = '2026-01-16' then raise exception 'broken off'; end if; return new; end $$",
        "create trigger break_off before insert on ledger.restatements for each row execute function ledger.break_off()",
    ] {
        sqlx::query(statement).execute(&scene.pool).await.unwrap();
    }
    if noted.is_some() {
        note(&scene.pool, "acme", Cause::Configuration, noted).await.unwrap();
    }
    clock.set(at("2026-01-17T04:00:00Z"));
    publisher.round(&CancellationToken::new()).await.unwrap_err();
    let days = |rows: &[RestatementRow]| rows.iter().map(|row| row.day).collect::<BTreeSet<_>>();
    let first = restated(&scene).await.split_off(known);
    assert_eq!(days(&first), [day("2026-01-15")].into());

    sqlx::query("drop trigger break_off on ledger.restatements").execute(&scene.pool).await.unwrap();
    round(&publisher).await;
    let rows = restated(&scene).await.split_off(known + first.len());
    assert_eq!(days(&rows), [day("2026-01-16")].into(), "the others, and none of them twice");
    assert_eq!((causes(&first), causes(&rows)), (vec![cause], vec![cause]));
    assert_eq!(store::figures::pending(&scene.pool).await.unwrap(), []);
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

/// Open the whole week between two hours.
fn open(from: u32, to: u32) -> Arc<Hours> {
    let week = std::array::from_fn(|_| vec![(from * 3600, to * 3600)]);
    Arc::new(Hours::new(&Calendar { versions: vec![Version { week, ..Version::default() }] }, ALMATY))
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_of_operators_and_who_is_in_their_groups_are_a_change_of_configuration() {
    let mut scene = Projected::unread().await;
    let all = |groups: &[(&str, u32)]| {
        let hours = |(group, from): &(&str, u32)| OperatorHours {
            operators: Vec::new(),
            groups: vec![(*group).to_owned()],
            hours: open(*from, 18),
        };
        let of_acme = AccountRules { hours: Some(open(9, 18)), ..rules(ALMATY) };
        Rules::new(BTreeMap::from([("acme".to_owned(), of_acme)]))
            .with_operator_hours(BTreeMap::from([("acme".to_owned(), groups.iter().map(hours).collect())]))
    };
    let group = |members: &[u64], fetched: &str| {
        let row = json!({"id": 60, "name": "Sales", "operator_ids": members});
        crate::projected::row("operators_groups?limit=200&offset=0", &row, fetched)
    };
    scene.restart(all(&[])).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    round(&publisher).await;
    // In Almaty it is five hours later: asked at 09:00, answered at 09:05.
    scene.take(&two_requests()).await;
    scene.take(&[group(&[7001], "2026-01-15T08:00:00Z")]).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (1, 0));

    // The group begins at ten: the five minutes are none of its hours.
    clock.set(at("2026-01-16T04:00:00Z"));
    scene.restart(all(&[("60", 10)])).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await;
    assert_eq!(causes(&rows), [("configuration", Some("operator_calendar of acme"))]);
    let found = |rows: &[RestatementRow], dimension: &str, metric: &str| {
        let is_it = |row: &&RestatementRow| row.dimension == dimension && row.metric == metric;
        rows.iter().find(is_it).map(|row| (row.old, row.new))
    };
    assert_eq!(found(&rows, "all", "reply_business.mean"), Some((Some(300.0), Some(0.0))));
    assert_eq!(found(&rows, "operator", "first_response_business.mean"), Some((Some(300.0), Some(0.0))));
    assert_eq!(
        found(&rows, "all", "first_response_business.mean"),
        None,
        "all contacts: the account's calendar"
    );

    // He leaves the group, while something comes late.
    clock.set(at("2026-01-16T06:00:00Z"));
    scene
        .take(&[
            group(&[7002], "2026-01-16T05:00:00Z"),
            webhook(&message(4, 81, Some(7001), "2026-01-15T06:01:40Z"), Some("2026-01-16T05:00:00Z")),
        ])
        .await;
    let known = rows.len();
    round(&publisher).await;
    let rows = restated(&scene).await.split_off(known);
    let cause = |metric: &str| {
        rows.iter()
            .filter(|row| row.metric == metric)
            .map(|row| (row.cause.as_str(), row.detail.as_deref()))
            .next()
    };
    assert_eq!(cause("reply_business.mean"), Some(("configuration", Some("operator_groups of acme"))));
    assert_eq!(cause("first_response.n"), Some(("late_delivery", None)));
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_calendar_restates_contacts_that_still_wait() {
    let mut scene = Projected::unread().await;
    let until = |seconds: u32| {
        let week = std::array::from_fn(|_| vec![(9 * 3600, seconds)]);
        let calendar = Calendar { versions: vec![Version { week, ..Version::default() }] };
        let hours = Some(Arc::new(Hours::new(&calendar, ALMATY)));
        Rules::new(BTreeMap::from([("acme".to_owned(), AccountRules { hours, ..rules(ALMATY) })]))
    };
    scene.restart(until(18 * 3600)).await;
    let clock = ManualClock::at(at("2026-01-15T03:00:00Z"));
    let publisher = publisher(&scene, ALMATY, &clock);
    round(&publisher).await;
    // Asked at eleven, and never answered.
    scene.take(&[webhook(&message(3, 81, None, "2026-01-15T06:00:00Z"), None)]).await;
    clock.set(at("2026-01-15T22:00:00Z"));
    assert_eq!(round(&publisher).await, (1, 0));
    let within = "first_response_business.within_target";
    assert_eq!(published(&scene, "2026-01-15", "all", "all", within).await, Some(0.0));

    // They close a minute later: it has not waited too long.
    clock.set(at("2026-01-16T04:00:00Z"));
    scene.restart(until(11 * 3600 + 60)).await;
    assert!(round(&publisher).await.1 > 0);
    let rows = restated(&scene).await;
    assert_eq!(causes(&rows), [("configuration", Some("calendar of acme"))]);
    let found = rows.iter().find(|row| row.dimension == "all" && row.metric == within);
    assert_eq!(found.map(|row| (row.old, row.new)), Some((Some(0.0), None)));
    assert_eq!(round(&publisher).await, (0, 0));
    scene.end().await;
}
