-- What else must be marked for messages that were stored: (account, kind of mark, subject).
-- $1 accounts, $2 message ids, $3 whether the telling names a channel.
with m as (select * from unnest($1::text[], $2::text[], $3::boolean[]) as m (account_id, message_id, firm))
-- A telling without a channel is filed with its firm sibling: that one has come now.
select m.account_id, 'identity', 'message:' || m.message_id
from m
where m.firm and exists (
    select from facts f
    where f.account_id = m.account_id and f.kind = 'message' and f.fact_key = m.message_id and not f.firm offset 0)
union all
-- A message told of several conversations is merged of all its tellings, wherever it stands now.
select l.account_id, 'conversation', l.conversation
from m
cross join lateral (
    select * from links l where l.account_id = m.account_id and l.identity = 'message:' || m.message_id offset 0
) l
