-- What a fold from a saved state looks at. $1 accounts, $2 conversations, $3 cuts, $4 ids of the requests that last.
-- Look-ups by index, whatever the statistics say ("offset 0"). Each fact comes with the place of its conversation from 1.
with s as (
    select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[]) with ordinality
        as s (account_id, conversation, cut_at, request_id, place)
),
-- What happened after the cut; rows of the list of dialogs always do.
late as materialized (
    select s.place, s.cut_at, f.*
    from s cross join lateral (
        select * from facts f
        where f.account_id = s.account_id and f.conversation = s.conversation and f.happened_at >= s.cut_at offset 0
    ) f
),
named as (
    -- A row of the list of dialogs names its last request then, and says nothing of it.
    select place, account_id, conversation, cut_at, request_id as id from late
    where request_id is not null and kind <> 'dialog_row'
    union
    select place, account_id, conversation, cut_at, request_id from s where request_id is not null
),
earlier as (
    -- Other tellings of the same messages: a message on both sides of the cut needs a whole fold.
    select m.place, f.*
    from (select distinct place, account_id, conversation, cut_at, fact_key from late where kind = 'message') m
    cross join lateral (
        select * from facts f
        where f.account_id = m.account_id and f.kind = 'message' and f.fact_key = m.fact_key offset 0
    ) f
    where f.conversation = m.conversation and f.happened_at < m.cut_at
    union all
    -- Openings, closings and reports of the requests that are named.
    select n.place, f.*
    from named n
    cross join lateral (
        select * from facts f
        where f.account_id = n.account_id and f.kind in ('request_opened', 'request_closed', 'request_report')
          and f.fact_key = n.id offset 0
    ) f
    where f.conversation = n.conversation and f.happened_at < n.cut_at
    union all
    -- Tags and ratings of the request that lasts.
    select s.place, f.*
    from s
    cross join lateral (
        select * from facts f
        where f.account_id = s.account_id and f.request_id = s.request_id and not f.firm
          and f.kind in ('tagging', 'rating_report') offset 0
    ) f
    where f.conversation = s.conversation and f.happened_at < s.cut_at
)
select place, kind, fact_key, observed_at, rank, hash, content_hash, received_at, delivery_id,
       registers
from late
union all
select place, kind, fact_key, observed_at, rank, hash, content_hash, received_at, delivery_id, registers
from earlier
