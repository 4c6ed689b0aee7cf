-- The committed facts of claimed conversations. Look-ups by index, whatever the statistics say ("offset 0").
select f.account_id, f.conversation as subject, f.kind, f.fact_key, f.observed_at, f.rank, f.hash, f.content_hash,
       f.received_at, f.delivery_id, f.registers
from unnest($1::text[], $2::text[]) as s (account_id, conversation)
cross join lateral (
    select * from facts f where f.account_id = s.account_id and f.conversation = s.conversation offset 0
) f
