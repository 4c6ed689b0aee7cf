-- What the platform counts of local days, and what is stored of them. $1 account, $2 zone, $3 days, $4 the backfill's rank.
-- Nothing is read but what lies between the first and the last of the days.
with days as (
    select day from unnest($3::date[]) as d (day)
),
span as (
    -- The days around midnight belong to it: a list has whole seconds, a webhook is finer, and they may differ by five.
    select (min(day)::timestamp at time zone $2::text) - interval '5 seconds' as first,
           ((max(day) + 1)::timestamp at time zone $2::text) + interval '5 seconds' as last,
           min(day) as first_day, max(day) as last_day
    from days
),
-- Of each page the latest word.
pages as (
    select distinct on (f.fact_key)
           (f.registers::jsonb ->> 'day')::date as day, f.registers::jsonb ->> 'list' as list,
           coalesce((f.registers::jsonb ->> 'offset')::bigint, 0) as place,
           (f.registers::jsonb ->> 'total')::bigint as total, (f.registers::jsonb ->> 'rows')::bigint as rows,
           coalesce((f.registers::jsonb ->> 'left_out')::bigint, 0) as left_out, f.observed_at
    from span s
    cross join unnest(array['messages', 'requests', 'ratings']) as l (list)
    -- The key of a page is its list, its day and its place: whatever the collation, a day sorts before the next one.
    join facts f on f.account_id = $1 and f.kind = 'page'
                and f.fact_key >= l.list || '@' || s.first_day and f.fact_key < l.list || '@' || (s.last_day + 1)
    order by f.fact_key, f.observed_at desc, f.rank desc, f.hash desc, f.content_hash desc
),
counted as (
    -- Pages behind the end are of an earlier, longer list; those that were fetched before the first one are of an earlier
    -- fetching, whose rows are not listed now.
    select p.list, p.day, first.total, first.observed_at,
           coalesce(sum(p.rows) filter (where n.is_now), 0)::bigint as fetched,
           coalesce(sum(p.left_out) filter (where n.is_now), 0)::bigint as left_out
    from pages p
    join pages first on first.list = p.list and first.day = p.day and first.place = 0
    cross join lateral (
        select p.place = 0 or p.place < first.total and p.observed_at >= first.observed_at as is_now
    ) n
    group by 1, 2, 3, 4
),
dated as (
    select m.message_id, (m.sent_at at time zone $2::text)::date as day,
           ((m.sent_at - interval '5 seconds') at time zone $2::text)::date as earlier,
           ((m.sent_at + interval '5 seconds') at time zone $2::text)::date as later,
           m.time_quality <> 'ok' as is_undated,
           not exists (select from facts f where f.account_id = $1 and f.kind = 'message' and f.fact_key = m.message_id
                                             and f.rank = $4) as is_unlisted
    from span s
    join messages m on m.account_id = $1 and m.sent_at >= s.first and m.sent_at < s.last
),
stored as (
    select day, count(*) as n, count(*) filter (where is_undated) as undated,
           count(*) filter (where is_unlisted) as unlisted
    from dated group by 1
),
-- What the list, too, has on the other side of midnight is counted there, and explains nothing here.
near as (
    select n.day, count(*) as n
    from (select message_id, earlier as day from dated where earlier <> day
          union all
          select message_id, later from dated where later <> day) n
    where not exists (
        select from facts f
        where f.account_id = $1 and f.kind = 'message' and f.fact_key = n.message_id and f.rank = $4
          and ((f.registers::jsonb ->> 'created_at')::timestamptz at time zone $2::text)::date <> n.day)
    group by 1
),
-- The span as the registers write times.
written as (
    select to_char(first at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') as first,
           to_char(last at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') as last
    from span
),
-- Rows of the reports, on the day on which they list their request or score; `listed_at`: when they did so last.
requests_listed as (
    select l.day, count(*) as n, count(*) filter (where l.listed_at >= c.observed_at) as now, count(r.request_key) as stored
    from (select f.fact_key, (((f.registers::jsonb ->> 'opened_at')::timestamptz) at time zone $2::text)::date as day,
                 max(f.observed_at) as listed_at
          from written w
          join facts f on f.account_id = $1 and f.kind = 'request_report'
                      and (f.registers::jsonb ->> 'opened_at') collate "C" >= w.first
                      and (f.registers::jsonb ->> 'opened_at') collate "C" < w.last
          group by 1, 2) l
    left join counted c on c.list = 'requests' and c.day = l.day
    left join requests r on r.account_id = $1 and r.request_key = l.fact_key
    group by 1
),
ratings_listed as (
    select l.day, count(*) as n, count(*) filter (where l.listed_at >= c.observed_at) as now,
           count(*) filter (where s.is_stored or not l.is_scored) as stored
    from (select f.fact_key, (((f.registers::jsonb ->> 'at')::timestamptz) at time zone $2::text)::date as day,
                 max(f.observed_at) as listed_at, bool_or(f.registers::jsonb ? 'score') as is_scored,
                 max(coalesce(f.registers::jsonb ->> 'valuation_request_id', f.registers::jsonb ->> 'request_id'))
                     as valuation
          from written w
          join facts f on f.account_id = $1 and f.kind = 'rating_report'
                      and (f.registers::jsonb ->> 'at') collate "C" >= w.first
                      and (f.registers::jsonb ->> 'at') collate "C" < w.last
          group by 1, 2) l
    left join counted c on c.list = 'ratings' and c.day = l.day
    left join lateral (
        select true as is_stored from tag_scores t
        where t.account_id = $1 and t.valuation_request_key = l.valuation limit 1
    ) s on true
    group by 1
),
-- Rows that came with the last fetching and could not be decoded.
rejected as (
    select c.list, c.day, count(distinct (r.delivery_id, r.part)) as n
    from counted c
    join rejects r on r.account_id = $1 and r.listed_day = c.day and r.list = c.list and r.received_at >= c.observed_at
    group by 1, 2
)
select d.day,
       m.total as messages_counted, m.observed_at as messages_at, coalesce(stored.n, 0) as messages_stored,
       coalesce(near.n, 0) as messages_near, coalesce(stored.undated, 0) as messages_undated,
       coalesce(stored.unlisted, 0) as messages_unlisted,
       r.total as requests_counted, r.observed_at as requests_at, coalesce(r.fetched, 0) as requests_fetched,
       coalesce(r.left_out, 0) as requests_left_out, coalesce(rx.n, 0) as requests_rejected,
       coalesce(rl.n, 0) as requests_listed, coalesce(rl.now, 0) as requests_listed_now, coalesce(rl.stored, 0) as requests_stored,
       s.total as ratings_counted, s.observed_at as ratings_at, coalesce(s.fetched, 0) as ratings_fetched,
       coalesce(s.left_out, 0) as ratings_left_out, coalesce(sx.n, 0) as ratings_rejected,
       coalesce(sl.n, 0) as ratings_listed, coalesce(sl.now, 0) as ratings_listed_now, coalesce(sl.stored, 0) as ratings_stored
from days d
left join counted m on m.list = 'messages' and m.day = d.day
left join counted r on r.list = 'requests' and r.day = d.day
left join counted s on s.list = 'ratings' and s.day = d.day
left join stored on stored.day = d.day
left join near on near.day = d.day
left join requests_listed rl on rl.day = d.day
left join ratings_listed sl on sl.day = d.day
left join rejected rx on rx.list = 'requests' and rx.day = d.day
left join rejected sx on sx.list = 'ratings' and sx.day = d.day
order by d.day
