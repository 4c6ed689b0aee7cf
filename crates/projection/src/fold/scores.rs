//! Scores: the tag on the survey's own request and the row of the rating report, merged; whose work they rate
//! (design.md 7.1, 7.6; reference/chat2desk.md 6.7).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use events::DeliveryId;
use events::fact::RequestKind;
use store::tables::{RequestRow, TagScoreRow};

use super::Scope;
use super::evidence::{Evidence, Rating};
use super::saved::{BeforeTheCut, Saved};
use super::segment::{Segment, Segments};
use super::tags::Episode;
use crate::account::ScoreTag;

/// What the tags of one valuation request say.
struct Tagged<'a> {
    episode: &'a Episode,
    score: &'a ScoreTag,
}

/// The rows of the scores: one for each valuation and scale.
pub(super) fn rows(
    scope: &Scope<'_>,
    evidence: &Evidence,
    segments: &Segments,
    requests: &[RequestRow],
    episodes: &[Episode],
    saved: Option<&Saved>,
) -> Result<Vec<TagScoreRow>, BeforeTheCut> {
    let mut valuations: BTreeMap<&str, (Option<Tagged<'_>>, Vec<&Rating>)> = BTreeMap::new();
    for episode in episodes {
        if let Some(score) = scope.rules.scores.of(&episode.tag_id, episode.label.as_deref()) {
            let held = &mut valuations.entry(&episode.request_id).or_default().0;
            let tagged = Tagged { episode, score };
            if held.as_ref().is_none_or(|held| standing(&tagged) > standing(held)) {
                *held = Some(tagged);
            }
        }
    }
    for rating in evidence.ratings.values() {
        let valuation = rating.fact.valuation_request_id.as_ref().or(rating.fact.request_id.as_ref());
        if let (Some(valuation), Some(_)) = (valuation, rating.fact.score)
            && evidence.owns_request(valuation)
        {
            valuations.entry(valuation).or_default().1.push(rating);
        }
    }
    let mut rows = Vec::new();
    for (valuation, (mut tag, ratings)) in valuations {
        let mut of_scale: BTreeMap<&str, &Rating> = BTreeMap::new();
        for rating in ratings {
            let scale = rating.fact.scale_id.as_deref().unwrap_or_default();
            let held = of_scale.entry(scale).or_insert(rating);
            if (rating.listed_at, &rating.key) > (held.listed_at, &held.key) {
                *held = rating;
            }
        }
        let alone = of_scale.len() == 1;
        let context = Context { scope, evidence, segments, requests, valuation, saved };
        for (scale, rating) in of_scale {
            let same = |tagged: &Tagged<'_>| alone || rating.fact.score == Some(tagged.score.score);
            let tag = tag.take_if(|tagged| same(tagged));
            rows.push(context.row(if alone { "" } else { scale }, tag.as_ref(), Some(rating))?);
        }
        if let Some(tagged) = &tag {
            rows.push(context.row("", Some(tagged), None)?);
        }
    }
    Ok(rows)
}

/// Of several score tags the one that is still on counts, then the latest.
fn standing<'a>(tagged: &Tagged<'a>) -> (bool, DateTime<Utc>, &'a str) {
    (tagged.episode.removed_at.is_none(), tagged.episode.added_at, &tagged.episode.tag_id)
}

struct Context<'a> {
    scope: &'a Scope<'a>,
    evidence: &'a Evidence,
    segments: &'a Segments,
    requests: &'a [RequestRow],
    valuation: &'a str,
    saved: Option<&'a Saved>,
}

