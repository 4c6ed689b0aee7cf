-- Files tellings that name no channel: the rules of folding_settle.sql, for all of them at once. Best evidence first:
-- another telling of the same message, its request, its dialog; for a rating (key: valuation request, rated request, …)
-- the rated request, for a tag that of the rating of the same survey; a message or a tag whose channel nobody names is its
-- client's, without a channel. Of several conversations for one identity the smallest counts.
create unlogged table rebuild_settled with (autovacuum_enabled = false) as
with owner as materialized (
    select account_id, identity, min(conversation) as conversation from rebuild_links group by account_id, identity
),
-- Messages that are told with a channel as well.
sibling as (
    select m.account_id, m.message_id, min(m.conversation) as conversation
    from rebuild_messages m
    where (m.account_id, m.message_id) in (select account_id, fact_key from rebuild_unfirm where kind = 'message')
    group by m.account_id, m.message_id
),
-- Surveys, by what their rating rates.
rated as (
    select r.account_id, r.request_id, min(o.conversation) as conversation
    from rebuild_unfirm r
    join owner o on o.account_id = r.account_id and o.identity = 'request:' || split_part(r.fact_key, ':', 2)
    where r.kind = 'rating_report' and r.request_id is not null
    group by r.account_id, r.request_id
)
select u.account_id, u.request_id, u.dialog_id, u.fact,
       coalesce(
           case when u.kind = 'message' then s.conversation end,
           q.conversation,
           d.conversation,
           case when u.kind = 'rating_report' then k.conversation end,
           case when u.kind = 'tagging' then t.conversation end,
           case when u.kind in ('message', 'tagging') and u.client_id is not null then (u.client_id || '/') collate "C" end
       ) as conversation
from rebuild_unfirm u
left join sibling s on u.kind = 'message' and s.account_id = u.account_id and s.message_id = u.fact_key
left join owner q on q.account_id = u.account_id and q.identity = 'request:' || u.request_id
left join owner d on d.account_id = u.account_id and d.identity = 'dialog:' || u.dialog_id
left join owner k on u.kind = 'rating_report' and k.account_id = u.account_id
                 and k.identity = 'request:' || split_part(u.fact_key, ':', 2)
left join rated t on u.kind = 'tagging' and t.account_id = u.account_id and t.request_id = u.request_id
