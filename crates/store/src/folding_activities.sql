-- What the folded rows say of clients ($1 accounts, $2 ids) who have messages. Look-ups by index ("offset 0"), a few for each
-- client, however long the history is.
select c.account_id, c.client_id, m.first, m.last, coalesce(t.transports, '{}') as transports,
       r.operator_id, r.dialog_url, s.score, s.scale, s.given_at as scored_at
from unnest($1::text[], $2::text[]) as c (account_id, client_id)
cross join lateral (
    select (select m.sent_at from messages m
            where m.account_id = c.account_id and m.client_id = c.client_id
              and m.author_kind = 'client' and not m.is_deleted and m.time_quality <> 'unconfirmed'
            order by m.sent_at limit 1) as first,
           (select m.sent_at from messages m
            where m.account_id = c.account_id and m.client_id = c.client_id
              and m.author_kind = 'client' and not m.is_deleted and m.time_quality <> 'unconfirmed'
            order by m.sent_at desc limit 1) as last
) m
-- The messengers of the client's requests: from one to the next greater one, without reading all requests.
left join lateral (
    with recursive used as (
        (select q.transport from requests q
         where q.account_id = c.account_id and q.client_id = c.client_id and q.transport is not null
         order by q.transport limit 1)
        union all
        select (select q.transport from requests q
                where q.account_id = c.account_id and q.client_id = c.client_id and q.transport > used.transport
                order by q.transport limit 1)
        from used where used.transport is not null
    )
    select array_agg(transport order by transport) as transports from used where transport is not null
) t on true
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
where exists (select from messages m where m.account_id = c.account_id and m.client_id = c.client_id)
