-- A page of leads with what one CRM accepted of them.
-- $1 CRM, $2 mapping, $3 accounts or null, $4 and $5 after this account and client, $6 limit.
select l.account_id, l.client_id, l.lead_key, l.display_name, l.phone_e164, l.email, l.transports, l.tags,
       l.operator_id, o.name as operator_name, l.last_score, l.last_score_scale, l.last_score_at,
       l.first_message_at, l.last_message_at, l.dialog_url,
       hashtextextended(l.row_hash || '/' || coalesce(o.row_hash, 0), $2) as seen,
       k.external_id, k.accepted_hash, k.accepted_live_hash, k.refused_hash,
       k.refused_live_hash, coalesce(k.version, 0) as version,
       true as is_whole
from leads l
left join operators o on o.account_id = l.account_id and o.operator_id = l.operator_id
left join ledger.crm_links k on k.crm = $1 and k.lead_key = l.lead_key
where ($3::text[] is null or l.account_id = any($3)) and (l.account_id, l.client_id) > ($4, $5)
order by l.account_id, l.client_id
limit $6
