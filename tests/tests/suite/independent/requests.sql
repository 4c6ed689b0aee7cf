-- The independent fold, part 2: cut conversations into requests (chat2desk.md 6.4, 8.3; design.md 7.6).

-- Given requests: whoever names an id. What a conversation does not own has its row elsewhere.
create temporary table given as
with named as (
    select account_id, conversation, request_id from talk where request_id is not null
    union
    select account_id, conversation, fact_key from merged
    where kind in ('request_opened', 'request_closed', 'request_report')
),
owned as (
    select n.* from named n
    left join owners o on o.account_id = n.account_id and o.identity = 'request:' || n.request_id
    where o.conversation is null or o.conversation = n.conversation
),
evidence as (
    select n.*, o.r as opened, c.r as closed, p.r as report, p.observed_at as reported_at,
           (select t.sent_at from talk t where t.account_id = n.account_id and t.conversation = n.conversation
             and t.request_id = n.request_id and t.talks order by t.place limit 1) as first_talk_at,
           (select t.sent_at from talk t where t.account_id = n.account_id and t.conversation = n.conversation
             and t.request_id = n.request_id order by t.place limit 1) as first_line_at
    from owned n
    left join merged o on (o.account_id, o.conversation, o.kind, o.fact_key)
                        = (n.account_id, n.conversation, 'request_opened', n.request_id)
    left join merged c on (c.account_id, c.conversation, c.kind, c.fact_key)
                        = (n.account_id, n.conversation, 'request_closed', n.request_id)
    left join merged p on (p.account_id, p.conversation, p.kind, p.fact_key)
                        = (n.account_id, n.conversation, 'request_report', n.request_id)
)
select account_id, conversation, request_id,
       coalesce(nullif(opened ->> 'request_kind', 'common'), nullif(report ->> 'request_kind', 'common'), 'common') as kind,
       -- The earlier of event and first message; without both the report; without that whatever names it.
       coalesce(least((opened ->> 'at')::timestamptz, first_talk_at), (report ->> 'opened_at')::timestamptz,
                first_line_at, (closed ->> 'at')::timestamptz, reported_at) as opened_at,
       (opened ->> 'by_client')::boolean as by_client,
       (closed ->> 'at')::timestamptz as close_request_at, closed ->> 'reason' as close_detail,
       (report ->> 'closed_at')::timestamptz as reported_close_at
from evidence;

-- Closes of the dialog: events, and the end of a dialog that the list calls closed.
create temporary table closes as
select account_id, conversation, (r ->> 'at')::timestamptz as at, r ->> 'request_id' as request_id
from merged where kind = 'dialog_closed' and r ->> 'at' is not null
union all
select account_id, conversation, (r ->> 'ended_at')::timestamptz, null
from merged where kind = 'dialog_row' and r ->> 'state' = 'closed' and r ->> 'ended_at' is not null;
alter table closes add column second numeric;
update closes set second = floor(extract(epoch from at));

-- Messages without an id. Each looks back to the last contact that was opened by its second (a survey is none).
create temporary table nameless as
with looked as (
    select t.*, x.request_id as in_request, x.opened_at as x_opened, x.close_request_at as x_close, x.reported_close_at as x_report
    from talk t
    left join lateral (
        select g.* from given g
        where g.account_id = t.account_id and g.conversation = t.conversation and g.kind <> 'rating'
          and floor(extract(epoch from g.opened_at)) <= t.second
        order by g.opened_at desc, g.request_id desc limit 1) x on true
    where not exists (select from given g where g.account_id = t.account_id and g.conversation = t.conversation
                        and g.request_id = t.request_id)
),
-- It is that request's when the request is not closed by then: by its own close; else by a close of the dialog after its
-- last sign of life; else by the report.
judged as (
    select l.*,
           case when in_request is null then false
                when x_close is not null then l.second <= floor(extract(epoch from x_close))
                when named.at is not null or loose.at is not null then not coalesce(dead.is_dead, false)
                when x_report is not null then l.second <= floor(extract(epoch from x_report))
                else true end as is_its
    from looked l
    left join lateral (select max(c.at) as at from closes c
                       where c.account_id = l.account_id and c.request_id = l.in_request) named on true
    left join lateral (select max(c.at) as at from closes c
                       where c.account_id = l.account_id and c.conversation = l.conversation and c.request_id is null
                         and c.at >= l.x_opened and c.second < l.second) loose on true
    left join lateral (
        select exists (
            select from closes c
            where c.account_id = l.account_id and c.conversation = l.conversation
              and (c.request_id = l.in_request or c.request_id is null and c.at >= l.x_opened) and c.second < l.second
              and not exists (select from talk o where o.account_id = l.account_id and o.conversation = l.conversation
                                and o.request_id = l.in_request and o.talks and o.second > c.second)
        ) as is_dead) dead on true
)
select *, null::text as derived_key from judged;

