-- The facts without a channel that name one of the identities: $1 accounts, $2 kinds (request, dialog, message), $3 ids; with
-- the place of the identity from 1. Look-ups by the partial indexes on "not firm", whatever the statistics say ("offset 0").
with subject as (
    select * from unnest($1::text[], $2::text[], $3::text[]) with ordinality as s (account_id, kind, id, place)
)
select s.place, f.account_id, f.kind, f.fact_key, f.content_hash, f.request_id, f.dialog_id, f.conversation as old,
       nullif(f.happened_at, 'infinity') as happened_at, false as is_rated
from subject s cross join lateral (
    select * from facts f where f.account_id = s.account_id and f.request_id = s.id and not f.firm offset 0) f
where s.kind = 'request'
union all
-- Ratings wait for the request that they rate as well.
select s.place, f.account_id, f.kind, f.fact_key, f.content_hash, f.request_id, f.dialog_id, f.conversation, null, true
from subject s cross join lateral (
    select * from facts f
    where f.account_id = s.account_id and f.kind = 'rating_report' and split_part(f.fact_key, ':', 2) = s.id
      and not f.firm offset 0) f
where s.kind = 'request'
union all
select s.place, f.account_id, f.kind, f.fact_key, f.content_hash, f.request_id, f.dialog_id, f.conversation,
       nullif(f.happened_at, 'infinity'), false
from subject s cross join lateral (
    select * from facts f where f.account_id = s.account_id and f.dialog_id = s.id and not f.firm offset 0) f
where s.kind = 'dialog'
union all
select s.place, f.account_id, f.kind, f.fact_key, f.content_hash, f.request_id, f.dialog_id, f.conversation, null, false
from subject s cross join lateral (
    select * from facts f
    where f.account_id = s.account_id and f.kind = 'message' and f.fact_key = s.id and not f.firm offset 0) f
where s.kind = 'message'
