-- Reports by tag, workload, and response times by the vendors' rules (design.md 7.5; docs/metrics.md says each figure).
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- Workload and the vendors' rules read a span of time. Ranges of blocks cost a write next to nothing.
create index messages_sent_at on messages using brin (sent_at);
create index requests_opened_at on requests using brin (opened_at);

-- The tags that are on a request now; what was taken off was a mistake or is over. `is_score`: the tag is a score, not a
-- topic.
create view report_request_tags as
select t.account_id, t.request_key, t.tag_id, t.label, t.added_at,
       exists (select from tag_scores s where s.account_id = t.account_id and s.tag_id = t.tag_id) as is_score
from request_tags t
where t.removed_at is null;

-- The row of a report, for people.
create function report_label(grouping_by text, account text, key text) returns text
language sql stable parallel safe
begin atomic
    select case grouping_by
        when 'operator' then coalesce(
            (select name from operators where account_id = account and operator_id = key), nullif(key, ''), 'nobody')
        when 'channel' then coalesce(
            (select name from channels where account_id = account and channel_id = key), nullif(key, ''), 'unknown')
        when 'transport' then coalesce(nullif(key, ''), 'unknown')
        -- The tag's own row says how it is called now; else it is called as when it was put on last.
        when 'tag' then coalesce(
            (select label from tags where account_id = account and tag_id = key),
            (select label from request_tags where account_id = account and tag_id = key and label is not null
             order by added_at desc limit 1),
            nullif(key, ''), 'no tag')
        when 'hour' then coalesce(lpad(nullif(key, ''), 2, '0') || ':00', 'unknown')
        else key
    end;
end;

-- What happened, one row each: a contact `opened` or `closed`, a message of a `client`, an `operator`, a `bot` or by
-- `automation`. Surveys, deleted messages and those whose time is not known are left out. A reply is its sender's; what a
-- client or automation writes, and the opening, are the first replier's, else the holder's; the close is the last
-- replier's, else the holder's.
create view report_workload as
select r.account_id, r.opened_at as happened_at, 'opened' as what, r.request_key, r.client_id,
       coalesce(r.first_operator_id, r.holder_operator_id, '') as operator_id, r.channel_id, r.transport
from requests r
where r.kind <> 'rating'
union all
select r.account_id, r.closed_at, 'closed', r.request_key, r.client_id,
       coalesce(r.last_operator_id, r.holder_operator_id, ''), r.channel_id, r.transport
from requests r
where r.kind <> 'rating' and r.closed_at is not null
union all
select m.account_id, m.sent_at, m.author_kind, m.request_key, m.client_id,
       case when m.author_kind in ('operator', 'bot') then coalesce(m.operator_id, '')
            else coalesce(r.first_operator_id, r.holder_operator_id, '') end,
       coalesce(m.channel_id, r.channel_id), coalesce(m.transport, r.transport)
from messages m
left join requests r on r.account_id = m.account_id and r.request_key = m.request_key
where m.author_kind in ('client', 'operator', 'bot', 'automation')
  and not m.is_deleted and m.time_quality <> 'unconfirmed' and r.kind is distinct from 'rating';

-- Turns as a vendor counts them, of the contacts that were opened on these local days: a run of client messages, and the
-- first message after it by an operator. A second one in a row is no new answer; autoreplies, system lines and notes are
-- none. `chat2desk`: bots are operators like others (reference/chat2desk.md 6.6). `livechat`: replies of agents
-- (reference/livechat.md 6.7); that bots are none is not confirmed. Closing ends nothing.
create function report_turns_by_vendor(
    vendor text, account text, zone text, from_day date, to_day date
) returns table (request_key text, turn_no bigint, asked_at timestamptz, answered_at timestamptz, operator_id text)
language sql stable parallel safe
begin atomic
    with talk as (
        select m.request_key, m.sent_at, m.operator_id, m.author_kind = 'client' as is_client,
               row_number() over ordered as place, lag(m.author_kind = 'client') over ordered as is_after_client
        from requests r
        join messages m on m.account_id = r.account_id and m.request_key = r.request_key
        where r.account_id = account and r.kind <> 'rating'
          -- The index knows instants: wide enough for every zone, then exactly.
          and (from_day is null or r.opened_at >= (from_day - 1)::timestamp at time zone 'UTC')
          and (to_day is null or r.opened_at < (to_day + 2)::timestamp at time zone 'UTC')
          and (from_day is null or (r.opened_at at time zone zone)::date >= from_day)
          and (to_day is null or (r.opened_at at time zone zone)::date <= to_day)
          and (m.author_kind in ('client', 'operator') or (m.author_kind = 'bot' and vendor = 'chat2desk'))
          and not m.is_deleted and m.time_quality <> 'unconfirmed'
        -- Ids of messages are numbers, or end with one: the shorter is the smaller.
        window ordered as (
            partition by m.request_key
            order by case when vendor = 'livechat' then m.sent_at else date_trunc('second', m.sent_at) end,
                     length(m.message_id), m.message_id collate "C")
    ),
    runs as (
        select talk.*, is_client and is_after_client is not true as is_question,
               not is_client and is_after_client is true as is_answer,
               count(*) filter (where is_client and is_after_client is not true)
                   over (partition by talk.request_key order by place) as turn_no
        from talk
    )
    select runs.request_key, runs.turn_no, min(runs.sent_at) filter (where is_question),
           min(runs.sent_at) filter (where is_answer), min(runs.operator_id) filter (where is_answer)
    from runs
    where runs.turn_no > 0 -- what the company said first answers nothing
    group by runs.request_key, runs.turn_no;
