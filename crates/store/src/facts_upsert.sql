-- Stores observations and says which of them changed a row: (place in the input from 1, whether it is new, from when on the
-- conversation is another).
with input as (
    select *
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::bigint[],
        $5::timestamptz[], $6::smallint[], $7::bigint[], $8::timestamptz[], $9::uuid[],
        $10::text[], $11::boolean[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[]
    ) with ordinality as i (
        account_id, kind, fact_key, content_hash,
        observed_at, rank, hash, received_at, delivery_id,
        conversation, firm, client_id, dialog_id, request_id, registers, happened_at, place
    )
),
-- The same content told again keeps one row: the greatest stamp, the earliest receipt and the delivery that was first.
stored as (
    insert into facts as f (
        account_id, kind, fact_key, content_hash, observed_at, rank, hash, received_at, delivery_id,
        conversation, firm, client_id, dialog_id, request_id, registers, happened_at
    )
    select account_id, kind, fact_key, content_hash, observed_at, rank, hash, received_at, delivery_id,
           conversation, firm, client_id, dialog_id, request_id, registers, coalesce(happened_at, 'infinity')
    from input
    order by account_id collate "C", kind collate "C", fact_key collate "C", content_hash -- every writer locks rows in this order
    on conflict (account_id, kind, fact_key, content_hash) do update
    set observed_at = case when (excluded.observed_at, excluded.rank, excluded.hash) > (f.observed_at, f.rank, f.hash)
                           then excluded.observed_at else f.observed_at end,
        rank        = case when (excluded.observed_at, excluded.rank, excluded.hash) > (f.observed_at, f.rank, f.hash)
                           then excluded.rank else f.rank end,
        hash        = case when (excluded.observed_at, excluded.rank, excluded.hash) > (f.observed_at, f.rank, f.hash)
                           then excluded.hash else f.hash end,
        delivery_id = case when excluded.received_at < f.received_at then excluded.delivery_id else f.delivery_id end,
        received_at = least(f.received_at, excluded.received_at),
        happened_at = least(f.happened_at, excluded.happened_at)
    where (excluded.observed_at, excluded.rank, excluded.hash) > (f.observed_at, f.rank, f.hash)
       or excluded.received_at < f.received_at
    returning account_id, kind, fact_key, content_hash, xmax = 0 as fresh, happened_at
)
select input.place, stored.fresh, nullif(stored.happened_at, 'infinity') as happened_at
from stored
join input using (account_id, kind, fact_key, content_hash)
