//! Surveys and scores (reference 6.7): the question after the close, the answer, its tag, its row of the report, and how a
//! score is taken back.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Draft;
use crate::Error;
use crate::chat2desk::model::{Id, MessageKind, Rating, RequestKind, Thread, World};
use crate::chat2desk::truth;
use crate::chat2desk::webhooks::{Event, body, body::micros};

/// By which roads the service tells of a score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// A tag on the survey and a row of the rating report.
    #[default]
    Both,
    /// The tag alone.
    Tag,
    /// The report alone.
    Report,
}

/// A score that was given on demand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rated {
    /// The survey's own request.
    pub valuation_request_id: Id,
    /// The rated request.
    pub request_id: Id,
    /// Who rated.
    pub client_id: Id,
    /// Where.
    pub channel_id: Id,
    /// Who held the rated request.
    pub operator_id: Id,
    /// 1 to 5.
    pub score: u8,
    /// When, as webhooks write it.
    pub given_at: String,
}

impl World {
    /// Asks the client for a score after the close: a request of its own, once for each chat. Returns that request.
    ///
    /// # Errors
    /// [`Error::WrongState`] when there is no closed request, it was asked about before, or a survey or a chat is open.
    pub fn survey(&mut self, at: DateTime<Utc>, thread: Thread, question: &str) -> Result<Id, Error> {
        let at = self.reach(at);
        let going = self.going.entry(thread).or_default();
        if going.request.is_some() || going.survey.is_some() {
            return Err(Error::WrongState("chat is open"));
        }
        let rates = going.last_common.ok_or(Error::WrongState("nothing to rate"))?;
        if going.surveyed == Some(rates) {
            return Err(Error::WrongState("the client was asked before"));
        }
        going.surveyed = Some(rates);
        let transport = self.transport_of(thread);
        let id = self.open(at, thread, &transport, RequestKind::Rating, false);
        let (dialog, operator) = (self.request(rates)?.dialog, self.request(rates)?.operator);
        if let Some(survey) = self.requests.get_mut(&id) {
            survey.rates = Some(rates);
            survey.dialog = dialog;
            survey.operator = operator;
            survey.first_operator = operator;
        }
        let draft = Draft::new(MessageKind::Survey, question);
        self.send(at, id, &transport, draft, true);
        Ok(id)
    }

    /// The client answers the survey: a message in it, the score's tag on it and a row of the report (as `told` says),
    /// a thank-you, and its end.
    ///
    /// # Errors
    /// [`Error::WrongState`] when no survey waits, or the score is not 1 to 5.
    pub fn score(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        score: u8,
        told: Told,
        thanks: &str,
    ) -> Result<(), Error> {
        let at = self.reach(at);
        let survey = self.going.get(&thread).and_then(|g| g.survey).ok_or(Error::WrongState("no survey"))?;
        let tag = usize::from(score).checked_sub(1).and_then(|i| self.score_tags.get(i)).copied();
        let tag = tag.ok_or(Error::WrongState("no such score"))?;
        let transport = self.transport_of(thread);
        let answer = score.to_string();
        let draft = Draft::new(MessageKind::FromClient, &answer);
        let id = self.put(at, survey, &transport, draft);
        self.emit(Event::Inbox, Some(thread.channel), at, |w| body::message(w, id, false, false));
        self.emit_old_message(at, id);
        self.rated(at, survey, score, told != Told::Tag);
        if told != Told::Report {
            self.tag_request(at, survey, tag)?;
        }
        let draft = Draft::new(MessageKind::Survey, thanks);
        self.send(at, survey, &transport, draft, false);
        self.end_survey(at, thread);
        Ok(())
    }

    /// Ends a survey that waits, answered or not; without one nothing happens.
    pub fn end_survey(&mut self, at: DateTime<Utc>, thread: Thread) {
        let at = self.reach(at);
        if let Some(survey) = self.going.get_mut(&thread).and_then(|going| going.survey.take()) {
            self.close_request(at, survey);
        }
    }

