//! A business that the page can show: people, requests, scores, escalations and leads, the same in every run.

use chrono::{DateTime, Duration, Timelike as _, Utc};
use chrono_tz::Tz;
use events::AccountId;
use sqlx::PgPool;
use store::tables::{ChannelRow, ClientRow, DialogRow, OperatorRow, RequestRow, TurnRow, upsert};

/// The clocks went back in the early hours of its last day but one.
pub(crate) const ZONE: Tz = Tz::Europe__Berlin;

/// Present of the generated business: the afternoon of a Monday.
pub(crate) fn now() -> DateTime<Utc> {
    "2026-10-26T15:20:00Z".parse().unwrap()
}

pub(crate) fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

/// Numbers that look like chance and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end.unsigned_abs()).cast_signed()
    }

    /// Busy hours are slow; a few take very long.
    fn took(&mut self, first: DateTime<Utc>) -> i64 {
        let slow = if (11..14).contains(&first.with_timezone(&ZONE).hour()) { 4 } else { 1 };
        let tail = if self.below(12) == 0 { 15 } else { 1 };
        (8 + self.below(90) * slow) * tail
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.below(of.len().try_into().unwrap())).unwrap()]
    }
}

pub(super) const OPERATORS: [(&str, &str); 5] = [
    ("1", "Aigerim Bekova"),
    ("2", "Tomáš Dvořák"),
    ("3", "Ng\u{169} Kamau"),
    ("4", "Li Wei"),
    ("5", "Sofía Reyes"),
];
pub(super) const CHANNELS: [(&str, &str, &str); 3] =
    [("70", "Support", "whatsapp"), ("71", "Sales", "telegram"), ("72", "Shop window", "widget")];
pub(super) const CLIENTS: [&str; 8] = [
    "Nurlan S.",
    "Marta Kowalska",
    "J. Okafor",
    "Ana Lima",
    "Yuki Tanaka",
    "Petra Novak",
    "Omar",
    "Chloé D.",
];

/// Fourteen days of requests of an account up to [`now`], with people, channels and dialogs; those of the last half hour
/// may still wait.
pub(crate) async fn business(pool: &PgPool, id: &str) {
    let mut dice = Dice(7);
    let (mut rows, mut turns) = (Vec::new(), Vec::new());
    for back in 0..14 {
        let day = now() - Duration::days(back);
        for no in 0..45 + dice.below(40) {
            let minute = 7 * 60 + dice.below(13 * 60);
            let first = day.date_naive().and_time(chrono::NaiveTime::MIN).and_utc()
                + Duration::minutes(minute)
                + Duration::seconds(dice.below(60));
            if first > now() {
                continue;
            }
            let took = dice.took(first);
            let (request, turn) = contact(&mut dice, id, &format!("{}{no:03}", 88 + back), first, took);
            turns.extend(turn);
            rows.push(request);
        }
    }
    // Some wait, most of them longer than the target.
    for (no, minutes) in [1, 3, 4, 7, 11, 18, 29].into_iter().enumerate() {
        let first = now() - Duration::minutes(minutes) - Duration::seconds(11);
        let (mut request, turn) = contact(&mut dice, id, &format!("9{no}"), first, 7200);
        if request.kind == "common" {
            request.waiting_since = Some(first);
        }
        turns.extend(turn);
        rows.push(request);
    }
    let mut connection = pool.acquire().await.unwrap();
    upsert(&mut connection, &rows).await.unwrap();
    upsert(&mut connection, &turns).await.unwrap();
    let own = || id.to_owned();
    let operators = OPERATORS.map(|(key, name)| OperatorRow {
        account_id: own(),
        operator_id: key.to_owned(),
        name: Some(name.to_owned()),
        ..OperatorRow::default()
    });
    upsert(&mut connection, &operators).await.unwrap();
    let channels = CHANNELS.map(|(key, name, _)| ChannelRow {
        account_id: own(),
        channel_id: key.to_owned(),
        name: Some(name.to_owned()),
        ..ChannelRow::default()
    });
    upsert(&mut connection, &channels).await.unwrap();
    let clients: Vec<ClientRow> = (0..40)
        .map(|no: usize| ClientRow {
            account_id: own(),
            client_id: no.to_string(),
            display_name: CLIENTS[no % CLIENTS.len()].to_owned(),
            custom: serde_json::json!({}),
            ..ClientRow::default()
        })
        .collect();
    upsert(&mut connection, &clients).await.unwrap();
    let dialogs: Vec<DialogRow> = (0..40)
        .map(|no| DialogRow {
            account_id: own(),
            dialog_id: format!("d{no}"),
            conversation: format!("{no}/70"),
            state: "open".to_owned(),
            web_url: Some(format!("https://web.example.org/chat/all?dialogID=d{no}&minifiedView=3")),
            ..DialogRow::default()
        })
        .collect();
    upsert(&mut connection, &dialogs).await.unwrap();
}

