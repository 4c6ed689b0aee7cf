-- Scores with names and the latest escalation that each caused, newest first.
-- $1 account; $2, $3 first and last local day (null: open); $4 sentiment (null: all); $5 at most so many; $6 whether the
-- days are those of the giving, not those of the rated request.
with chosen as (
    select *, count(*) over () as total
    from report_scores
    where account_id = $1::text
      and ($2::date is null or case when $6::boolean then given_day else local_day end >= $2::date)
      and ($3::date is null or case when $6::boolean then given_day else local_day end <= $3::date)
      and ($4::text is null or sentiment = $4::text)
    order by given_at desc, valuation_request_key, scale_id
    limit $5
)
select s.valuation_request_key, s.scale_id, s.request_key, s.given_at, s.client_id,
       left(coalesce(nullif(c.display_name, ''), s.client_id), 200) as client,
       left(coalesce(o.name, nullif(s.operator_id, '')), 200) as operator,
       left(coalesce(h.name, s.channel_id), 200) as channel,
       s.score, s.scale, s.sentiment, left(s.label, 200) as label, d.web_url,
       e.escalation_key, e.rule, e.status as escalation, left(e.owner, 200) as owner, s.delivery_id, s.total
from chosen s
left join clients c on c.account_id = s.account_id and c.client_id = s.client_id
left join operators o on o.account_id = s.account_id and o.operator_id = s.operator_id
left join channels h on h.account_id = s.account_id and h.channel_id = s.channel_id
left join dialogs d on d.account_id = s.account_id and d.dialog_id = s.dialog_id
left join lateral (
    select escalation_key, rule, status, owner from ledger.escalations
    where account_id = s.account_id and cause = s.valuation_request_key
    order by opened_at desc, escalation_key desc limit 1
) e on true
order by s.given_at desc, s.valuation_request_key, s.scale_id
