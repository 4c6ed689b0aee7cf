-- The independent fold, part 1: merge the registers and date the messages (design.md 7.2, 7.6; chat2desk.md 6.6, 8.3).
-- Written from the contract's text, in set operations and window functions; nothing here knows how the program does it.
-- Reads the stored facts, and `bots` (account_id, operator_id), a temporary table of the test.

-- A message whose tellings name several conversations stands where its latest telling says.
create temporary table stands as
select distinct on (account_id, fact_key) account_id, fact_key, conversation
from facts
where kind = 'message' and conversation is not null
order by account_id, fact_key, firm desc, observed_at desc, rank desc, hash desc, content_hash desc;

-- Each telling with the place of what it tells.
create temporary table tellings as
select f.*, case when f.kind = 'message' then s.conversation else f.conversation end as place
from facts f
left join stands s on s.account_id = f.account_id and s.fact_key = f.fact_key and f.kind = 'message'
where f.kind in ('message', 'request_opened', 'request_closed', 'request_report', 'dialog_closed', 'dialog_row');

-- Each field is a register: the greatest (observed_at, road rank, hash) that knows it wins.
create temporary table merged as
with winners as (
    select distinct on (t.account_id, t.place, t.kind, t.fact_key, e.key)
           t.account_id, t.place, t.kind, t.fact_key, e.key as register, e.value
    from tellings t cross join lateral jsonb_each(t.registers::jsonb) e
    where t.place is not null and e.value <> 'null'
    order by t.account_id, t.place, t.kind, t.fact_key, e.key,
             t.observed_at desc, t.rank desc, t.hash desc, t.content_hash desc
),
stamps as (
    select account_id, place, kind, fact_key, min(received_at) as received_at, max(observed_at) as observed_at
    from tellings where place is not null group by 1, 2, 3, 4
)
select s.account_id, s.place as conversation, s.kind, s.fact_key, s.received_at, s.observed_at,
       coalesce((select jsonb_object_agg(w.register, w.value) from winners w
                 where w.account_id = s.account_id and w.place = s.place and w.kind = s.kind
                   and w.fact_key = s.fact_key), '{}') as r
from stamps s;

-- A request or dialog belongs to the smallest conversation that a fact which names client and channel gives it; without
-- such a fact, to the smallest that was concluded.
create temporary table owners as
select account_id, identity, min(conversation) as conversation
from links where identity not like 'message:%' group by 1, 2
union all
select account_id, 'request:' || request_id, min(conversation) from facts f
where not firm and request_id is not null and conversation is not null
  and not exists (select from links l where l.account_id = f.account_id and l.identity = 'request:' || f.request_id)
group by 1, 2;

-- `sent_at`: the webhook's time when it lies within 5 s of the list's, else the list's; an import's only by the list; a
-- time more than 5 min after its receipt is not believed. Order: by second of `created`, then by number of the id.
create temporary table talk as
with times as (
    select m.account_id, m.conversation, m.fact_key as message_id, m.received_at,
           (m.r ->> 'event_at')::timestamptz as event_at, (m.r ->> 'created_at')::timestamptz as created_at,
           coalesce((m.r ->> 'imported')::boolean, false) as imported, m.r
    from merged m where m.kind = 'message'
),
believed as (
    select *,
           case when imported then coalesce(created_at, event_at, received_at)
                when abs(extract(epoch from event_at - created_at)) <= 5 then event_at
                else coalesce(created_at, event_at, received_at) end as told_at,
           case when imported and created_at is null then 'unconfirmed'
                when created_at is null and event_at is null then 'received'
                else 'ok' end as quality
    from times
)
select b.account_id, b.conversation, b.message_id,
       case when told_at > received_at + interval '5 minutes' then received_at else told_at end as sent_at,
       case when told_at > received_at + interval '5 minutes' and quality = 'ok' then 'future' else quality end
           as time_quality,
       floor(extract(epoch from case when told_at > received_at + interval '5 minutes' then received_at
                                     else coalesce(created_at, told_at) end)) as second,
       message_id::numeric as number,
       r ->> 'request_id' as request_id,
       r ->> 'operator_id' as operator_id,
       -- Who speaks.
       case r ->> 'origin'
           when 'client' then 'client'
           when 'company' then case when r ->> 'operator_id' is null then 'automation'
                                    when bots.operator_id is not null then 'bot' else 'operator' end
           when 'automatic' then 'automation'
           when 'system' then 'system'
           when 'note' then 'note'
           else 'other' end as author_kind,
       coalesce((r ->> 'menu')::boolean, false) as is_menu,
       coalesce((r ->> 'opens_request')::boolean, false) as is_new_request,
       -- Deleted ones and imports of unknown time are kept, and count for nothing.
       coalesce((r ->> 'deleted')::boolean, false) = false and quality <> 'unconfirmed' as counts
from believed b
left join bots on bots.account_id = b.account_id and bots.operator_id = b.r ->> 'operator_id';
alter table talk add column place bigint, add column talks boolean;
update talk t set place = o.place, talks = t.counts and t.author_kind in ('client', 'operator', 'bot', 'automation')
from (select account_id, message_id,
             row_number() over (partition by account_id, conversation order by second, number, message_id) as place
      from talk) o
where o.account_id = t.account_id and o.message_id = t.message_id;
