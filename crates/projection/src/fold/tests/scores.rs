//! Tags, scores and assignments.

use super::*;
use crate::{ScoreTag, Scores};

fn tagged(hook: &str, request: u64, tag: u64, clock: &str) -> Delivery {
    webhook(&json!({"hook_type": hook, "id": tag, "request_id": request, "client_id": 330_001,
                    "label": format!("score-{}", tag - 610), "event_time": format!("2026-01-15T{clock}Z")}))
}

fn put(request: u64, tag: u64, clock: &str) -> Delivery {
    tagged("add_tag_to_request", request, tag, clock)
}

fn taken_off(request: u64, tag: u64, clock: &str) -> Delivery {
    tagged("delete_tag_from_request", request, tag, clock)
}

/// Fetched at noon of the next day.
fn rated(valuation: u64, request: u64, scale: u64, score: u64) -> Delivery {
    row(
        "statistics?report=rating",
        &json!({"valuation_request_id": valuation, "request_id": request, "rating_scale_id": scale,
                "rating_scale_score": score, "operator_id": 7003, "created_at": "2026-01-15 10:30:00",
                "rating_text": "fine"}),
    )
}

/// A contact (request 1) that was answered by 7001 and then 7002, closed at ten, and its survey (request 2).
fn surveyed() -> Vec<Delivery> {
    vec![
        client(1, "09:00:00"),
        from("7001", 2, "09:05:00"),
        client(3, "09:10:00"),
        from("7002", 4, "09:15:00"),
        closed(1, "10:00:00"),
        opened(2, "10:00:05", "rating", false),
    ]
}

fn scored(deliveries: Vec<Delivery>) -> Vec<store::tables::TagScoreRow> {
    let rules = AccountRules {
        scores: Scores::new(
            (1..=5)
                .map(|n| ScoreTag { tag: format!("score-{n}"), score: f64::from(n), scale: 5.0 })
                .collect(),
        ),
        ..rules().clone()
    };
    let forward = fold(&subject(&deliveries), &rules).scores;
    let backward: Vec<Delivery> = deliveries.into_iter().rev().collect();
    assert_eq!(forward, fold(&subject(&backward), &rules).scores);
    forward
}

fn with(more: impl IntoIterator<Item = Delivery>) -> Vec<store::tables::TagScoreRow> {
    scored(surveyed().into_iter().chain(more).collect())
}

#[test]
fn a_tag_on_the_survey_rates_the_contact_before_it_and_its_last_replier() {
    let scores = with([put(2, 612, "10:01:00")]);
    let [score] = scores.as_slice() else { panic!("{scores:?}") };
    assert_eq!((score.valuation_request_key.as_str(), score.request_key.as_deref()), ("2", Some("1")));
    assert_eq!((score.score, score.scale, score.sentiment.as_str()), (2.0, 5.0, "bad"));
    assert_eq!((score.source.as_str(), score.link.as_deref()), ("tag", Some("derived")));
    assert_eq!(score.operator_id.as_deref(), Some("7002"));
    assert_eq!((score.given_at, score.withdrawn_at), (at("10:01:00"), None));
}

#[test]
fn a_reply_after_the_rating_does_not_change_whose_work_was_rated() {
    let scores = scored(vec![
        client(1, "09:00:00"),
        from("7001", 2, "09:05:00"),
        put(1, 612, "09:06:00"),
        from("7002", 4, "09:15:00"),
    ]);
    assert_eq!(scores[0].operator_id.as_deref(), Some("7001"));
}

#[test]
fn a_tag_on_the_contact_itself_rates_it() {
    let scores = scored(vec![client(1, "09:00:00"), from("7001", 2, "09:05:00"), put(1, 615, "09:20:00")]);
    assert_eq!((scores[0].request_key.as_deref(), scores[0].link.as_deref()), (Some("1"), Some("given")));
    assert_eq!(scores[0].sentiment, "good");
}

#[test]
fn tag_and_report_are_one_score_and_the_report_wins() {
    let scores = with([put(2, 612, "10:01:00"), rated(2, 1, 3, 4)]);
    let [score] = scores.as_slice() else { panic!("{scores:?}") };
    assert_eq!((score.scale_id.as_str(), score.score, score.source.as_str()), ("", 4.0, "both"));
    assert_eq!((score.link.as_deref(), score.comment.as_deref()), (Some("given"), Some("fine")));
    assert_eq!(score.given_at, at("10:01:00"), "the tag's time is finer");
}

