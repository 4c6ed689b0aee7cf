-- Files tellings that name no channel: the rules of folding_settle.sql, for all of them at once. Best evidence first:
-- another telling of the same message, its request, its dialog (those that any of its tellings names); for a rating (key: valuation request, rated request, …)
-- the rated request, for a tag that of the rating of the same survey; a message or a tag whose channel nobody names is its
-- client's, without a channel. Who owns an identity is in rebuild_owners.
create unlogged table rebuild_settled with (autovacuum_enabled = false) as
with -- Messages that are told with a channel as well.
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
    join rebuild_owners o on o.account_id = r.account_id and o.identity = 'request:' || split_part(r.fact_key, ':', 2)
    where r.kind = 'rating_report' and r.request_id is not null
    group by r.account_id, r.request_id
),
-- A message is filed as one, whatever each of its tellings names.
told as (
    select u.account_id, u.fact_key, min(q.conversation) as by_request, min(d.conversation) as by_dialog,
           min(u.client_id collate "C") as client_id
    from rebuild_unfirm u
    left join rebuild_owners q on q.account_id = u.account_id and q.identity = 'request:' || u.request_id
    left join rebuild_owners d on d.account_id = u.account_id and d.identity = 'dialog:' || u.dialog_id
    where u.kind = 'message'
    group by u.account_id, u.fact_key
)
select u.account_id, u.request_id, u.dialog_id, u.file, u.start, u.bytes,
       coalesce(
           case when u.kind = 'message' then s.conversation end,
           case when u.kind = 'message' then m.by_request else q.conversation end,
           case when u.kind = 'message' then m.by_dialog else d.conversation end,
           case when u.kind = 'rating_report' then k.conversation end,
           case when u.kind = 'tagging' then t.conversation end,
           case when u.kind = 'message' then (m.client_id || '/') collate "C"
                when u.kind = 'tagging' then (u.client_id || '/') collate "C" end
       ) as conversation
from rebuild_unfirm u
left join told m on u.kind = 'message' and m.account_id = u.account_id and m.fact_key = u.fact_key
left join sibling s on u.kind = 'message' and s.account_id = u.account_id and s.message_id = u.fact_key
left join rebuild_owners q on q.account_id = u.account_id and q.identity = 'request:' || u.request_id
left join rebuild_owners d on d.account_id = u.account_id and d.identity = 'dialog:' || u.dialog_id
left join rebuild_owners k on u.kind = 'rating_report' and k.account_id = u.account_id
                 and k.identity = 'request:' || split_part(u.fact_key, ':', 2)
left join rated t on u.kind = 'tagging' and t.account_id = u.account_id and t.request_id = u.request_id
