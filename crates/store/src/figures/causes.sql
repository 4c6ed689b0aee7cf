-- Deliveries that told something new of the requests of frozen days: the last one for each set of keys.
-- $1 accounts, $2 days, $3 since when.
with days as (
    select * from unnest($1::text[], $2::date[], $3::timestamptz[]) as d (account_id, day, since)
),
asked as (
    select d.account_id, d.day, d.since, r.request_key, r.conversation,
           array(select distinct o from unnest(array[coalesce(r.first_operator_id, r.holder_operator_id, ''),
                                                     coalesce(r.last_operator_id, r.holder_operator_id, '')]) o
                 order by o) as operators,
           coalesce(r.channel_id, '') as channel, coalesce(r.transport, '') as transport, r.local_hour as hour,
           -- Those too that were taken off: that may be what happened.
           array(select distinct t.tag_id from request_tags t
                 where t.account_id = r.account_id and t.request_key = r.request_key order by t.tag_id) as tags
    from days d
    join requests r on r.account_id = d.account_id and r.local_day = d.day
),
told as (
    select a.*, f.delivery_id, f.received_at, f.observed_at, f.rank
    from asked a
    cross join lateral (
        select f.delivery_id, f.received_at, f.observed_at, f.rank
        from messages m
        join facts f on f.account_id = m.account_id and f.kind = 'message' and f.fact_key = m.message_id
        where m.account_id = a.account_id and m.request_key = a.request_key and f.received_at >= a.since
        union all
        -- What is told of a request by its id, and what is told of its dialog, its tags and scores.
        select f.delivery_id, f.received_at, f.observed_at, f.rank
        from facts f
        where f.account_id = a.account_id and f.conversation = a.conversation and f.received_at >= a.since
          and (f.fact_key = a.request_key and f.kind in ('request_opened', 'request_closed', 'request_report')
               or f.kind in ('dialog_closed', 'dialog_transferred', 'dialog_row', 'tagging', 'rating_report'))
    ) f
),
counted as (
    select account_id, day, operators, channel, transport, hour, tags, count(distinct delivery_id) as deliveries
    from told
    group by 1, 2, 3, 4, 5, 6, 7
),
last_told as (
    select distinct on (account_id, day, operators, channel, transport, hour, tags)
           account_id, day, operators, channel, transport, hour, tags, delivery_id, received_at, observed_at, rank
    from told
    order by account_id, day, operators, channel, transport, hour, tags, received_at desc, delivery_id desc
)
select l.*, c.deliveries
from last_told l
join counted c using (account_id, day, operators, channel, transport, hour, tags)
order by l.received_at desc, l.delivery_id desc