#[test]
fn a_report_alone_is_a_score_and_zero_is_none() {
    let scores = with([rated(2, 1, 3, 3)]);
    assert_eq!(
        (scores[0].score, scores[0].source.as_str(), scores[0].sentiment.as_str()),
        (3.0, "report", "neutral")
    );
    assert_eq!(scores[0].given_at, at("10:30:00"));
    assert!(with([rated(2, 1, 3, 0)]).is_empty());
}

#[test]
fn several_scales_are_several_scores() {
    let scores = with([put(2, 614, "10:01:00"), rated(2, 1, 3, 4), rated(2, 1, 7, 1)]);
    let found: Vec<_> = scores.iter().map(|s| (s.scale_id.as_str(), s.score, s.source.as_str())).collect();
    assert_eq!(found, [("3", 4.0, "both"), ("7", 1.0, "report")]);
}

#[test]
fn each_scale_of_a_survey_is_read_from_whichever_column_has_its_score() {
    let listed = |scale: &str, fields: &Value| {
        let mut body = json!({"valuation_request_id": "2", "request_id": 1, "rating_scale_id": scale, "operator_id": "7003",
                              "created_at": "2026-01-15 10:30:00"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        row("statistics?report=rating", &body)
    };
    let scores = with([
        put(2, 611, "10:01:00"),
        listed("speed", &json!({"rating_scale_score": "4.0"})),
        listed("manners", &json!({"rating_scale_score": "", "score_value": "5"})),
        listed("price", &json!({"rating_scale_score": 0, "score_value": ""})),
        listed("place", &json!({"rating_scale_score": 1, "score_value": 1})),
    ]);
    let found: Vec<_> = scores.iter().map(|s| (s.scale_id.as_str(), s.score, s.source.as_str())).collect();
    // What the tag says is the scale that has its score; one without a score is no row.
    assert_eq!(found, [("manners", 5.0, "report"), ("place", 1.0, "both"), ("speed", 4.0, "report")]);
    assert!(scores.iter().all(|score| score.request_key.as_deref() == Some("1")));
}

#[test]
fn taking_the_tag_off_withdraws_unless_a_later_report_still_lists_it() {
    let scores = with([put(2, 612, "10:01:00"), taken_off(2, 612, "10:02:00")]);
    assert_eq!(scores[0].withdrawn_at, Some(at("10:02:00")));
    // The report is of the next day.
    let scores = with([put(2, 612, "10:01:00"), taken_off(2, 612, "10:02:00"), rated(2, 1, 3, 2)]);
    assert_eq!(scores[0].withdrawn_at, None);
    assert!(with([taken_off(2, 612, "10:02:00")]).is_empty(), "a withdrawal alone makes none");
}

#[test]
fn who_changes_the_mind_gives_the_later_score() {
    let scores = with([put(2, 611, "10:01:00"), taken_off(2, 611, "10:02:00"), put(2, 615, "10:02:00")]);
    let [score] = scores.as_slice() else { panic!("{scores:?}") };
    assert_eq!((score.score, score.withdrawn_at), (5.0, None));
}

#[test]
fn each_time_a_tag_is_put_on_is_an_episode() {
    let deliveries: Vec<Delivery> = surveyed()
        .into_iter()
        .chain([
            put(1, 700, "09:01:00"),
            taken_off(1, 700, "09:02:00"),
            put(1, 700, "09:03:00"),
            put(1, 700, "09:04:00"),
        ])
        .collect();
    let tags = folded(&deliveries).tags;
    let found: Vec<_> = tags.iter().map(|t| (t.episode, t.added_at, t.removed_at)).collect();
    assert_eq!(found, [(1, at("09:01:00"), Some(at("09:02:00"))), (2, at("09:03:00"), None)]);
}

#[test]
fn each_unbroken_holding_is_an_assignment_that_ends_with_the_next_or_the_close() {
    let deliveries = vec![
        client(1, "09:00:00"),
        from("7009", 2, "09:00:10"),
        transferred(7001, "09:02:00"),
        from("7001", 3, "09:05:00"),
        client(4, "09:10:00"),
        from("7002", 5, "09:12:00"),
        from("7002", 6, "09:13:00"),
        closed(1, "10:00:00"),
    ];
    let assignments = folded(&deliveries).assignments;
    let found: Vec<_> = assignments
        .iter()
        .map(|a| (a.operator_id.as_str(), a.how.as_str(), a.from_at, a.to_at, a.frt_agent_seconds))
        .collect();
    assert_eq!(
        found,
        [
            ("7009", "assigned", at("09:00:10"), Some(at("09:02:00")), None),
            // From taking over, not from the question before it.
            ("7001", "transfer", at("09:02:00"), Some(at("09:12:00")), Some(180.0)),
            ("7002", "derived", at("09:12:00"), Some(at("10:00:00")), Some(0.0)),
        ]
    );
}
