//! `report scores` against the same rules, one value at a time.

use std::collections::{BTreeMap, BTreeSet};

use chatledger_tests::database;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use store::report::{By, ScoresQuery, ScoresRow, scores};
use store::tables::{RequestRow, TagScoreRow, upsert};

use super::naive::{Case, Dice, cases};
use super::{ZONE, account, at};

fn score(dice: &mut Dice, no: usize, rated: Option<&RequestRow>, given_at: DateTime<Utc>) -> TagScoreRow {
    let score = f64::from(i32::try_from(dice.below(5) + 1).unwrap());
    let sentiment = if score >= 4.0 {
        "good"
    } else if score <= 2.0 {
        "bad"
    } else {
        "neutral"
    };
    TagScoreRow {
        account_id: "acme".to_owned(),
        valuation_request_key: format!("v{no}"),
        client_id: "1".to_owned(),
        request_key: rated.map(|request| request.request_key.clone()),
        source: "tag".to_owned(),
        given_at,
        local_day: given_at.with_timezone(&ZONE).date_naive(),
        tag_id: no.is_multiple_of(2).then(|| "score-5".to_owned()),
        score,
        scale: 5.0,
        sentiment: sentiment.to_owned(),
        withdrawn_at: (dice.below(8) == 0).then_some(given_at),
        operator_id: rated.and_then(|request| request.last_operator_id.clone()),
        ..TagScoreRow::default()
    }
}

/// Where something counts. A tag that is a score is no topic.
fn keys(by: By, operator: Option<&str>, case: Option<&Case>, day: NaiveDate) -> BTreeSet<String> {
    let of = |value: Option<&String>| value.cloned().unwrap_or_default();
    let request = case.map(|case| &case.request);
    let key = match by {
        By::All => "all".to_owned(),
        By::Operator => operator.unwrap_or_default().to_owned(),
        By::Channel => of(request.and_then(|request| request.channel_id.as_ref())),
        By::Transport => of(request.and_then(|request| request.transport.as_ref())),
        By::Day => request.map_or(day, |request| request.local_day).to_string(),
        By::Hour => request.map_or_else(String::new, |request| request.local_hour.to_string()),
        By::Tag => {
            return case.map_or_else(|| [String::new()].into(), |case| case.topics(|tag| tag != "score-5"));
        }
    };
    [key].into()
}

fn naive(cases: &[Case], scores: &[TagScoreRow], query: &ScoresQuery<'_>) -> BTreeMap<String, [i64; 6]> {
    let within =
        |day: NaiveDate| query.from.is_none_or(|from| day >= from) && query.to.is_none_or(|to| day <= to);
    let mut found: BTreeMap<String, [i64; 6]> = BTreeMap::new();
    if query.by == By::All {
        found.insert("all".to_owned(), [0; 6]);
    }
    let is_closed = |case: &&Case| {
        let request = &case.request;
        request.kind == "common" && request.closed_at.is_some() && within(request.local_day)
    };
    for case in cases.iter().filter(is_closed) {
        let request = &case.request;
        let operator = request.last_operator_id.as_deref().or(request.holder_operator_id.as_deref());
        for key in keys(query.by, operator, Some(case), request.local_day) {
            found.entry(key).or_default()[0] += 1;
        }
    }
    let mut rated: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for score in scores.iter().filter(|score| score.withdrawn_at.is_none()) {
        let case = cases.iter().find(|case| Some(&case.request.request_key) == score.request_key.as_ref());
        if !within(case.map_or(score.local_day, |case| case.request.local_day)) {
            continue;
        }
        for key in keys(query.by, score.operator_id.as_deref(), case, score.local_day) {
            let counts = found.entry(key.clone()).or_default();
            counts[1] += 1;
            counts[match score.sentiment.as_str() {
                "good" => 2,
                "neutral" => 3,
                _ => 4,
            }] += 1;
            rated
                .entry(key)
                .or_default()
                .insert(score.request_key.as_ref().unwrap_or(&score.valuation_request_key));
        }
    }
    for (key, rated) in rated {
        found.entry(key).or_default()[5] = i64::try_from(rated.len()).unwrap();
    }
    found
}

#[tokio::test]
async fn the_scores_report_equals_a_naive_reading_of_random_scores() {
    let pool = database().await.pool();
    let mut connection = pool.acquire().await.unwrap();
    let mut dice = Dice::new(9);
    let cases = cases(&mut dice, 200, None);
    let requests: Vec<RequestRow> = cases.iter().map(|case| case.request.clone()).collect();
    let tags: Vec<_> = cases.iter().flat_map(|case| case.tags.clone()).collect();
    let mut all = Vec::new();
    for no in 0..150 {
        // Some rate one request twice (two scales), some rate a request that is not known.
        let rated = (dice.below(10) > 0).then(|| dice.one(&requests[..120]));
        let given_at = rated.as_ref().map_or_else(|| at("2026-03-27T12:00:00Z"), |request| request.opened_at)
            + Duration::hours(dice.below(40));
        all.push(score(&mut dice, no, rated.as_ref(), given_at));
    }
    upsert(&mut connection, &requests).await.unwrap();
    upsert(&mut connection, &all).await.unwrap();
    upsert(&mut connection, &tags).await.unwrap();
    let acme = account("acme");
    let day = |text: &str| -> Option<NaiveDate> { text.parse().ok() };
    for (from, to) in
        [(None, None), (day("2026-03-27"), day("2026-03-29")), (day("2027-01-01"), day("2027-02-01"))]
    {
        for by in By::ALL {
            let query = ScoresQuery { account: &acme, from, to, by };
            let rows = scores(&mut *connection, &query).await.unwrap();
            let what = format!("{from:?} to {to:?} by {}", by.as_str());
            let expected = naive(&cases, &all, &query);
            let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
            assert_eq!(keys, expected.keys().map(String::as_str).collect(), "{what}");
            for (key, [requests, rated, good, neutral, bad, rated_requests]) in expected {
                let row: &ScoresRow = rows.iter().find(|row| row.key == key).unwrap();
                assert_eq!(
                    [row.requests, row.rated, row.good, row.neutral, row.bad],
                    [requests, rated, good, neutral, bad],
                    "{what} {key}"
                );
                let share = |part: i64, of: i64| (of > 0).then(|| part as f64 / of as f64);
                assert_eq!(row.csat, share(good, rated), "{what} {key}");
                assert_eq!(
                    row.response_rate,
                    share(rated_requests, requests).filter(|rate| *rate <= 1.0),
                    "{what} {key}"
                );
                assert!(
                    row.low
                        .is_none_or(|low| low <= row.csat.unwrap() && row.csat.unwrap() <= row.high.unwrap())
                );
            }
        }
    }
}
