-- When we looked at days is nothing that the log says: it is carried over, until the next look.
insert into chat_next.completeness
    (account_id, day, subject, state, reason, counted, stored, counted_at, refetched, checked_at)
select account_id, day, subject, state, reason, counted, stored, counted_at, refetched, checked_at
from chat.completeness
on conflict do nothing