impl Context<'_> {
    fn row(
        &self,
        scale_id: &str,
        tag: Option<&Tagged<'_>>,
        rating: Option<&Rating>,
    ) -> Result<TagScoreRow, BeforeTheCut> {
        let given_at = tag
            .map(|tagged| tagged.episode.added_at)
            .or_else(|| rating.and_then(|rating| rating.fact.at))
            .or_else(|| rating.map(|rating| rating.listed_at))
            .unwrap_or_default();
        let score = rating.and_then(|r| r.fact.score).or(tag.map(|t| t.score.score)).unwrap_or_default();
        let scale = tag.map_or_else(|| self.scope.rules.scores.scale(), |tagged| tagged.score.scale);
        // A score above the scale that is configured: the vendor's is another one than we were told.
        let scale = scale.max(score);
        let removed_at = tag.and_then(|tagged| tagged.episode.removed_at);
        let withdrawn_at =
            removed_at.filter(|removed| rating.is_none_or(|rating| rating.listed_at <= *removed));
        let (rated, link) = self.rated(rating)?;
        Ok(TagScoreRow {
            account_id: self.scope.account.to_owned(),
            valuation_request_key: self.valuation.to_owned(),
            scale_id: scale_id.to_owned(),
            conversation: self.scope.conversation.to_owned(),
            client_id: self.scope.place.client_id.clone(),
            source: match (tag, rating) {
                (Some(_), Some(_)) => "both",
                (Some(_), None) => "tag",
                _ => "report",
            }
            .to_owned(),
            given_at,
            local_day: given_at.with_timezone(&self.scope.rules.zone).date_naive(),
            tag_id: tag.map(|tagged| tagged.episode.tag_id.clone()),
            label: tag.and_then(|tagged| tagged.episode.label.clone()),
            score,
            scale,
            sentiment: sentiment(score, scale).to_owned(),
            comment: rating.and_then(|rating| rating.fact.comment.clone()),
            withdrawn_at,
            operator_id: self.rated_operator(rated.as_deref(), given_at, rating)?,
            request_key: rated,
            link: Some(link.to_owned()),
            delivery_id: self.first_told(tag, rating).0,
            row_hash: 0,
        })
    }

    /// The rated request: the report's word; for a survey the latest closed contact before it; else the tagged request
    /// itself.
    fn rated(&self, rating: Option<&Rating>) -> Result<(Option<String>, &'static str), BeforeTheCut> {
        if let Some(request) = rating.and_then(|rating| rating.fact.request_id.clone()) {
            return Ok((Some(request), "given"));
        }
        let place = self.segments.requests.iter().position(|segment| segment.key == self.valuation);
        let (rated, link) = match place.map(|place| (place, &self.segments.requests[place])) {
            Some((place, survey)) if survey.kind == RequestKind::Rating => {
                let contacts = || {
                    let earlier = self.segments.requests[..place].iter().rev();
                    earlier.filter(|segment: &&Segment| segment.kind == RequestKind::Common)
                };
                let closed = contacts().find(|segment| segment.close.is_some());
                if closed.is_none() && self.saved.is_some() {
                    return Err(BeforeTheCut);
                }
                (closed.or_else(|| contacts().next()).map(|segment| segment.key.clone()), "derived")
            }
            // Where there is no rating feature, operators tag the contact itself.
            Some(_) => (Some(self.valuation.to_owned()), "given"),
            None => (Some(self.valuation.to_owned()), "derived"),
        };
        Ok((rated, link))
    }

    /// The sender of the last qualifying reply before the rating; else whom the report names, else who held it.
    fn rated_operator(
        &self,
        rated: Option<&str>,
        given_at: DateTime<Utc>,
        rating: Option<&Rating>,
    ) -> Result<Option<String>, BeforeTheCut> {
        let place = self.segments.requests.iter().position(|segment| Some(segment.key.as_str()) == rated);
        // It may stand before the cut, or its replies may.
        if let Some(saved) = self.saved
            && (place.is_none() || given_at < saved.cut_at())
        {
            return Err(BeforeTheCut);
        }
        let reply = place.and_then(|place| {
            let segment = &self.segments.requests[place];
            let mut messages = segment.messages.iter().map(|at| &self.evidence.messages[*at]);
            let after = messages.rfind(|message| message.qualifies() && message.sent_at <= given_at);
            let before =
                || self.saved.filter(|saved| saved.key == segment.key)?.request.talk.last_reply.clone();
            after
                .map(|message| message.registers.operator_id.clone())
                .or_else(|| before().map(|reply| reply.operator))
        });
        Ok(reply
            .flatten()
            .or_else(|| rating.and_then(|rating| rating.fact.operator_id.clone()))
            .or_else(|| place.and_then(|place| self.requests.get(place)?.holder_operator_id.clone())))
    }

    fn first_told(&self, tag: Option<&Tagged<'_>>, rating: Option<&Rating>) -> DeliveryId {
        // Delivery ids grow with time.
        let told = [tag.map(|tagged| tagged.episode.delivery), rating.map(|rating| rating.delivery)];
        told.into_iter().flatten().min().unwrap_or(DeliveryId(uuid::Uuid::nil()))
    }
}

/// Good, neutral or bad, by the share of the best possible score (design.md 7.6).
fn sentiment(score: f64, scale: f64) -> &'static str {
    match score / scale {
        share if share >= 0.8 => "good",
        share if share <= 0.4 => "bad",
        _ => "neutral",
    }
}
