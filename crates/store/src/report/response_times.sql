-- Response times: for each key six summaries, one line each (design.md 7.5).
-- $1 account; $2, $3 first and last local day (null: open); $4 how to group; $5 target in seconds; $6 the instant at
-- which waiting is looked at.
with requested as (
    select r.*,
           report_key($4::text, operator_id, channel_id, transport, local_day, local_hour) as key,
           report_key($4::text, resolved_by, channel_id, transport, local_day, local_hour) as resolved_key
    from report_requests r
    where account_id = $1::text
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
),
turned as (
    select t.*, report_key($4::text, operator_id, channel_id, transport, local_day, local_hour) as key
    from report_turns t
    where account_id = $1::text and left_out is null
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
),
-- One row for each thing that is measured: how long it took, or since when and till when nothing came.
measured as (
    select m.key, m.metric, m.seconds, m.state, m.asked_at, m.ended_at
    from requested r
    cross join lateral (values
        (1, r.key, r.frt_customer_seconds, r.first_state, r.first_asked_at, r.first_ended_at),
        (2, r.key, r.frt_customer_business_seconds, r.first_state, r.first_asked_at, r.first_ended_at),
        (3, r.key, r.frt_human_seconds, r.first_state, r.first_asked_at, r.first_ended_at),
        -- What resolves is the close, whoever answered or not: nothing ends unresolved.
        (6, r.resolved_key, r.resolution_seconds,
         case when r.closed_at is null then 'waiting' else 'answered' end, r.first_client_message_at, r.closed_at)
    ) as m(metric, key, seconds, state, asked_at, ended_at)
    where r.left_out is null and (m.asked_at is not null or m.seconds is not null)
    union all
    select t.key, m.metric, m.seconds, t.state, t.asked_at, t.ended_at
    from turned t
    cross join lateral (values (4, t.reply_seconds), (5, t.reply_business_seconds)) as m(metric, seconds)
),
-- How long those have lasted that have no answer: until closing ended them, else until the look. In the unit of their
-- metric. One that was asked after the look has not begun: 0, or less.
lasting as (
    select key, metric, seconds, state, asked_at, ended_at,
           case when state = 'answered' then null
                when metric in (2, 5) then business_seconds($1::text, asked_at, coalesce(ended_at, $6::timestamptz))
                else extract(epoch from coalesce(ended_at, $6::timestamptz) - asked_at)::double precision
           end as unanswered_seconds
    from measured
),
summaries as (
    select key, metric,
           count(seconds) as n,
           avg(seconds) as mean,
           percentile_cont(array[0.5, 0.9, 0.95]) within group (order by seconds) as percentiles,
           max(seconds) as longest,
           count(*) filter (where seconds <= $5::double precision) as met,
           count(*) filter (where seconds > $5::double precision
                               or unanswered_seconds > $5::double precision) as missed,
           count(*) filter (where state = 'closed_unanswered') as unanswered,
           count(*) filter (where asked_at <= $6::timestamptz
                              and (ended_at is null or ended_at > $6::timestamptz)) as waiting
    from lasting
    group by key, metric
),
counts as (
    select key,
           count(*) filter (where left_out is null) as requests,
           count(*) filter (where left_out = 'rating') as rating,
           count(*) filter (where left_out = 'continuous') as continuous,
           count(*) filter (where left_out = 'offline') as offline,
           count(*) filter (where left_out = 'company') as company,
           count(left_out) as left_out
    from requested
    group by key
),
-- Without grouping there is a row even where there is nothing.
keys as (
    select key from counts union select key from summaries union select 'all' where $4::text = 'all'
)
select keys.key,
       case $4::text
           when 'operator' then coalesce(operators.name, nullif(keys.key, ''), 'nobody')
           when 'channel' then coalesce(channels.name, nullif(keys.key, ''), 'unknown')
           when 'transport' then coalesce(nullif(keys.key, ''), 'unknown')
           when 'hour' then lpad(keys.key, 2, '0') || ':00'
           else keys.key
       end as label,
       coalesce(counts.requests, 0) as requests, coalesce(counts.left_out, 0) as left_out,
       coalesce(counts.rating, 0) as rating, coalesce(counts.continuous, 0) as continuous,
       coalesce(counts.offline, 0) as offline, coalesce(counts.company, 0) as company,
       metrics.metric, coalesce(n, 0) as n, mean,
       percentiles[1] as p50, percentiles[2] as p90, percentiles[3] as p95, longest as max,
       met::double precision / nullif(met + missed, 0) as within_target,
       coalesce(unanswered, 0) as unanswered, coalesce(waiting, 0) as waiting
from keys
cross join generate_series(1, 6) as metrics(metric)
left join counts on counts.key = keys.key
left join summaries on summaries.key = keys.key and summaries.metric = metrics.metric
left join operators on $4::text = 'operator' and operators.account_id = $1::text and operators.operator_id = keys.key
left join channels on $4::text = 'channel' and channels.account_id = $1::text and channels.channel_id = keys.key
-- Days and hours in their order; else the busiest first.
order by case when $4::text in ('day', 'hour') then lpad(keys.key, 10, '0') end,
         coalesce(counts.requests, 0) desc, keys.key, metrics.metric
