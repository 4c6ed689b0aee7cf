-- Writes what came of leads.
-- $1 CRM, $2 lead keys, $3 status, $4 external ids, $5 addresses, $6 hashes, $7 live hashes, $8 hashes of the rows,
-- $9 errors, $10 next attempts, $11 whether a record was made although there was one, $12 now.
with told as (
    select * from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
                         $9::text[], $10::timestamptz[], $11::boolean[])
        as t (lead_key, status, external_id, url, hash, live_hash, seen, error, next_attempt_at, is_recreated)
),
locked as (
    -- In one order, so that two workers never wait for each other.
    select lead_key from ledger.crm_links where crm = $1 and lead_key = any($2) order by lead_key for update
)
update ledger.crm_links k
set status = t.status,
    external_id = coalesce(t.external_id, k.external_id),
    url = coalesce(t.url, k.url),
    accepted_hash = case when t.status = 'ok' then t.hash else k.accepted_hash end,
    accepted_live_hash = case when t.status = 'ok' then t.live_hash else k.accepted_live_hash end,
    accepted_at = case when t.status = 'ok' then $12 else k.accepted_at end,
    recreated_at = case when t.is_recreated then $12 else k.recreated_at end,
    refused_hash = case t.status when 'dead' then t.hash when 'ok' then null else k.refused_hash end,
    refused_live_hash = case t.status when 'dead' then t.live_hash when 'ok' then null else k.refused_live_hash end,
    seen_hash = case when t.status in ('ok', 'dead') then t.seen else k.seen_hash end,
    attempts = case t.status when 'ok' then 0 when 'pending' then k.attempts else k.attempts + 1 end,
    next_attempt_at = t.next_attempt_at,
    last_error = t.error,
    updated_at = $12
from told t
join locked using (lead_key)
where k.crm = $1 and k.lead_key = t.lead_key
