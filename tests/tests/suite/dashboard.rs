//! `store::dashboard`: the rows behind a figure are as many as the figure says, whatever it is grouped by; and what the
//! page shows of people, CRMs and the pipeline.

use chatledger_tests::database;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use store::dashboard::{
    CrmRecord, DaysOf, Requests, Scores, Which, crm_counts, crm_records, last_read_at, latest_crm_records,
    leads, reject_counts, rejects, requests, roads, scores, targets, waiting,
};
use store::report::{By, Query, ScoresQuery, response_times};

pub(crate) mod business;

use business::{CLIENTS, OPERATORS, ZONE, account, business, escalate, lead, now, score};

fn local(instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&ZONE).date_naive()
}

#[tokio::test]
async fn there_are_as_many_rows_behind_a_figure_as_it_says() {
    let pool = database().await.pool();
    business(&pool, "acme").await;
    business(&pool, "other").await;
    let acme = account("acme");
    let today = local(now());
    let mut seen = [0; 6];
    for (from, to, as_of) in [
        (Some(today), Some(today), now()),
        (Some(today - Duration::days(13)), Some(today), now()),
        // A day that is over, looked at a while before its end: some were asked later, some were still waiting.
        (Some(today - Duration::days(3)), Some(today - Duration::days(3)), now() - Duration::days(3)),
        (None, None, now()),
    ] {
        for by in [By::All, By::Operator, By::Channel, By::Transport, By::Day, By::Hour] {
            let of = Query { account: &acme, from, to, by, target_seconds: 120.0, as_of };
            let report = response_times(&pool, &of).await.unwrap();
            assert!(by == By::All || report.len() > 1 || from == to, "{by:?}: several rows");
            for row in report {
                let first = row.first_response;
                for (at, which) in Which::ALL.into_iter().enumerate() {
                    let asked = Requests { of: of.clone(), key: Some(&row.key), which, limit: 3 };
                    let lines = requests(&pool, &asked).await.unwrap();
                    let total = lines.first().map_or(0, |line| line.total);
                    seen[at] += total;
                    let figure = match which {
                        Which::Requests => row.requests,
                        Which::LeftOut => row.left_out,
                        Which::Answered => first.n,
                        Which::Unanswered => first.unanswered,
                        Which::Waiting => first.waiting,
                        // Within target = met / (met + missed).
                        Which::Late => {
                            let within = Requests { which: Which::Answered, limit: 10_000, ..asked.clone() };
                            let answered = requests(&pool, &within).await.unwrap();
                            let met =
                                answered.iter().filter(|l| l.frt_customer_seconds <= Some(120.0)).count();
                            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
                            let share = met as f64 / (met as f64 + total as f64);
                            assert!(first.within_target.is_none_or(|within| (within - share).abs() < 1e-9));
                            total
                        }
                    };
                    assert_eq!(figure, total, "{which:?} {by:?} {} {from:?}", row.key);
                    assert_eq!(lines.len(), usize::try_from(total.min(3)).unwrap());
                }
            }
        }
    }
    assert!(seen.iter().all(|n| *n > 10), "every figure had rows: {seen:?}");
}

#[tokio::test]
async fn rows_carry_names_and_links_and_come_newest_first() {
    let pool = database().await.pool();
    business(&pool, "acme").await;
    let acme = account("acme");
    let of = Query { account: &acme, from: None, to: None, by: By::All, target_seconds: 120.0, as_of: now() };
    let asked = Requests { of, key: None, which: Which::Answered, limit: 50 };
    let lines = requests(&pool, &asked).await.unwrap();
    assert!(lines.len() == 50 && lines.windows(2).all(|pair| pair[0].began_at >= pair[1].began_at));
    let line = &lines[0];
    assert!(CLIENTS.contains(&line.client.as_str()), "{line:?}");
    assert!(OPERATORS.iter().any(|(_, name)| Some(*name) == line.operator.as_deref()), "{line:?}");
    assert!(line.web_url.as_deref().unwrap().starts_with("https://web.example.org/"), "{line:?}");
}