/// One request with its first turn.
fn contact(
    dice: &mut Dice,
    id: &str,
    key: &str,
    first: DateTime<Utc>,
    took: i64,
) -> (RequestRow, Option<TurnRow>) {
    let local = first.with_timezone(&ZONE);
    let (channel, _, transport) = CHANNELS[usize::try_from(dice.below(3)).unwrap()];
    let operator = dice.one(&["1", "2", "3", "4", "5"]);
    let client = dice.below(40);
    let kind = dice.one(&["common", "common", "common", "common", "common", "common", "common", "rating"]);
    let by = if dice.below(20) == 0 { "company" } else { "client" };
    let is_measured = kind == "common" && by == "client";
    let ended = first + Duration::seconds(took);
    let state = match (ended > now(), dice.below(25)) {
        (true, _) => "waiting",
        (false, 0) => "closed_unanswered",
        (false, _) => "answered",
    };
    #[expect(clippy::cast_precision_loss, reason = "a few hours")]
    let seconds = (is_measured && state == "answered").then_some(took as f64);
    let closed_at = (state != "waiting").then(|| ended + Duration::minutes(5 + dice.below(90)));
    let closed_at = closed_at.filter(|closed| *closed < now());
    let replier = (state == "answered").then(|| operator.to_owned());
    let request = RequestRow {
        account_id: id.to_owned(),
        request_key: key.to_owned(),
        conversation: format!("{client}/{channel}"),
        segmentation: "given".to_owned(),
        kind: kind.to_owned(),
        client_id: client.to_string(),
        dialog_id: Some(format!("d{client}")),
        channel_id: Some(channel.to_owned()),
        transport: Some(transport.to_owned()),
        initiated_by: by.to_owned(),
        opened_at: first,
        closed_at,
        first_client_message_at: Some(first),
        first_reply_at: (state == "answered").then_some(ended),
        first_operator_id: replier.clone(),
        last_operator_id: replier,
        holder_operator_id: (dice.below(4) > 0).then(|| operator.to_owned()),
        waiting_since: (state == "waiting" && kind != "rating").then_some(first),
        frt_customer_seconds: seconds,
        frt_human_seconds: seconds,
        resolution_seconds: closed_at.filter(|_| is_measured).map(|closed| (closed - first).as_seconds_f64()),
        local_day: local.date_naive(),
        local_hour: local.hour().try_into().unwrap(),
        metric_version: events::METRIC_VERSION,
        ..RequestRow::default()
    };
    let turn = (kind == "common").then(|| TurnRow {
        account_id: id.to_owned(),
        request_key: key.to_owned(),
        turn_no: 1,
        conversation: request.conversation.clone(),
        asked_at: first,
        answered_at: (state == "answered").then_some(ended),
        ended_at: match state {
            "answered" => Some(ended),
            "closed_unanswered" => request.closed_at.or(Some(ended)),
            _ => None,
        },
        operator_id: Some(operator.to_owned()),
        state: state.to_owned(),
        reply_seconds: seconds,
        ..TurnRow::default()
    });
    (request, turn)
}

/// A score of a client's; good, neutral or bad by its part of five. `cause` is the valuation request.
pub(crate) async fn score(pool: &PgPool, id: &str, cause: &str, client: &str, score: f64, ago: Duration) {
    let sentiment = if score >= 4.0 {
        "good"
    } else if score <= 2.0 {
        "bad"
    } else {
        "neutral"
    };
    let given_at = now() - ago;
    sqlx::query(
        "insert into tag_scores (account_id, valuation_request_key, scale_id, conversation, client_id, request_key, source, \
             given_at, local_day, label, score, scale, sentiment, operator_id, link, delivery_id, row_hash) \
         select $1, $2, '', $3 || '/70', $3, \
                (select request_key from requests where account_id = $1 and client_id = $3 and opened_at <= $4 \
                 order by opened_at desc limit 1), \
                'tag', $4, $5, 'score', $6, 5, $7, '2', 'given', gen_random_uuid(), 0",
    )
    .bind(id)
    .bind(cause)
    .bind(client)
    .bind(given_at)
    .bind(given_at.with_timezone(&ZONE).date_naive())
    .bind(score)
    .bind(sentiment)
    .execute(pool)
    .await
    .unwrap();
}

/// An escalation of a score.
pub(crate) async fn escalate(
    pool: &PgPool,
    id: &str,
    cause: &str,
    episode: i32,
    status: &str,
    owner: Option<&str>,
) {
    sqlx::query(
        "insert into ledger.escalations (account_id, escalation_key, rule, episode, cause, given_at, status, owner, opened_at, updated_at) \
         values ($1, $1 || '/low-score/' || $2 || '/' || $3, 'low-score', $3, $2, $4, $5, $6, $4 + make_interval(secs => $3), $4)",
    )
    .bind(id)
    .bind(cause)
    .bind(episode)
    .bind(now())
    .bind(status)
    .bind(owner)
    .execute(pool)
    .await
    .unwrap();
}

/// A lead and its record in a CRM.
pub(crate) async fn lead(pool: &PgPool, id: &str, client: &str, name: &str, crm: Option<(&str, &str, &str)>) {
    let key = format!("chat2desk-{id}-{client}");
    sqlx::query(
        "insert into leads (account_id, client_id, lead_key, display_name, transports, tags, row_hash) \
         values ($1, $2, $3, $4, '{}', '{}', 0)",
    )
    .bind(id)
    .bind(client)
    .bind(&key)
    .bind(name)
    .execute(pool)
    .await
    .unwrap();
    let Some((crm, status, url)) = crm else { return };
    sqlx::query(
        "insert into ledger.crm_links (crm, lead_key, account_id, client_id, external_id, url, accepted_at, status, updated_at) \
         values ($1, $2, $3, $4, $4, $5, case when $6 = 'ok' then $7 end, $6, $7)",
    )
    .bind(crm)
    .bind(&key)
    .bind(id)
    .bind(client)
    .bind(url)
    .bind(status)
    .bind(now() - Duration::minutes(client.parse::<i64>().unwrap_or(0)))
    .execute(pool)
    .await
    .unwrap();
}
