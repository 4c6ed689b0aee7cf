-- The independent fold, part 3: turns, durations and the figures of requests (design.md 7.5).

-- Real seconds within business hours: the overlaps with each open interval, added up (not the cumulative seconds that
-- the program subtracts). Null where no calendar is in force.
create function pg_temp.open_seconds(account text, from_at timestamptz, to_at timestamptz) returns double precision
language sql stable as $$
    select case when from_at >= (select min(opens_at) from calendar_intervals where account_id = account)
                 and to_at <= (select max(closes_at) from calendar_intervals where account_id = account)
           then (select coalesce(sum(extract(epoch from least(closes_at, to_at) - greatest(opens_at, from_at))), 0)
                 from calendar_intervals
                 where account_id = account and opens_at < to_at and closes_at > from_at
                   and opens_at > from_at - interval '3 days')::double precision end
$$;

-- A survey, other kinds and what the company began have turns, and no durations.
create temporary table measured as
select c.*, case when coalesce(c.by_client, opener.author_kind = 'client', true) then 'client' else 'company' end as initiated_by,
       c.kind = 'common' and coalesce(c.by_client, opener.author_kind = 'client', true) as is_measured
from closed c
left join lateral (select t.author_kind from membership m join talk t using (account_id, message_id)
                   where m.account_id = c.account_id and m.request_key = c.request_key and t.talks
                   order by t.place limit 1) opener on true;

-- Counted messages, before or after the second of the close, numbered by the qualifying replies before them: a client
-- message with the reply that follows is in one group.
create temporary table grouped as
select t.*, m.request_key, q.closed_at, q.is_measured,
       coalesce(t.second > floor(extract(epoch from q.closed_at)), false) as is_late,
       t.author_kind = 'client' and not t.is_menu as asks, t.author_kind = 'operator' as qualifies,
       coalesce(sum((t.author_kind = 'operator')::int) over (
           partition by t.account_id, m.request_key, coalesce(t.second > floor(extract(epoch from q.closed_at)), false)
           order by t.place rows between unbounded preceding and 1 preceding), 0) as replies_before
from talk t
join membership m on m.account_id = t.account_id and m.message_id = t.message_id and m.request_key is not null
join measured q on q.account_id = t.account_id and q.request_key = m.request_key
where t.counts;

create temporary table expected_turns as
with asked as (
    select distinct on (account_id, request_key, is_late, replies_before)
           account_id, request_key, is_late, replies_before, place as asked_place, sent_at as asked_at, closed_at, is_measured
    from grouped where asks order by account_id, request_key, is_late, replies_before, place
),
ended as (
    select a.*, g.sent_at as answered_at, g.operator_id,
           exists (select from grouped b where b.account_id = a.account_id and b.request_key = a.request_key
                     and b.is_late = a.is_late and b.replies_before = a.replies_before and b.place > a.asked_place
                     and b.author_kind = 'bot') as bot_replied
    from asked a
    left join grouped g on g.account_id = a.account_id and g.request_key = a.request_key and g.is_late = a.is_late
                       and g.replies_before = a.replies_before and g.qualifies and g.place > a.asked_place
)
select account_id, request_key, row_number() over (partition by account_id, request_key order by asked_place) as turn_no,
       asked_at, answered_at, case when answered_at is null and closed_at is not null then greatest(closed_at, asked_at)
                                   else answered_at end as ended_at,
       case when answered_at is not null then 'answered' when closed_at is not null then 'closed_unanswered'
            else 'waiting' end as state,
       operator_id, bot_replied,
       case when is_measured and answered_at is not null
            then greatest(0, extract(epoch from answered_at - asked_at))::double precision end as reply_seconds,
       case when is_measured and answered_at is not null
            then pg_temp.open_seconds(account_id, asked_at, greatest(answered_at, asked_at)) end as reply_business_seconds
from ended;

create temporary table expected_requests as
with counted as (
    select account_id, request_key,
           min(place) filter (where author_kind = 'client') as first_client, min(place) filter (where qualifies) as first_reply,
           max(place) filter (where qualifies) as last_reply,
           count(*) filter (where author_kind = 'client') as client_messages,
           count(*) filter (where author_kind = 'operator') as operator_messages,
           count(*) filter (where author_kind = 'bot') as bot_messages,
           count(*) filter (where author_kind = 'automation') as automation_messages
    from grouped group by 1, 2
),
sums as (
    select account_id, request_key, count(*) filter (where state = 'answered') as turns_answered,
           count(*) filter (where state = 'closed_unanswered') as turns_unanswered,
           max(asked_at) filter (where state = 'waiting') as waiting_since,
           avg(reply_seconds) as average_reply_seconds, avg(reply_business_seconds) as average_reply_business_seconds,
           max(reply_seconds) filter (where turn_no = 1) as frt_customer_seconds,
           max(reply_business_seconds) filter (where turn_no = 1) as frt_customer_business_seconds
    from expected_turns group by 1, 2
)
select q.account_id, q.request_key, q.conversation, q.request_id, q.segmentation, q.kind, q.initiated_by, q.opened_at,
       q.closed_at, q.close_reason, f.sent_at as first_client_message_at, r.sent_at as first_reply_at,
       r.operator_id as first_operator_id, l.operator_id as last_operator_id,
       coalesce(c.client_messages, 0) as client_messages, coalesce(c.operator_messages, 0) as operator_messages,
       coalesce(c.bot_messages, 0) as bot_messages, coalesce(c.automation_messages, 0) as automation_messages,
       coalesce(s.turns_answered, 0) as turns_answered, coalesce(s.turns_unanswered, 0) as turns_unanswered, s.waiting_since,
       s.frt_customer_seconds, s.frt_customer_business_seconds, s.average_reply_seconds, s.average_reply_business_seconds,
       case when q.is_measured and q.closed_at is not null and f.sent_at is not null
            then greatest(0, extract(epoch from q.closed_at - f.sent_at))::double precision end
           as resolution_seconds,
       case when q.is_measured and q.closed_at is not null and f.sent_at is not null
            then pg_temp.open_seconds(q.account_id, f.sent_at, greatest(q.closed_at, f.sent_at)) end
           as resolution_business_seconds,
       -- The contact before it: surveys do not count.
       (select p.request_key from measured p
        where p.account_id = q.account_id and p.conversation = q.conversation and p.kind <> 'rating'
          and (p.opened_at, p.request_key) < (q.opened_at, q.request_key)
        order by p.opened_at desc, p.request_key desc limit 1) as previous_request_key,
       (coalesce(f.sent_at, q.opened_at) at time zone z.zone)::date as local_day,
       extract(hour from coalesce(f.sent_at, q.opened_at) at time zone z.zone)::int as local_hour
from measured q
cross join zone z
left join counted c using (account_id, request_key)
left join sums s using (account_id, request_key)
left join talk f on f.account_id = q.account_id and f.conversation = q.conversation and f.place = c.first_client
left join talk r on r.account_id = q.account_id and r.conversation = q.conversation and r.place = c.first_reply
left join talk l on l.account_id = q.account_id and l.conversation = q.conversation and l.place = c.last_reply;
