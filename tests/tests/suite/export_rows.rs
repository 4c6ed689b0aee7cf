//! Rows to export, written as the projection would: every table, every column, a few days.

use sqlx::PgPool;

/// A text that stands in every personal column.
pub(crate) const CANARY: &str = "canary-4f1c";

/// `requests` requests of two messages, a turn and a score on each of `days` local days (Asia/Almaty) from 2026-10-01 on.
pub(crate) async fn fill(pool: &PgPool, days: i32, requests: i32) {
    for statement in FILL {
        sqlx::query(statement).bind(days).bind(requests).bind(CANARY).execute(pool).await.unwrap();
    }
}

/// Runs a statement that changes rows.
pub(crate) async fn change(pool: &PgPool, statement: &'static str) {
    let changed = sqlx::query(statement).execute(pool).await.unwrap().rows_affected();
    assert!(changed > 0, "{statement} changed nothing");
}

const FILL: [&str; 9] = [
    "insert into accounting (account_id, road, day, partition, appended) \
     select 'acme', 'webhook', date '2026-10-01', 0, 1 where $1 + $2 + length($3) > 0",
    "insert into requests (account_id, request_key, conversation, request_id, segmentation, kind, client_id, dialog_id, \
         channel_id, transport, initiated_by, opened_at, closed_at, first_client_message_at, first_reply_at, \
         first_operator_id, client_messages, operator_messages, bot_messages, automation_messages, transfers, \
         turns_answered, turns_unanswered, frt_customer_seconds, local_day, local_hour, metric_version, row_hash) \
     select 'acme', d || '-' || i, 'c', d || '-' || i, 'given', 'common', 'client-' || i, 'dialog-' || i, '12', 'telegram', \
         'client', at, at + interval '1 hour', at, at + interval '90 seconds', '7001', 1, 1, 0, 0, 0, 1, 0, 90, \
         date '2026-10-01' + d, 1, 1, hashtextextended(d || '-' || i || $3, 1) \
     from generate_series(0, $1 - 1) d, generate_series(1, $2) i, \
         lateral (select timestamptz '2026-10-01 00:00+05' + d * interval '1 day' + i * interval '0.5 seconds' as at) a",
    "insert into messages (account_id, message_id, conversation, client_id, dialog_id, request_key, channel_id, transport, \
         author_kind, operator_id, sent_at, time_quality, text, attachments, is_deleted, menu_item, delivery_id, row_hash) \
     select 'acme', request_key || '-' || m, 'c', client_id, dialog_id, request_key, '12', transport, \
         (array['client', 'operator'])[m], (array[null, '7001'])[m], opened_at + m * interval '0.123456 seconds', 'ok', \
         $3 || ' Привет 🙂 ' || request_key, case m when 1 then jsonb_build_array(jsonb_build_object('name', $3)) end, \
         false, case m when 1 then '1010' end, gen_random_uuid(), hashtextextended(request_key || m || $3, 2) \
     from requests, generate_series(1, 2) m where $1 + $2 > 0",
    "insert into turns (account_id, request_key, turn_no, conversation, asked_at, answered_at, ended_at, operator_id, state, \
         bot_replied, reply_seconds, row_hash) \
     select 'acme', request_key, 1, 'c', opened_at, first_reply_at, first_reply_at, '7001', 'answered', false, 90, \
         hashtextextended(request_key || $3, 3) from requests where $1 + $2 > 0",
    "insert into tag_scores (account_id, valuation_request_key, scale_id, conversation, client_id, request_key, source, \
         given_at, local_day, tag_id, label, score, scale, sentiment, comment, operator_id, link, delivery_id, row_hash) \
     select 'acme', 'v' || request_key, '', 'c', client_id, request_key, 'tag', closed_at, local_day, '5', 'score-1', 1, 5, \
         'bad', $3, '7001', 'given', gen_random_uuid(), hashtextextended(request_key || $3, 4) from requests \
     where $1 + $2 > 0",
    "insert into dialogs (account_id, dialog_id, conversation, client_id, channel_id, state, operator_id, opened_at, \
         last_opened_at, requests, web_url, row_hash) \
     select 'acme', dialog_id, 'c', min(client_id), '12', 'open', '7001', min(opened_at), max(opened_at), $1, \
         'https://web.example.org/' || dialog_id, hashtextextended(dialog_id || $3, 5) \
     from requests where $2 > 0 group by dialog_id",
    "insert into clients (account_id, client_id, phone, phone_e164, email, name, assigned_name, display_name, is_anonymous, \
         first_message_at, last_message_at, tags, custom, row_hash) \
     select 'acme', client_id, $3, $3, $3, $3, $3, $3, false, min(opened_at), max(opened_at), array['vip', 'a,\"b'], \
         jsonb_build_object('field', $3), hashtextextended(client_id || $3, 6) \
     from requests where $1 + $2 > 0 group by client_id",
    "insert into operators (account_id, operator_id, name, email, role, is_bot, deleted, row_hash) \
     select 'acme', '700' || i, $3, $3, 'operator', false, false, i from generate_series(1, 3) i where $1 + $2 > 0",
    "insert into leads (account_id, client_id, lead_key, display_name, phone_e164, email, transports, tags, operator_id, \
         last_score, last_score_scale, last_score_at, first_message_at, last_message_at, dialog_url, row_hash) \
     select 'acme', client_id, 'chat2desk-acme-' || client_id, $3, $3, $3, array['telegram'], tags, '7001', 1, 5, \
         last_message_at, first_message_at, last_message_at, null, hashtextextended(client_id || $3, 7) \
     from clients where $1 + $2 > 0",
];
