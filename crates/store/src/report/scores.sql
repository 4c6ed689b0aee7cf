-- Scores: for each key how many contacts were closed, how many were rated, and how (design.md 7.5).
-- $1 account; $2, $3 first and last local day (null: open); $4 how to group. By tag: the topics of the rated contact,
-- that is the tags that are on it and are no scores; a contact with several counts under each.
with topics as (
    select request_key, tag_id from report_request_tags
    where $4::text = 'tag' and account_id = $1::text and not is_score
),
closed as (
    -- A contact that was closed could be rated. It counts where its score would: under its last replier, else its holder.
    select case $4::text when 'tag' then coalesce(tag_id, '')
               else report_key($4::text, resolved_by, channel_id, transport, local_day, local_hour) end as key,
           count(*) as requests
    from report_requests
    left join topics using (request_key)
    where account_id = $1::text and closed_at is not null and (left_out is null or left_out = 'company')
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
    group by 1
),
scored as (
    select case $4::text when 'tag' then coalesce(tag_id, '')
               else report_key($4::text, operator_id, channel_id, transport, local_day, local_hour) end as key,
           count(*) as rated,
           count(distinct coalesce(request_key, valuation_request_key)) as rated_requests,
           count(*) filter (where sentiment = 'good') as good,
           count(*) filter (where sentiment = 'neutral') as neutral,
           count(*) filter (where sentiment = 'bad') as bad,
           case when min(scale) = max(scale) then avg(score) end as mean_score,
           max(scale) as scale
    from report_scores
    left join topics using (request_key)
    where account_id = $1::text
      -- Given after its contact began (two days for clocks that disagree): the index of days spares the rest.
      and ($2::date is null or given_day >= $2::date - 2)
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
    group by 1
),
-- A score whose request is not known has no hour; without grouping there is a row even where there is nothing.
keys as (
    select key from closed union select key from scored union select 'all' where $4::text = 'all'
)
select coalesce(keys.key, '') as key,
       report_label($4::text, $1::text, coalesce(keys.key, '')) as label,
       coalesce(requests, 0) as requests, coalesce(rated, 0) as rated, coalesce(rated_requests, 0) as rated_requests,
       coalesce(good, 0) as good, coalesce(neutral, 0) as neutral, coalesce(bad, 0) as bad, mean_score, scale
from keys
left join closed on closed.key is not distinct from keys.key
left join scored on scored.key is not distinct from keys.key
order by case when $4::text in ('day', 'hour') then lpad(keys.key, 10, '0') end,
         coalesce(rated, 0) desc, coalesce(requests, 0) desc, keys.key
