//! `GET /v1/statistics` (reference 2.5): rows of one local day, newest first, local times without a zone, an empty
//! text for what is absent, and numbers that are sometimes text.

mod operators;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::api::{Answer, Params};
use super::model::{Account, Id, MessageKind, Request, World};
use super::truth;

/// Answers a report.
pub(super) fn report(world: &World, params: &Params) -> Answer {
    let date = params.text("date").and_then(|text| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok());
    let Some(date) = date else {
        return Answer::invalid("date", "date must have the format YYYY-MM-DD");
    };
    match params.text("report").as_deref() {
        Some("request_stats") => {
            let rows: Vec<_> =
                world.requests.values().rev().filter(|request| is_on(world, request.opened, date)).collect();
            Answer::cut(params, &rows, |request| request_row(world, request))
        }
        Some("rating") => {
            let listed = world.ratings.iter().rev().filter(|rating| rating.is_listed());
            let rows: Vec<_> = listed.filter(|rating| is_on(world, rating.created, date)).collect();
            Answer::cut(params, &rows, |rating| {
                let request = world.requests.get(&rating.request);
                json!({
                    "operator_id": rating.operator, "operator_name": operator_name(world, Some(rating.operator)),
                    "created_at": local(world, Some(rating.created)), "rating_scale_score": rating.score,
                    "score_value": format!("{}.0", rating.score), "rating_scale_id": 1, "rating_id": 1,
                    "request_id": rating.request, "valuation_request_id": rating.survey,
                    "phone": request.and_then(|request| phone(world, request)),
                    "channel_name": request.map(|request| channel_name(world, request.thread.channel)),
                })
            })
        }
        Some("operator_events") => Answer::cut(params, &operators::events(world, date), Value::clone),
        Some("operator_stats") => Answer::cut(params, &operators::stats(world, date), Value::clone),
        Some("operator_replies") => Answer::cut(params, &operators::replies(world, date), Value::clone),
        _ => Answer::invalid("report", "is not included in the list"),
    }
}

fn is_on(world: &World, at: DateTime<Utc>, date: NaiveDate) -> bool {
    at.with_timezone(&world.account.zone).date_naive() == date
}

fn local(world: &World, at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.with_timezone(&world.account.zone).format("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

fn operator_name(world: &World, id: Option<Id>) -> String {
    id.and_then(|id| world.operators.get(&id)).map(super::model::Operator::name).unwrap_or_default()
}

fn channel_name(world: &World, id: Id) -> &str {
    world.channels.iter().find(|channel| channel.id == id).map_or("", |channel| &channel.name)
}

fn phone<'w>(world: &'w World, request: &Request) -> Option<&'w str> {
    world.clients.get(&request.thread.client).map(|client| client.phone.as_str())
}

fn or_empty(number: Option<i64>) -> Value {
    number.map_or_else(|| json!(""), |number| json!(number))
}

fn request_row(world: &World, request: &Request) -> Value {
    let vendor = truth::by_operator(world, request);
    let count = |from_client: bool| {
        let talk = request.messages.iter().filter_map(|id| world.messages.get(id));
        talk.filter(|message| match message.kind {
            MessageKind::FromClient => from_client,
            MessageKind::ToClient => !from_client,
            _ => false,
        })
        .count()
    };
    let client = world.clients.get(&request.thread.client);
    let name = client.and_then(|client| client.assigned_name.clone().or_else(|| client.name.clone()));
    let rating = world.ratings.iter().rev().find(|rating| rating.request == request.id && rating.is_listed());
    let reaction = vendor.asked.zip(vendor.first_reply);
    let total: i64 = vendor.waits.iter().map(TimeDelta::num_seconds).sum();
    let replies = vendor.waits.len() as i64;
    let average =
        if replies > 0 { json!(format!("{:.1}", total as f64 / replies as f64)) } else { json!("") };
    let split = |at: Option<DateTime<Utc>>| {
        let text = local(world, at);
        let (date, time) = text.split_once(' ').unwrap_or(("", ""));
        (date.to_owned(), time.to_owned())
    };
    let (start_d, start_t) = split(Some(request.opened));
    json!({
        "request_id": request.id, "request_type": request.kind.as_str(),
        "request_start": local(world, Some(request.opened)), "request_start_d": start_d, "request_start_t": start_t,
        "request_end": local(world, request.closed),
        "request_time": or_empty(request.closed.map(|closed| (closed - request.opened).num_seconds())),
        "reaction_time": or_empty(reaction.map(|(asked, reply)| reply.timestamp() - asked.timestamp())),
        "working_reaction_time": or_empty(reaction.map(|(asked, reply)| working(&world.account, asked, reply))),
        "replies": if request.id % 2 == 0 { json!(replies) } else { json!(replies.to_string()) },
        "total_replies_time": total, "average_replies_time": average,
        "incoming_messages": count(true), "outgoing_messages": count(false),
        "operator_id": or_empty(request.operator), "operator_name": operator_name(world, request.operator),
        "first_operator_id": or_empty(request.first_operator),
        "first_operator_name": operator_name(world, request.first_operator),
        "reply_start": local(world, vendor.first_reply), "transport": request.transport,
        "client_messenger": request.transport, "channel_id": request.thread.channel,
        "channel_name": channel_name(world, request.thread.channel), "client_id": request.thread.client,
        "client_name": name, "phone": phone(world, request),
        "assigned_phone": client.and_then(|client| client.client_phone.clone()).unwrap_or_default(),
        "rating_scale_score": rating.map_or(0, |rating| rating.score), "rating_text": "",
    })
}

/// Seconds of the company's hours between two instants.
fn working(account: &Account, from: DateTime<Utc>, until: DateTime<Utc>) -> i64 {
    let local = |at: DateTime<Utc>| at.with_timezone(&account.zone).date_naive();
    let mut seconds = 0;
    for day in local(from).iter_days().take_while(|day| *day <= local(until)) {
        let index = day.weekday().num_days_from_monday() as usize;
        let Some((opens, closes)) = account.hours.get(index).copied().flatten() else { continue };
        let midnight = super::api::start_of_day(day, account.zone);
        let opens = midnight + TimeDelta::seconds(opens.into());
        let closes = midnight + TimeDelta::seconds(closes.into());
        seconds += (until.min(closes) - from.max(opens)).num_seconds().max(0);
    }
    seconds
}
