-- Conversations that share a request, a dialog or a message with another one, so that their fold has to look beyond its
-- own facts (folding_foreign.sql, folding/contests.rs). They are folded by the ordinary way.
insert into rebuild_odd (account_id, conversation)
with linked as materialized (
    select account_id, identity, min(conversation) as conversation, count(*) as conversations
    from links where identity not like 'message:%' group by account_id, identity
),
-- Where no firm telling links a request or a dialog, the smallest conversation that was concluded owns it.
named as materialized (
    select account_id, 'request:' || request_id as identity, conversation
    from rebuild_settled where request_id is not null and conversation is not null
    union
    select account_id, 'dialog:' || dialog_id, conversation
    from rebuild_settled where dialog_id is not null and conversation is not null
),
concluded as (select account_id, identity, min(conversation) as conversation from named group by account_id, identity)
-- Firm tellings name what another conversation owns.
select l.account_id, l.conversation
from linked o join links l on l.account_id = o.account_id and l.identity = o.identity
where o.conversations > 1 and l.conversation <> o.conversation
union
-- Filed ones do.
select n.account_id, n.conversation
from named n
join concluded c on c.account_id = n.account_id and c.identity = n.identity
left join linked o on o.account_id = n.account_id and o.identity = n.identity
where n.conversation <> coalesce(o.conversation, c.conversation)
union
-- A message is told of several.
select l.account_id, l.conversation from links l where l.identity like 'message:%'
