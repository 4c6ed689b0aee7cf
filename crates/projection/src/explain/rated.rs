//! Tags put on and taken off, scores and what they rate.

use super::{Part, Step, Telling};

/// Each time that a tag was put on or taken off.
pub(super) fn tags(telling: &Telling<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for row in telling.folded.tags.iter().filter(|row| telling.is_told_of(Some(&row.request_key))) {
        let key = Some(row.request_key.as_str());
        let label = row.label.as_deref().map_or_else(String::new, |label| format!(" ({label})"));
        let tag = format!("tag {}{label}", row.tag_id);
        steps.push(
            Step::new(Part::Tag, key, Some(row.added_at), format!("{tag} put on")).by(Some(row.delivery_id)),
        );
        if let Some(at) = row.removed_at {
            let by = telling.evidence.untagging(&row.request_key, &row.tag_id, at);
            steps.push(Step::new(Part::Tag, key, Some(at), format!("{tag} taken off")).by(by));
        }
    }
    steps
}

/// Each score that a request gave or got.
pub(super) fn scores(telling: &Telling<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let told_of = |row: &&store::tables::TagScoreRow| {
        telling.is_told_of(row.request_key.as_deref()) || telling.is_told_of(Some(&row.valuation_request_key))
    };
    for row in telling.folded.scores.iter().filter(told_of) {
        let rated = row.request_key.as_deref().unwrap_or("nothing that is known");
        let link = match row.link.as_deref() {
            Some("given") => "as the platform says",
            _ => "derived: the last closed contact before the survey",
        };
        let operator = row.operator_id.as_deref().map_or_else(String::new, |operator| {
            format!("; for operator {operator}, who replied last before it")
        });
        let what = format!(
            "score {} of {} ({}) by {}, in request {}, rates request {rated} ({link}){operator}",
            row.score,
            row.scale,
            row.sentiment,
            match row.source.as_str() {
                "both" => "tag and report",
                source => source,
            },
            row.valuation_request_key,
        );
        let key = row.request_key.as_deref();
        steps.push(Step::new(Part::Score, key, Some(row.given_at), what).by(Some(row.delivery_id)));
        if telling.with_texts
            && let Some(comment) = &row.comment
        {
            let what = format!("with the words: {comment}");
            steps.push(Step::new(Part::Score, key, Some(row.given_at), what).by(Some(row.delivery_id)));
        }
        if let Some(at) = row.withdrawn_at {
            let by = row
                .tag_id
                .as_deref()
                .and_then(|tag| telling.evidence.untagging(&row.valuation_request_key, tag, at));
            let what = "the score is withdrawn: its tag was taken off".to_owned();
            steps.push(Step::new(Part::Score, key, Some(at), what).by(by));
        }
    }
    steps
}
