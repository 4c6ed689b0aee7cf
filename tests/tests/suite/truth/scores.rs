//! Scores as they were given, by each road.

use super::*;

/// Valuation request to: rated request, score, operator, whether it was taken back.
type Given = BTreeMap<String, (String, f64, String, bool)>;

/// What the business knows of those scores that a road can tell of.
fn given(scores: &[Value], is_told: impl Fn(&Value) -> bool) -> Given {
    let id = |value: &Value| value.to_string().trim_matches('"').to_owned();
    let one = |score: &Value| {
        let withdrawn = !score["withdrawn_at"].is_null();
        let (rated, value) = (id(&score["request_id"]), score["score"].as_f64().unwrap());
        (id(&score["valuation_request_id"]), (rated, value, id(&score["last_replier"]), withdrawn))
    };
    scores.iter().filter(|score| is_told(score)).map(one).collect()
}

async fn found(pool: &PgPool) -> Given {
    let rows = sqlx::query(
        "select valuation_request_key, request_key, score, coalesce(operator_id, 'null') as operator_id, \
                withdrawn_at is not null as withdrawn from tag_scores",
    );
    let rows = rows.fetch_all(pool).await.unwrap();
    let one = |row: &sqlx::postgres::PgRow| (row.get(0), (row.get(1), row.get(2), row.get(3), row.get(4)));
    rows.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_are_those_that_were_given_and_rate_whose_work_they_rated() {
    for roads in [WEBHOOKS, BACKFILL, BOTH] {
        let seen = Seen::by(roads, Mishaps::default()).await;
        // A report lists what still stands.
        let is_told = |score: &Value| {
            let source = score["source"].as_str().unwrap();
            (roads.webhooks && source != "report")
                || (roads.backfill && source != "tag" && score["withdrawn_at"].is_null())
        };
        let (expected, found) = (given(&seen.scores, is_told), found(&seen.pool).await);
        assert!(expected.len() > 10, "{roads:?}: {} scores", expected.len());
        let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        let differing: Vec<String> = keys
            .into_iter()
            .filter(|key| expected.get(*key) != found.get(*key))
            .map(|key| format!("{key}: {:?}, not {:?}", found.get(key), expected.get(key)))
            .collect();
        assert!(differing.is_empty(), "{roads:?}: {}", differing.join("\n"));
    }
}
