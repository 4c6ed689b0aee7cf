-- The tellings that made a lead ($1 account, $2 client): its card, its first and its last message; by receipt.
select kind, fact_key, conversation, observed_at, received_at, delivery_id
from facts
where account_id = $1 and kind = 'client' and fact_key = $2
union all
select f.kind, f.fact_key, f.conversation, f.observed_at, f.received_at, f.delivery_id
from (
    (select message_id from messages where account_id = $1 and client_id = $2 order by sent_at, message_id limit 1)
    union
    (select message_id from messages where account_id = $1 and client_id = $2
     order by sent_at desc, message_id desc limit 1)
) m
join facts f on f.account_id = $1 and f.kind = 'message' and f.fact_key = m.message_id
order by received_at, delivery_id
