-- Leads whose links are locked, as they are now.
-- $1 CRM, $2 mapping, $3 target of its effects, $4 keys.
select l.account_id, l.client_id, l.lead_key, l.display_name, l.phone_e164, l.email, l.transports, l.tags,
       l.operator_id, o.name as operator_name, l.last_score, l.last_score_scale, l.last_score_at,
       l.first_message_at, l.last_message_at, l.dialog_url,
       hashtextextended(l.row_hash || '/' || coalesce(o.row_hash, 0), $2) as seen,
       k.external_id, k.accepted_hash, k.accepted_live_hash, k.refused_hash, k.refused_live_hash,
       -- Never again a version that was sent, whatever became of the link.
       greatest(k.version, (select coalesce(max(e.version), 0) from ledger.effects e
                            where e.target = $3 and e.subject = k.lead_key)) as version,
       k.plan_whole as is_whole
from ledger.crm_links k
join leads l on l.account_id = k.account_id and l.client_id = k.client_id
left join operators o on o.account_id = l.account_id and o.operator_id = l.operator_id
where k.crm = $1 and k.lead_key = any($4)
  -- Another planner may have written one just before the lock.
  and not exists (
      select from ledger.effects e
      where e.target = $3 and e.subject = k.lead_key and e.status in ('pending', 'in_flight'))
order by k.plan_bulk, k.plan_at, k.lead_key
