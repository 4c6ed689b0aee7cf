-- What the folded rows say of clients ($1 accounts, $2 ids) who have messages. Look-ups by index ("offset 0").
select c.account_id, c.client_id, m.first, m.last, coalesce(m.transports, '{}') as transports,
       r.operator_id, r.dialog_url, s.score, s.scale, s.given_at as scored_at
from unnest($1::text[], $2::text[]) as c (account_id, client_id)
cross join lateral (
    select min(sent_at) filter (where counts) as first, max(sent_at) filter (where counts) as last,
           array_agg(distinct transport order by transport) filter (where transport is not null) as transports,
           count(*) as messages
    from (select sent_at, transport, author_kind = 'client' and not is_deleted and time_quality <> 'unconfirmed' as counts
          from messages m where m.account_id = c.account_id and m.client_id = c.client_id offset 0) m
) m
left join lateral (
    select coalesce(r.last_operator_id, r.holder_operator_id) as operator_id, d.web_url as dialog_url
    from (select * from requests r
          where r.account_id = c.account_id and r.client_id = c.client_id and r.kind <> 'rating'
          order by r.opened_at desc, r.request_key desc limit 1) r
    left join dialogs d on d.account_id = r.account_id and d.dialog_id = r.dialog_id
) r on true
left join lateral (
    select s.score, s.scale, s.given_at from tag_scores s
    where s.account_id = c.account_id and s.client_id = c.client_id and s.withdrawn_at is null
    order by s.given_at desc, s.valuation_request_key desc, s.scale_id limit 1
) s on true
where m.messages > 0
