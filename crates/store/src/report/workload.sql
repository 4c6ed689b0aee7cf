-- Workload: for each key what was opened, closed and written, for how many people by how many, and what was open at the
-- end (docs/metrics.md).
-- $1 account; $2, $3 the first instant and the one after the last (null: open, and now); $4 how to group; $5 the zone.
with happened as (
    select what, client_id, operator_id, date_trunc('hour', local_at) as hour,
           case $4::text when 'tag' then coalesce(t.tag_id, '')
               else report_key($4::text, operator_id, channel_id, transport, local_at::date,
                               extract(hour from local_at)::smallint) end as key
    from report_workload w
    cross join lateral (select happened_at at time zone $5::text as local_at) as on_the_wall
    left join report_request_tags t
           on $4::text = 'tag' and t.account_id = w.account_id and t.request_key = w.request_key
    where w.account_id = $1::text and happened_at < $3::timestamptz
      and ($2::timestamptz is null or happened_at >= $2::timestamptz)
),
counts as (
    select key,
           count(*) filter (where what = 'opened') as opened,
           count(*) filter (where what = 'closed') as closed,
           count(*) filter (where what = 'client') as client_messages,
           count(*) filter (where what = 'operator') as operator_messages,
           count(*) filter (where what = 'bot') as bot_messages,
           count(*) filter (where what = 'automation') as automation_messages,
           -- Who talked with people: not those who only got something from a machine.
           count(distinct client_id) filter (where what in ('client', 'operator')) as people,
           count(distinct operator_id) filter (where what = 'operator') as operators,
           count(distinct (operator_id, hour)) filter (where what = 'operator') as operator_hours,
           count(distinct (operator_id, hour, client_id)) filter (where what = 'operator') as people_hours
    from happened
    group by key
),
-- Open at the end, but for days and hours: who held the contact then; where nobody ever took it, whom the list of dialogs
-- names.
left_open as (
    select case $4::text when 'tag' then coalesce(t.tag_id, '')
               else report_key($4::text, coalesce(held.operator_id, r.holder_operator_id), channel_id, transport, null,
                               null) end as key,
           count(*) as open_at_end
    from requests r
    left join lateral (
        -- '': somebody took it, but later.
        select coalesce(max(operator_id) filter (where from_at < $3::timestamptz
                                                   and (to_at is null or to_at >= $3::timestamptz)), '') as operator_id
        from assignments a
        where $4::text = 'operator' and a.account_id = r.account_id and a.request_key = r.request_key
        having count(*) > 0
    ) held on true
    left join report_request_tags t
           on $4::text = 'tag' and t.account_id = r.account_id and t.request_key = r.request_key
    where $4::text not in ('day', 'hour') and r.account_id = $1::text and kind <> 'rating'
      and opened_at < $3::timestamptz and (closed_at is null or closed_at >= $3::timestamptz)
    group by 1
),
-- By day: at the end of each. By hour: at the end of each hour of the last day. Steps are counted from the start of all,
-- a day by its number, before the last day by -1.
steps as (
    select case when $4::text = 'day' then local_at::date - date '2000-01-01'
                when local_at::date < last.day then -1
                else extract(hour from local_at)::integer end as place,
           sum(step)::bigint as step
    from requests r
    cross join lateral (values (opened_at, 1), (closed_at, -1)) as moved(at, step)
    cross join lateral (select moved.at at time zone $5::text as local_at) as on_the_wall
    cross join (select (($3::timestamptz - interval '1 microsecond') at time zone $5::text)::date as day) as last
    where $4::text in ('day', 'hour') and account_id = $1::text and kind <> 'rating'
      and opened_at < $3::timestamptz and moved.at < $3::timestamptz
    group by 1
    union all
    select case $4::text when 'day' then key::date - date '2000-01-01' else key::integer end, 0
    from counts
    where $4::text in ('day', 'hour')
),
balances as (
    select case $4::text when 'day' then to_char(date '2000-01-01' + place, 'YYYY-MM-DD') else place::text end as key,
           sum(sum(step)) over (order by place)::bigint as open_at_end
    from steps
    group by place
),
-- Without grouping there is a row even where there is nothing.
keys as (
    select key from counts union select key from left_open union select 'all' where $4::text = 'all'
)
select keys.key, report_label($4::text, $1::text, keys.key) as label,
       coalesce(opened, 0) as opened, coalesce(closed, 0) as closed,
       coalesce(left_open.open_at_end, balances.open_at_end, 0) as open_at_end,
       coalesce(client_messages, 0) as client_messages, coalesce(operator_messages, 0) as operator_messages,
       coalesce(bot_messages, 0) as bot_messages, coalesce(automation_messages, 0) as automation_messages,
       coalesce(people, 0) as people, coalesce(operators, 0) as operators, coalesce(operator_hours, 0) as operator_hours,
       people_hours::double precision / nullif(operator_hours, 0) as people_per_operator_hour
from keys
left join counts using (key)
left join left_open using (key)
left join balances using (key)
order by case when $4::text in ('day', 'hour') then lpad(keys.key, 10, '0') end,
         coalesce(opened, 0) desc, coalesce(client_messages, 0) + coalesce(operator_messages, 0) desc, keys.key