-- The rest falls into islands: between two of them lies a close, or the opening of a given contact, or the second says
-- that it opened a request. An island begins with talk: notes and lines before it are nobody's.
create temporary table islands as
with rest as (
    select n.*, lag(n.second) over w as before
    from nameless n where not is_its
    window w as (partition by account_id, conversation order by place)
),
cut as (
    select r.*, before is null
           or exists (select from closes c where c.account_id = r.account_id and c.conversation = r.conversation
                        and c.second >= r.before and c.second < r.second)
           or exists (select from given g where g.account_id = r.account_id and g.conversation = r.conversation
                        and g.kind <> 'rating' and floor(extract(epoch from g.opened_at)) > r.before
                        and floor(extract(epoch from g.opened_at)) <= r.second) as is_cut
    from rest r
),
numbered as (
    select *, count(*) filter (where is_cut) over (partition by account_id, conversation order by place) as island from cut
)
select *, count(*) filter (where talks)
              over (partition by account_id, conversation, island order by place) > 0 as is_in,
       first_value(message_id) over (partition by account_id, conversation, island order by not talks, place) as opener
from numbered;

-- Which request each message is in.
create temporary table membership as
select t.account_id, t.conversation, t.message_id,
       coalesce(g.request_id, case when n.is_its then n.in_request end,
                case when i.is_in then 'derived:' || t.conversation || ':' || i.opener end) as request_key
from talk t
left join given g on g.account_id = t.account_id and g.conversation = t.conversation and g.request_id = t.request_id
left join nameless n on n.account_id = t.account_id and n.message_id = t.message_id
left join islands i on i.account_id = t.account_id and i.message_id = t.message_id;

create temporary table cuts as
select g.account_id, g.conversation, g.request_id as request_key, g.request_id, 'given' as segmentation, g.kind,
       g.opened_at, g.by_client, g.close_request_at, g.close_detail, g.reported_close_at
from given g
union all
select i.account_id, i.conversation, 'derived:' || i.conversation || ':' || i.opener, null, 'derived', 'common',
       min(i.sent_at) filter (where i.message_id = i.opener), null, null, null, null
from islands i where i.is_in group by i.account_id, i.conversation, i.opener;

-- Closing: its own event; else a close of the dialog that names it, or that came while it was the last contact: the first
-- one after its last message, else the last one; else the report; else the next opening.
create temporary table closed as
with spans as (
    select c.*,
           (select min(n.opened_at) from cuts n
            where n.account_id = c.account_id and n.conversation = c.conversation and n.kind <> 'rating'
              and (n.opened_at, n.request_key) > (c.opened_at, c.request_key)) as next_contact_at,
           lead(opened_at) over (partition by account_id, conversation order by opened_at, request_key) as next_at,
           -- Its last sign of life: for a given one, of the messages that carry its id.
           (select max(t.second) from membership m join talk t using (account_id, message_id)
            where m.account_id = c.account_id and m.request_key = c.request_key
              and (c.segmentation = 'derived' or t.talks and t.request_id = c.request_id)) as last_second
    from cuts c
),
hung as (
    select s.account_id, s.request_key,
           min(c.at) filter (where c.second >= coalesce(s.last_second, c.second)) as first_after, max(c.at) as last_at
    from spans s join closes c on c.account_id = s.account_id and c.conversation = s.conversation
         and (c.request_id = s.request_key
              or c.request_id is null and s.kind <> 'rating'
                 and (c.at >= s.opened_at or s.segmentation = 'derived' and c.second >= floor(extract(epoch from s.opened_at)))
                 and (s.next_contact_at is null or c.at < s.next_contact_at))
    group by 1, 2
)
select s.account_id, s.conversation, s.request_key, s.request_id, s.segmentation, s.kind, s.opened_at, s.by_client,
       s.close_detail,
       coalesce(s.close_request_at, h.first_after, h.last_at, s.reported_close_at, s.next_at) as closed_at,
       case when coalesce(s.close_request_at, h.first_after, h.last_at, s.reported_close_at) is not null then
                case lower(s.close_detail)
                    when 'operator' then 'operator' when 'manual' then 'operator' when 'client' then 'client'
                    when 'timeout' then 'timeout' when 'inactivity' then 'timeout' when 'automatic' then 'automatic'
                    else 'unknown' end
            when s.next_at is not null then 'superseded' end as close_reason
from spans s left join hung h using (account_id, request_key);
