-- Conversations that share a request, a dialog or a message with another one, so that their fold has to look beyond its
-- own facts (folding_foreign.sql, folding/contests.rs). They are folded by the ordinary way.
insert into rebuild_odd (account_id, conversation)
with
-- What filed tellings name, and who owns it: where no firm telling links it, the smallest conversation that was concluded.
request as (
    select s.account_id, s.request_id, coalesce(o.conversation, s.least) as conversation
    from (select account_id, request_id, min(conversation) as least, max(conversation) as greatest
          from rebuild_settled where request_id is not null and conversation is not null group by account_id, request_id) s
    left join rebuild_owners o on o.account_id = s.account_id and o.identity = 'request:' || s.request_id
    where s.least <> coalesce(o.conversation, s.least) or s.greatest <> coalesce(o.conversation, s.least)
),
dialog as (
    select s.account_id, s.dialog_id, coalesce(o.conversation, s.least) as conversation
    from (select account_id, dialog_id, min(conversation) as least, max(conversation) as greatest
          from rebuild_settled where dialog_id is not null and conversation is not null group by account_id, dialog_id) s
    left join rebuild_owners o on o.account_id = s.account_id and o.identity = 'dialog:' || s.dialog_id
    where s.least <> coalesce(o.conversation, s.least) or s.greatest <> coalesce(o.conversation, s.least)
)
-- Firm tellings name what another conversation owns.
select l.account_id, l.conversation
from links l join rebuild_owners o on o.account_id = l.account_id and o.identity = l.identity
where l.conversation <> o.conversation
union
-- Filed ones do.
select s.account_id, s.conversation
from request r join rebuild_settled s on s.account_id = r.account_id and s.request_id = r.request_id
where s.conversation <> r.conversation
union
select s.account_id, s.conversation
from dialog d join rebuild_settled s on s.account_id = d.account_id and s.dialog_id = d.dialog_id
where s.conversation <> d.conversation
union
-- A message is told of several.
select l.account_id, l.conversation from links l where l.identity like 'message:%'