end;

-- Business hours of some operators ([[account.operator_calendar]]): whom each is for, and its intervals, as in
-- calendar_intervals. They are for durations that are one operator's: a turn's, and any figure by operator. What an
-- account has none for goes by the account's own.
create table operator_calendars (
    account_id  text not null,
    calendar_no integer not null, -- in the order of the configuration, from 1
    operators   text[] not null,
    groups      text[] not null,
    primary key (account_id, calendar_no)
);
create table operator_calendar_intervals (
    account_id     text not null,
    calendar_no    integer not null,
    opens_at       timestamptz not null,
    closes_at      timestamptz not null,
    seconds_before double precision not null,
    primary key (account_id, calendar_no, opens_at)
);

-- The calendar of an operator: the first that names him, else the first that names a group of his.
create view report_operator_calendars as
select distinct on (account_id, operator_id) account_id, operator_id, calendar_no
from (
    select account_id, unnest(operators) as operator_id, calendar_no, 0 as rank from operator_calendars
    union all
    select c.account_id, unnest(g.operator_ids), c.calendar_no, 1
    from operator_calendars c
    join operator_groups g on g.account_id = c.account_id and g.group_id = any (c.groups)
) as named
order by account_id, operator_id, rank, calendar_no;

-- As business_seconds(account, from_at, to_at), by an operator's calendar.
create function business_seconds(
    account text, calendar integer, from_at timestamptz, to_at timestamptz
) returns double precision
language sql stable parallel safe
begin atomic
    select case when from_at >= ends.first and to_at <= ends.last
                then greatest(0, coalesce(till.seconds, 0) - coalesce(since.seconds, 0)) end
    from (select (select opens_at from operator_calendar_intervals
                  where account_id = account and calendar_no = calendar order by opens_at limit 1) as first,
                 (select closes_at from operator_calendar_intervals
                  where account_id = account and calendar_no = calendar order by opens_at desc limit 1) as last) ends
    left join lateral (
        select seconds_before + extract(epoch from least(from_at, closes_at) - opens_at)::double precision as seconds
        from operator_calendar_intervals
        where account_id = account and calendar_no = calendar and opens_at < from_at order by opens_at desc limit 1
    ) since on true
    left join lateral (
        select seconds_before + extract(epoch from least(to_at, closes_at) - opens_at)::double precision as seconds
        from operator_calendar_intervals
        where account_id = account and calendar_no = calendar and opens_at < to_at order by opens_at desc limit 1
    ) till on true;
end;

-- As before, and a turn's business time is that of whose it is: who replied, else who held the request.
create or replace view report_turns as
select t.account_id, t.request_key, t.turn_no, r.client_id, r.dialog_id, r.channel_id, r.transport,
       r.local_day, r.local_hour, r.metric_version, coalesce(t.operator_id, '') as operator_id,
       case when r.kind <> 'common' then r.kind when r.initiated_by = 'company' then 'company' end as left_out,
       t.state, t.asked_at, t.answered_at, t.ended_at, t.bot_replied, t.reply_seconds,
       case when c.calendar_no is null then t.reply_business_seconds
            when t.reply_seconds is not null
            then business_seconds(t.account_id, c.calendar_no, t.asked_at, t.answered_at)
       end as reply_business_seconds,
       c.calendar_no
from turns t
join requests r on r.account_id = t.account_id and r.request_key = t.request_key
left join report_operator_calendars c on c.account_id = t.account_id and c.operator_id = t.operator_id;
