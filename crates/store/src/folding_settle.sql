-- Files facts that name no channel. Returns for each touched fact: account, conversation before and after, when it happened.
with subject as (
    select account_id, split_part(identity, ':', 1) as kind, substr(identity, strpos(identity, ':') + 1) as id
    from unnest($1::text[], $2::text[]) as s (account_id, identity)
),
-- The facts that wait for one of the identities; partial indexes on "not firm" keep this cheap.
named as (
    select f.account_id, f.kind, f.fact_key, f.content_hash
    from subject s cross join lateral (
        select * from facts f
        where s.kind = 'request' and f.account_id = s.account_id and f.request_id = s.id and not f.firm offset 0) f
    union
    select f.account_id, f.kind, f.fact_key, f.content_hash
    from subject s cross join lateral (
        select * from facts f
        where s.kind = 'request' and f.account_id = s.account_id and f.kind = 'rating_report'
          and split_part(f.fact_key, ':', 2) = s.id and not f.firm offset 0) f
    union
    -- The tags of a survey go where its rating goes, while nobody has seen the survey itself.
    select t.account_id, t.kind, t.fact_key, t.content_hash
    from subject s cross join lateral (
        select * from facts f
        where s.kind = 'request' and f.account_id = s.account_id and f.kind = 'rating_report'
          and split_part(f.fact_key, ':', 2) = s.id and not f.firm offset 0) f
    cross join lateral (
        select * from facts t
        where t.account_id = f.account_id and t.request_id = f.request_id and t.kind = 'tagging' and not t.firm
        offset 0) t
    union
    select f.account_id, f.kind, f.fact_key, f.content_hash
    from subject s cross join lateral (
        select * from facts f
        where s.kind = 'dialog' and f.account_id = s.account_id and f.dialog_id = s.id and not f.firm offset 0) f
    union
    select f.account_id, f.kind, f.fact_key, f.content_hash
    from subject s cross join lateral (
        select * from facts f
        where s.kind = 'message' and f.account_id = s.account_id and f.kind = 'message' and f.fact_key = s.id
          and not f.firm offset 0) f
),
-- With the other tellings of the same messages: a message is filed as one, whatever each of them names.
waiting as (
    select * from named
    union
    select f.account_id, f.kind, f.fact_key, f.content_hash
    from named n cross join lateral (
        select * from facts f
        where n.kind = 'message' and f.account_id = n.account_id and f.kind = 'message' and f.fact_key = n.fact_key
          and not f.firm offset 0) f
),
-- Best evidence first: another telling of the same message, its request, its dialog (those that any of its tellings
-- names); for a rating (key: valuation request, rated request, …) the rated request, for a tag that of the rating of the same survey; a message or a tag whose
-- channel nobody names is its client's, without a channel. Of several conversations for one identity the smallest counts.
resolved as (
    select f.account_id, f.kind, f.fact_key, f.content_hash, f.conversation as old, f.happened_at,
           coalesce(
               case when f.kind = 'message' then (
                   select min(g.conversation) from facts g
                   where g.account_id = f.account_id and g.kind = 'message' and g.fact_key = f.fact_key and g.firm) end,
               case when f.kind = 'message' then told.by_request else (
                   select min(l.conversation) from links l
                   where l.account_id = f.account_id and l.identity = 'request:' || f.request_id) end,
               case when f.kind = 'message' then told.by_dialog else (
                   select min(l.conversation) from links l
                   where l.account_id = f.account_id and l.identity = 'dialog:' || f.dialog_id) end,
               case when f.kind = 'rating_report' then (
                   select min(l.conversation) from links l
                   where l.account_id = f.account_id
                     and l.identity = 'request:' || split_part(f.fact_key, ':', 2)) end,
               case when f.kind = 'tagging' then (
                   select min(l.conversation) from facts r
                   join links l on l.account_id = r.account_id
                               and l.identity = 'request:' || split_part(r.fact_key, ':', 2)
                   where r.account_id = f.account_id and r.request_id = f.request_id and r.kind = 'rating_report'
                     and not r.firm) end,
               case when f.kind = 'message' then told.client_id || '/' when f.kind = 'tagging' then f.client_id || '/' end
           ) as new
    from waiting w cross join lateral (
        select * from facts f
        where f.account_id = w.account_id and f.kind = w.kind and f.fact_key = w.fact_key
          and f.content_hash = w.content_hash offset 0) f
    left join lateral (
        select min(r.conversation) as by_request, min(d.conversation) as by_dialog, min(g.client_id collate "C") as client_id
        from facts g
        left join links r on r.account_id = g.account_id and r.identity = 'request:' || g.request_id
        left join links d on d.account_id = g.account_id and d.identity = 'dialog:' || g.dialog_id
        where f.kind = 'message' and g.account_id = f.account_id and g.kind = 'message' and g.fact_key = f.fact_key
    ) told on true
),
moved as (
    update facts f set conversation = r.new
    from resolved r
    where f.account_id = r.account_id and f.kind = r.kind and f.fact_key = r.fact_key
      and f.content_hash = r.content_hash and f.conversation is distinct from r.new
)
select account_id, old, new, nullif(happened_at, 'infinity') as happened_at from resolved
