-- Tags of requests: how often each was put on and taken off, and on how many requests (design.md 7.5).
-- $1 account; $2, $3 first and last local day of the request (null: open); $4 how to group. Surveys count: scores are tags
-- of theirs.
with put as (
    select case $4::text when 'tag' then t.tag_id
               else report_key($4::text, r.operator_id, r.channel_id, r.transport, r.local_day, r.local_hour) end as key,
           t.request_key, t.removed_at, r.client_id
    from request_tags t
    join report_requests r on r.account_id = t.account_id and r.request_key = t.request_key
    where t.account_id = $1::text
      and ($2::date is null or r.local_day >= $2::date) and ($3::date is null or r.local_day <= $3::date)
),
counts as (
    select key, count(*) as put, count(removed_at) as removed, count(distinct request_key) as requests,
           count(distinct client_id) as clients
    from put
    group by key
),
-- Without grouping there is a row even where there is nothing.
keys as (
    select key from counts union select 'all' where $4::text = 'all'
)
select keys.key, report_label($4::text, $1::text, keys.key) as label,
       coalesce(put, 0) as put, coalesce(removed, 0) as removed, coalesce(requests, 0) as requests,
       coalesce(clients, 0) as clients
from keys
left join counts on counts.key = keys.key
order by case when $4::text in ('day', 'hour') then lpad(keys.key, 10, '0') end, coalesce(put, 0) desc, keys.key
