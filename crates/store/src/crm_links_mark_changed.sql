-- Marks changed leads; those that a comparison of all marked go first now. $1 CRM, $2 accounts and $3 clients of the changes, $4 accounts of the CRM or null, $5 at, $6 now.
insert into ledger.crm_links as k (crm, lead_key, account_id, client_id, status, plan_at, updated_at)
select $1, l.lead_key, l.account_id, l.client_id, 'pending', $5, $6
from unnest($2::text[], $3::text[]) as c (account_id, client_id)
join leads l on l.account_id = c.account_id and l.client_id = c.client_id
where $4::text[] is null or l.account_id = any($4)
order by l.lead_key -- rows are always locked in one order
on conflict (crm, lead_key) do update set plan_at = least(k.plan_at, excluded.plan_at), plan_bulk = false
where k.plan_at is null or k.plan_at > excluded.plan_at or k.plan_bulk
