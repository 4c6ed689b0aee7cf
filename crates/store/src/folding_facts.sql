-- The committed facts of claimed conversations, each with the place of its conversation from 1. Look-ups by index, whatever the
-- statistics say ("offset 0").
select s.place, f.kind, f.fact_key, f.observed_at, f.rank, f.hash, f.content_hash,
       f.received_at, f.delivery_id, f.registers
from unnest($1::text[], $2::text[]) with ordinality as s (account_id, conversation, place)
cross join lateral (
    select * from facts f where f.account_id = s.account_id and f.conversation = s.conversation offset 0
) f
