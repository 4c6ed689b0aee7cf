-- The second half of response times, whoever's rules the first half follows: `counted` (key, left_out) and `measured` (key,
-- metric, seconds, state, asked_at, ended_at, calendar_no) become six summaries for each key, one line each.
-- How long those have lasted that have no answer: until closing ended them, else until the look. In the unit of their
-- metric. One that was asked after the look has not begun: 0, or less.
lasting as (
    select key, metric, seconds, state, asked_at, ended_at,
           case when state = 'answered' then null
                when metric in (2, 5) and calendar_no is null
                then business_seconds($1::text, asked_at, coalesce(ended_at, $6::timestamptz))
                when metric in (2, 5)
                then business_seconds($1::text, calendar_no, asked_at, coalesce(ended_at, $6::timestamptz))
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
    from counted
    group by key
),
-- Without grouping there is a row even where there is nothing.
keys as (
    select key from counts union select key from summaries union select 'all' where $4::text = 'all'
)
select keys.key,
       report_label($4::text, $1::text, keys.key) as label,
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
-- Days and hours in their order; else the busiest first.
order by case when $4::text in ('day', 'hour') then lpad(keys.key, 10, '0') end,
         coalesce(counts.requests, 0) desc, keys.key, metrics.metric
