-- Writes what came of effects; returns those that were still the owner's.
-- $1 keys, $2 status, $3 next attempt, $4 error, $5 counted (1 or 0), $6 whether the message stays, $7 owner, $8 now.
update ledger.effects e
set status = o.status,
    attempts = e.attempts + o.counted,
    last_error = o.error,
    message_id = case when o.status = 'pending' and not o.keeps_message then null else e.message_id end,
    next_attempt_at = coalesce(o.next_attempt_at, e.next_attempt_at),
    body = case when o.status = 'pending' then e.body end,
    settled_at = case when o.status <> 'pending' then $8 end,
    leased_by = null,
    leased_until = null
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::integer[], $6::boolean[])
     as o (effect_key, status, next_attempt_at, error, counted, keeps_message)
where e.effect_key = o.effect_key and e.leased_by = $7 and e.status = 'in_flight'
returning e.effect_key
