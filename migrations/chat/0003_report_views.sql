-- What is read by every screen: the command line, the dashboard, Grafana. The rules are those of design.md 7.5.
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild. Bodies are bound to the tables
-- of their own generation (begin atomic), so they stay right when schemas are renamed.

-- Open seconds between two instants: 0 when `to_at` is not later, null where no calendar is in force. The same
-- subtraction as projection::Hours::seconds_between. A calendar is in force from the first `opens_at` to the last
-- `closes_at` of its account: intervals without length mark the two ends (store::report::calendar).
create function business_seconds(account text, from_at timestamptz, to_at timestamptz) returns double precision
language sql stable parallel safe
begin atomic
    select case when from_at >= ends.first and to_at <= ends.last
                then greatest(0, coalesce(till.seconds, 0) - coalesce(since.seconds, 0)) end
    from (select (select opens_at from calendar_intervals where account_id = account order by opens_at limit 1)
                     as first,
                 (select closes_at from calendar_intervals where account_id = account order by opens_at desc limit 1)
                     as last) ends
    left join lateral (
        select seconds_before + extract(epoch from least(from_at, closes_at) - opens_at)::double precision as seconds
        from calendar_intervals where account_id = account and opens_at < from_at order by opens_at desc limit 1
    ) since on true
    left join lateral (
        select seconds_before + extract(epoch from least(to_at, closes_at) - opens_at)::double precision as seconds
        from calendar_intervals where account_id = account and opens_at < to_at order by opens_at desc limit 1
    ) till on true;
end;

-- The row of a report that something counts for. Unknown operators, channels and transports are ''.
create function report_key(
    grouping_by text, operator_id text, channel_id text, transport text, local_day date, local_hour smallint
) returns text language sql stable parallel safe
return case grouping_by
    when 'operator' then coalesce(operator_id, '')
    when 'channel' then coalesce(channel_id, '')
    when 'transport' then coalesce(transport, '')
    when 'day' then to_char(local_day, 'YYYY-MM-DD')
    when 'hour' then local_hour::text
    else 'all'
end;

-- One row for each request, with where it counts. `left_out` says why it is not in response-time figures; null: it is.
-- The first response is asked for by the first turn, not by the first message: a menu choice asks nothing. What the
-- durations leave null (nobody answered) is told by the turn's `first_state` and times.
create view report_requests as
select r.account_id, r.request_key, r.request_id, r.client_id, r.dialog_id, r.channel_id, r.transport,
       r.local_day, r.local_hour, r.metric_version, r.started_by_delivery, r.ended_by_delivery,
       coalesce(r.first_operator_id, r.holder_operator_id, '') as operator_id, -- first replier, else holder
       coalesce(r.last_operator_id, r.holder_operator_id, '') as resolved_by, -- last replier, else holder
       case when r.kind <> 'common' then r.kind when r.initiated_by = 'company' then 'company' end as left_out,
       t.state as first_state, t.asked_at as first_asked_at, t.ended_at as first_ended_at,
       r.opened_at, r.first_client_message_at, r.closed_at, r.close_reason, r.waiting_since,
       r.frt_customer_seconds, r.frt_customer_business_seconds, r.frt_human_seconds, r.frt_human_business_seconds,
       r.queue_wait_seconds, r.resolution_seconds, r.resolution_business_seconds,
       r.turns_answered, r.turns_unanswered, r.transfers
from requests r
left join turns t on t.account_id = r.account_id and t.request_key = r.request_key and t.turn_no = 1;

-- One row for each turn. It belongs to its request's day and hour, a reply to who sent it, an unanswered turn to who
-- held the request.
create view report_turns as
select t.account_id, t.request_key, t.turn_no, r.client_id, r.dialog_id, r.channel_id, r.transport,
       r.local_day, r.local_hour, r.metric_version, coalesce(t.operator_id, '') as operator_id,
       case when r.kind <> 'common' then r.kind when r.initiated_by = 'company' then 'company' end as left_out,
       t.state, t.asked_at, t.answered_at, t.ended_at, t.bot_replied, t.reply_seconds, t.reply_business_seconds
from turns t
join requests r on r.account_id = t.account_id and r.request_key = t.request_key;

-- What became of the deliveries of an account, road and local day, over all partitions; `unaccounted` is 0, or
-- something was lost.
create view report_accounting as
select account_id, road, day,
       sum(appended)::bigint as appended, sum(decoded)::bigint as decoded,
       sum(partly_rejected)::bigint as partly_rejected, sum(rejected)::bigint as rejected,
       sum(erased)::bigint as erased, sum(facts)::bigint as facts, sum(facts_unchanged)::bigint as facts_unchanged,
       sum(appended - decoded - partly_rejected - rejected - erased)::bigint as unaccounted
from accounting
group by account_id, road, day;
