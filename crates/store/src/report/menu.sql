-- What clients chose in menus, and what came of it (design.md 7.5).
-- $1 account; $2, $3 first and last local day of the contact (null: open); $4 how to group: item, or as report_key;
-- $5 target in seconds; $6 the instant at which waiting is looked at.
with chosen as (
    select m.request_key, m.client_id, m.menu_item, m.sent_at, m.message_id, r.left_out, r.closed_at,
           case $4::text when 'item' then m.menu_item when 'tag' then coalesce(t.tag_id, '')
               else report_key($4::text, r.operator_id, r.channel_id, r.transport, r.local_day, r.local_hour) end as key
    from messages m
    join report_requests r on r.account_id = m.account_id and r.request_key = m.request_key
    -- By tag: once for each tag that is on, or once under ''.
    left join report_request_tags t
           on $4::text = 'tag' and t.account_id = m.account_id and t.request_key = m.request_key
    where m.account_id = $1::text and m.menu_item is not null and m.author_kind = 'client'
      and not m.is_deleted and m.time_quality <> 'unconfirmed'
      and ($2::date is null or r.local_day >= $2::date) and ($3::date is null or r.local_day <= $3::date)
),
-- The first choice of each contact in a row: what followed is measured from there. In the order of messages: by second,
-- then by numeric id.
firsts as (
    select distinct on (key, request_key) key, request_key, left_out, closed_at, message_id,
           date_trunc('second', sent_at) as second
    from chosen
    order by key, request_key, date_trunc('second', sent_at), length(message_id), message_id collate "C"
),
-- The first message after it that asks, and the first reply by a person after that.
followed as (
    select f.key, f.request_key, f.left_out, q.sent_at as asked_at, a.sent_at as answered_at,
           case when a.sent_at is not null then greatest(a.sent_at, q.sent_at)
                else case when f.closed_at is not null then greatest(f.closed_at, q.sent_at) end end as ended_at
    from firsts f
    left join lateral (
        select m.sent_at, date_trunc('second', m.sent_at) as second, m.message_id
        from messages m
        where m.account_id = $1::text and m.request_key = f.request_key and m.author_kind = 'client'
          and m.menu_item is null and not m.is_deleted and m.time_quality <> 'unconfirmed'
          and (date_trunc('second', m.sent_at), length(m.message_id), m.message_id collate "C")
              > (f.second, length(f.message_id), f.message_id collate "C")
        order by date_trunc('second', m.sent_at), length(m.message_id), m.message_id collate "C"
        limit 1
    ) q on f.left_out is null
    left join lateral (
        select m.sent_at
        from messages m
        where m.account_id = $1::text and m.request_key = f.request_key and m.author_kind = 'operator'
          and not m.is_deleted and m.time_quality <> 'unconfirmed'
          and (date_trunc('second', m.sent_at), length(m.message_id), m.message_id collate "C")
              > (q.second, length(q.message_id), q.message_id collate "C")
          -- Closing ends what was asked before it, whatever is written later.
          and (f.closed_at is null or q.second > date_trunc('second', f.closed_at)
               or date_trunc('second', m.sent_at) <= date_trunc('second', f.closed_at))
        order by date_trunc('second', m.sent_at), length(m.message_id), m.message_id collate "C"
        limit 1
    ) a on true
),
lasting as (
    select key, request_key, left_out, asked_at, ended_at,
           asked_at is not null and answered_at is null and ended_at is not null as is_unanswered,
           case when answered_at is not null
                then greatest(0, extract(epoch from answered_at - asked_at))::double precision end as seconds,
           case when answered_at is null
                then extract(epoch from coalesce(ended_at, $6::timestamptz) - asked_at)::double precision
           end as unanswered_seconds
    from followed
),
summaries as (
    select key,
           count(*) filter (where left_out is null) as requests,
           count(left_out) as left_out,
           count(asked_at) as asked,
           count(seconds) as n,
           avg(seconds) as mean,
           percentile_cont(array[0.5, 0.9, 0.95]) within group (order by seconds) as percentiles,
           max(seconds) as longest,
           count(*) filter (where seconds <= $5::double precision) as met,
           count(*) filter (where seconds > $5::double precision
                               or unanswered_seconds > $5::double precision) as missed,
           count(*) filter (where is_unanswered) as unanswered,
           count(*) filter (where asked_at <= $6::timestamptz
                              and (ended_at is null or ended_at > $6::timestamptz)) as waiting
    from lasting
    group by key
),
choices as (
    select key,
           count(*) filter (where left_out is null) as chosen,
           count(distinct client_id) filter (where left_out is null) as clients
    from chosen
    group by key
),
-- Without grouping there is a row even where there is nothing.
keys as (
    select key from choices union select 'all' where $4::text = 'all'
)
select keys.key, report_label($4::text, $1::text, keys.key) as label,
       coalesce(chosen, 0) as chosen, coalesce(clients, 0) as clients, coalesce(requests, 0) as requests,
       coalesce(left_out, 0) as left_out, coalesce(asked, 0) as asked,
       asked::double precision / nullif(requests, 0) as asked_share,
       coalesce(n, 0) as n, mean, percentiles[1] as p50, percentiles[2] as p90, percentiles[3] as p95, longest as max,
       met::double precision / nullif(met + missed, 0) as within_target,
       coalesce(unanswered, 0) as unanswered, coalesce(waiting, 0) as waiting
from keys
left join choices on choices.key = keys.key
left join summaries on summaries.key = keys.key
order by case when $4::text in ('day', 'hour') then lpad(keys.key, 10, '0') end,
         coalesce(chosen, 0) desc, keys.key
