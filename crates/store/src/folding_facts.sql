-- The committed facts of claimed conversations.
select f.account_id, f.conversation as subject, f.kind, f.fact_key, f.observed_at, f.rank, f.hash, f.content_hash, f.received_at,
       f.delivery_id, f.registers
from facts f
join unnest($1::text[], $2::text[]) as s (account_id, conversation)
  on s.account_id = f.account_id and s.conversation = f.conversation