#[tokio::test]
async fn who_waits_now_is_who_the_report_says_the_longest_first() {
    let pool = database().await.pool();
    business(&pool, "acme").await;
    let report = store::report::waiting(&pool, "acme").await.unwrap();
    let lines = waiting(&pool, "acme", 1000).await.unwrap();
    assert!(report.requests > 2);
    assert_eq!(i64::try_from(lines.len()).unwrap(), report.requests);
    assert_eq!(lines.first().map(|line| line.waiting_since), report.since);
    assert!(lines.windows(2).all(|pair| pair[0].waiting_since <= pair[1].waiting_since));
    assert!(lines.iter().any(|line| line.operator.is_none()) && lines.iter().all(|line| line.is_first));
    assert_eq!(waiting(&pool, "acme", 1).await.unwrap(), lines[..1]);
    assert!(waiting(&pool, "other", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_score_stands_beside_its_latest_escalation_and_a_withdrawn_one_nowhere() {
    let pool = database().await.pool();
    business(&pool, "acme").await;
    score(&pool, "acme", "v1", "1", 1.0, Duration::minutes(1)).await;
    score(&pool, "acme", "v2", "2", 5.0, Duration::minutes(2)).await;
    score(&pool, "acme", "v3", "3", 3.0, Duration::minutes(3)).await;
    score(&pool, "acme", "v4", "4", 2.0, Duration::days(3)).await;
    score(&pool, "acme", "v5", "5", 1.0, Duration::minutes(4)).await;
    score(&pool, "other", "v1", "1", 1.0, Duration::minutes(1)).await;
    sqlx::query("update tag_scores set withdrawn_at = given_at where valuation_request_key = 'v5'")
        .execute(&pool)
        .await
        .unwrap();
    escalate(&pool, "acme", "v1", 1, "closed", Some("Ada")).await;
    escalate(&pool, "acme", "v1", 2, "acknowledged", Some("Grace")).await;
    escalate(&pool, "other", "v4", 1, "open", None).await;

    let today = local(now());
    let asked = Scores {
        account: "acme",
        from: None,
        to: Some(today),
        days_of: DaysOf::Giving,
        sentiment: Some("bad"),
        limit: 10,
    };
    let low = scores(&pool, &asked).await.unwrap();
    let told: Vec<_> = low
        .iter()
        .map(|line| (line.valuation_request_key.as_str(), line.escalation.as_deref(), line.owner.as_deref()))
        .collect();
    assert_eq!(told, [("v1", Some("acknowledged"), Some("Grace")), ("v4", None, None)]);
    assert_eq!(
        (low[0].client.as_str(), low[0].operator.as_deref()),
        ("Marta Kowalska", Some("Tomáš Dvořák"))
    );
    assert!(low[0].web_url.is_some() && low[0].total == 2);
    let all = Scores { from: Some(today), sentiment: None, limit: 2, ..asked };
    let found = scores(&pool, &all).await.unwrap();
    assert_eq!((found.len(), found[0].total), (2, 3), "those that were given today");

    // By the days of the rated requests there are as many as the report counts.
    let acme = account("acme");
    for from in [None, Some(today), Some(today - Duration::days(3))] {
        let query = ScoresQuery { account: &acme, from, to: Some(today), by: By::All };
        let rated = store::report::scores(&pool, &query).await.unwrap()[0].rated;
        let of_requests = Scores { from, days_of: DaysOf::Request, ..all.clone() };
        let found = scores(&pool, &of_requests).await.unwrap();
        assert_eq!(found.first().map_or(0, |line| line.total), rated, "{from:?}");
    }
}

#[tokio::test]
async fn crms_receivers_roads_and_rejects_are_counted_by_account() {
    let pool = database().await.pool();
    for (client, crm) in [
        ("1", Some(("hub", "ok", "https://crm.example.org/1"))),
        ("2", Some(("hub", "ok", "https://crm.example.org/2"))),
        ("3", Some(("hub", "dead", "javascript:alert(1)"))),
        ("4", Some(("hub", "pending", ""))),
        ("5", Some(("wire", "failed", ""))),
        ("6", None),
    ] {
        lead(&pool, "acme", client, &format!("Client {client}"), crm).await;
    }
    lead(&pool, "other", "1", "Stranger", Some(("hub", "ok", "https://crm.example.org/x"))).await;
    assert_eq!(leads(&pool, "acme").await.unwrap(), 6);
    let counts = crm_counts(&pool, "acme").await.unwrap();
    let told: Vec<_> =
        counts.iter().map(|c| (c.crm.as_str(), c.in_sync, c.pending, c.failed, c.dead)).collect();
    assert_eq!(told, [("hub", 2, 1, 0, 1), ("wire", 0, 0, 1, 0)]);
    assert_eq!(counts[0].accepted_at, Some(now() - Duration::minutes(1)));
    let records = crm_records(&pool, "acme", Some("hub"), Some("ok"), 1).await.unwrap();
    assert_eq!((records.len(), records[0].total, records[0].client.as_str()), (1, 2, "Client 1"));
    let all = crm_records(&pool, "acme", None, None, 10).await.unwrap();
    assert_eq!(all.len(), 5);
    let latest = latest_crm_records(&pool, "acme", 2).await.unwrap();
    let keys = |records: &[CrmRecord]| records.iter().map(|r| r.lead_key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&latest), keys(&all[..2]));

    for (key, account, target, status) in [
        ("a", "acme", "crm/hub", "done"),
        ("b", "acme", "crm/hub", "pending"),
        ("c", "acme", "crm/hub", "in_flight"),
        ("d", "acme", "crm/hub", "dead"),
        ("e", "acme", "notifier/ops", "done"),
        ("f", "other", "crm/hub", "pending"),
    ] {
        sqlx::query(
            "insert into ledger.effects (effect_key, account_id, target, subject, version, status, next_attempt_at, intended_at) \
             values ($1, $2, $3, $1, 1, $4, $5, $5)",
        )
        .bind(key)
        .bind(account)
        .bind(target)
        .bind(status)
        .bind(now())
        .execute(&pool)
        .await
        .unwrap();
    }
    store::effects::pause_target(&pool, "notifier/mail", now(), true, "login refused", now()).await.unwrap();
    let found = targets(&pool, "acme").await.unwrap();
    let told: Vec<_> =
        found.iter().map(|t| (t.target.as_str(), t.waiting, t.dead, t.reason.as_deref())).collect();
    assert_eq!(told, [("crm/hub", 2, 1, None), ("notifier/mail", 0, 0, Some("login refused"))]);
    assert_eq!((found[0].oldest_at, found[1].broken_since), (Some(now()), Some(now())));

    let today = local(now());
    sqlx::query(
        "insert into accounting (account_id, road, day, partition, appended, decoded, partly_rejected, rejected) \
         values ('acme', 'webhook', $1, 0, 10, 8, 1, 1), ('acme', 'webhook', $1, 1, 5, 5, 0, 0), \
                ('acme', 'backfill', $1 - 2, 0, 100, 99, 0, 0), ('other', 'webhook', $1, 0, 9, 9, 0, 0)",
    )
    .bind(today)
    .execute(&pool)
    .await
    .unwrap();
    let found = roads(&pool, "acme", today).await.unwrap();
    let told: Vec<_> =
        found.iter().map(|r| (r.road.as_str(), r.today, r.appended, r.rejected, r.unaccounted)).collect();
    assert_eq!(told, [("backfill", 0, 100, 0, 1), ("webhook", 15, 15, 2, 0)]);
    assert_eq!(found[0].last_day, today - Duration::days(2));

    for (part, reason) in [(0, "not_json"), (1, "not_json"), (2, "wrong_type")] {
        sqlx::query(
            "insert into rejects values ('acme', gen_random_uuid(), $1, $2, 'where', 'webhook', $3, 0, 0)",
        )
        .bind(part)
        .bind(reason)
        .bind(now() - Duration::minutes(part.into()))
        .execute(&pool)
        .await
        .unwrap();
    }
    let found = reject_counts(&pool, "acme").await.unwrap();
    let told: Vec<_> = found.iter().map(|r| (r.reason.as_str(), r.rejects, r.last_at)).collect();
    assert_eq!(told, [("not_json", 2, now()), ("wrong_type", 1, now() - Duration::minutes(2))]);
    let lines = rejects(&pool, "acme", Some("not_json"), 1).await.unwrap();
    assert_eq!((lines.len(), lines[0].total, lines[0].received_at), (1, 2, now()));
    assert!(rejects(&pool, "other", None, 5).await.unwrap().is_empty());

    assert_eq!(last_read_at(&pool).await.unwrap(), None);
    sqlx::query(
        "insert into positions (partition, log_id, next, epoch, updated_at) values (0, 'x', 3, 1, $1)",
    )
    .bind(now())
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(last_read_at(&pool).await.unwrap(), Some(now()));
}
