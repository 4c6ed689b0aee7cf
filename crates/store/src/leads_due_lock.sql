-- Marked leads whose time has come, locked against other planners; what has just changed first. What they are is read by
-- the next statement, whose snapshot is younger than the locks: a change that was marked before them is seen by it, one
-- that is marked later waits for them and marks anew.
-- $1 CRM, $2 target of its effects, $3 now, $4 whether those of a comparison of all are taken too, $5 limit.
select k.lead_key
from ledger.crm_links k
where k.crm = $1 and k.plan_at <= $3 and ($4 or not k.plan_bulk)
  and exists (select from leads l where l.account_id = k.account_id and l.client_id = k.client_id)
  -- The next content waits until the outcome of this one is known.
  and not exists (
      select from ledger.effects e
      where e.target = $2 and e.subject = k.lead_key and e.status in ('pending', 'in_flight'))
order by k.plan_bulk, k.plan_at, k.lead_key
limit $5
for update of k skip locked
