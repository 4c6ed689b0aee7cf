-- The tellings that made a request ($1 account, $2 request key), each once, by receipt.
select distinct on (received_at, delivery_id, kind, fact_key)
       kind, fact_key, conversation, observed_at, received_at, delivery_id
from (
    (select * from facts
     where account_id = $1 and kind in ('request_opened', 'request_closed', 'request_report') and fact_key = $2)
    union all
    -- What names no channel: tags, closes of the dialog, transfers.
    (select * from facts where account_id = $1 and request_id = $2 and not firm)
    union all
    (select * from facts where account_id = $1 and kind = 'rating_report' and split_part(fact_key, ':', 2) = $2)
    union all
    (select f.* from messages m
     join facts f on f.account_id = m.account_id and f.kind = 'message' and f.fact_key = m.message_id
     where m.account_id = $1 and m.request_key = $2)
) f
order by received_at, delivery_id, kind, fact_key