    /// Takes the tag of the thread's latest score off again, or of the one that was given at `given`: the score is
    /// withdrawn, its row leaves the report.
    ///
    /// # Errors
    /// [`Error::WrongState`] when no score there has a tag.
    pub fn withdraw(
        &mut self,
        at: DateTime<Utc>,
        thread: Thread,
        given: Option<DateTime<Utc>>,
    ) -> Result<(), Error> {
        let here = |rating: &&Rating| self.request(rating.survey).is_ok_and(|survey| survey.thread == thread);
        let meant = |rating: &&Rating| given.is_none_or(|given| given == rating.created);
        let standing = self.ratings.iter().rev().filter(|rating| rating.withdrawn.is_none()).filter(meant);
        let latest = standing.filter(here).find_map(|rating| Some((rating.survey, rating.tag?)));
        let (survey, tag) = latest.ok_or(Error::WrongState("no score"))?;
        self.untag_request(at, survey, tag)
    }

    /// The client of the chat that was closed last, of `client` if given, is asked and answers at once. Only chats
    /// that a person answered, that were not asked about yet, and whose client is not in another chat.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such chat, [`Error::WrongState`] when the score is not 1 to 5.
    pub fn rate_latest(
        &mut self,
        at: DateTime<Utc>,
        client: Option<Id>,
        score: u8,
        told: Told,
    ) -> Result<Rated, Error> {
        if !(1..=self.score_tags.len()).contains(&usize::from(score)) {
            return Err(Error::WrongState("no such score"));
        }
        let free = |thread, request| {
            self.going.get(&thread).is_some_and(|going| {
                going.request.is_none()
                    && going.survey.is_none()
                    && going.last_common == Some(request)
                    && going.surveyed != Some(request)
            })
        };
        let answered = |request: &Id| {
            let request = self.requests.get(request);
            request.is_some_and(|request| truth::by_person(self, request).first_reply.is_some())
        };
        let mut closed: Vec<_> = self
            .requests
            .values()
            .filter(|request| request.kind == RequestKind::Common && request.by_client)
            .filter(|request| client.is_none_or(|client| client == request.thread.client))
            .filter_map(|request| Some((request.closed?, request.id, request.thread, request.operator?)))
            .collect();
        closed.sort_unstable_by_key(|(closed, id, ..)| std::cmp::Reverse((*closed, *id)));
        let wanted =
            |(_, id, thread, _): &&(DateTime<Utc>, Id, Thread, Id)| free(*thread, *id) && answered(id);
        let (_, request, thread, operator) =
            *closed.iter().find(wanted).ok_or(Error::NotFound { what: "closed chat" })?;
        let at = self.reach(at);
        let survey = self.survey(at, thread, "How was our answer? Send a number from 1 to 5.")?;
        self.score(at, thread, score, told, "Thank you for your score!")?;
        Ok(Rated {
            valuation_request_id: survey,
            request_id: request,
            client_id: thread.client,
            channel_id: thread.channel,
            operator_id: operator,
            score,
            given_at: micros(at),
        })
    }

    /// Keeps a score; `request` is the survey, or a common request that somebody tags by hand.
    fn rated(&mut self, at: DateTime<Utc>, request: Id, score: u8, reported: bool) {
        let Some(found) = self.requests.get(&request) else { return };
        let rated = found.rates.unwrap_or(request);
        let operator = self.requests.get(&rated).and_then(|rated| rated.operator).unwrap_or(0);
        self.ratings.push(Rating {
            operator,
            created: at,
            score,
            request: rated,
            survey: request,
            tag: None,
            reported,
            withdrawn: None,
        });
    }

    /// A tag was put on a request: if it is a score's, the score is given, or has its tag now.
    pub(super) fn score_tag_put(&mut self, at: DateTime<Utc>, request: Id, tag: Id) {
        let score = (1..).zip(self.score_tags).find(|(_, own)| *own == tag).map(|(score, _)| score);
        let Some(score) = score else { return };
        let untagged = |rating: &Rating| {
            rating.survey == request
                && rating.score == score
                && rating.tag.is_none()
                && rating.withdrawn.is_none()
        };
        if !self.ratings.iter().rev().any(untagged) {
            self.rated(at, request, score, false);
        }
        if let Some(rating) = self.ratings.iter_mut().rev().find(|rating| untagged(rating)) {
            rating.tag = Some(tag);
        }
    }

    /// A tag was taken off: the score that it stood for is withdrawn.
    pub(super) fn score_tag_removed(&mut self, at: DateTime<Utc>, request: Id, tag: Id) {
        let meant = |rating: &&mut Rating| {
            rating.survey == request && rating.tag == Some(tag) && rating.withdrawn.is_none()
        };
        for rating in self.ratings.iter_mut().rev().filter(meant) {
            rating.withdrawn = Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
