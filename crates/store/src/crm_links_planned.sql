-- Takes marks away and writes what was found; the planner holds the rows' locks.
-- $1 CRM, $2 lead keys, $3 hashes of the rows, $4 findings, $5 versions of those sent, $6 errors, $7 now.
update ledger.crm_links k
set plan_at = null,
    plan_whole = false,
    plan_bulk = false,
    -- What waits for the night must still be seen as different then.
    seen_hash = case when f.finding in ('same', 'refused', 'rejected') then f.seen else k.seen_hash end,
    status = case f.finding when 'sent' then 'pending' when 'same' then 'ok' when 'for_now' then 'ok' else 'dead' end,
    version = coalesce(f.version, k.version),
    attempts = case when f.finding = 'sent' then 0 else k.attempts end,
    last_error = case f.finding when 'refused' then k.last_error when 'refused_for_now' then k.last_error
                                when 'rejected' then f.error end,
    updated_at = $7
from unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])
     as f (lead_key, seen, finding, version, error)
where k.crm = $1 and k.lead_key = f.lead_key
