-- Marks the leads of one page whose rows or mapping are not those that were compared last.
-- $1 CRM, $2 mapping, $3 accounts or null, $4 and $5 after this account and client, $6 limit, $7 whole, $8 now.
with page as (
    select l.account_id, l.client_id, l.lead_key,
           hashtextextended(l.row_hash || '/' || coalesce(o.row_hash, 0), $2) as seen
    from leads l
    left join operators o on o.account_id = l.account_id and o.operator_id = l.operator_id
    where ($3::text[] is null or l.account_id = any($3)) and (l.account_id, l.client_id) > ($4, $5)
    order by l.account_id, l.client_id
    limit $6
),
marked as (
    insert into ledger.crm_links as k (crm, lead_key, account_id, client_id, status, plan_at, plan_whole, plan_bulk,
                                       updated_at)
    select $1, p.lead_key, p.account_id, p.client_id, 'pending', $8, $7, true, $8
    from page p
    left join ledger.crm_links before on before.crm = $1 and before.lead_key = p.lead_key
    where before.seen_hash is distinct from p.seen
    order by p.lead_key -- rows are always locked in one order
    on conflict (crm, lead_key) do update
    set plan_at = least(k.plan_at, excluded.plan_at), plan_whole = k.plan_whole or excluded.plan_whole,
        plan_bulk = k.plan_at is null or k.plan_bulk
    returning 1
),
last as (
    select account_id, client_id from page order by account_id desc, client_id desc limit 1
)
select (select count(*) from page) as looked_at, (select count(*) from marked) as marked,
       (select account_id from last) as account_id, (select client_id from last) as client_id
