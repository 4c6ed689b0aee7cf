-- What facts of a conversation name but what belongs to another one: (account, conversation, identity).
-- $1 accounts, $2 conversations, $3 kinds (request, dialog), $4 ids.
-- The owner is the smallest conversation that a firm fact links; without a link, the smallest one that was concluded.
select n.account_id, n.conversation, n.kind || ':' || n.id
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as n (account_id, conversation, kind, id)
where coalesce(
    (select min(l.conversation) from links l
     where l.account_id = n.account_id and l.identity = n.kind || ':' || n.id),
    (select min(f.conversation) from facts f
     where n.kind = 'request' and f.account_id = n.account_id and f.request_id = n.id and not f.firm),
    (select min(f.conversation) from facts f
     where n.kind = 'dialog' and f.account_id = n.account_id and f.dialog_id = n.id and not f.firm)
) <> n.conversation
