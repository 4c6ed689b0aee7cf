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
             and t.request_id = n.request_id order by t.place limit 1) as first_line_at,
           (select max(t.second) from talk t where t.account_id = n.account_id and t.conversation = n.conversation
             and t.request_id = n.request_id and t.talks) as last_talk
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
       -- Nothing but its close is known of it.
       opened is null and report is null and first_line_at is null as is_only_closed,
       (closed ->> 'at')::timestamptz as close_request_at, closed ->> 'reason' as close_detail,
       -- A wall clock that showed this time twice: the earlier one, unless its own messages came later.
       case when (((report ->> 'closed_at')::timestamptz at time zone z.zone) at time zone z.zone)
                 > (report ->> 'closed_at')::timestamptz
             and last_talk > floor(extract(epoch from (report ->> 'closed_at')::timestamptz))
            then ((report ->> 'closed_at')::timestamptz at time zone z.zone) at time zone z.zone
            else (report ->> 'closed_at')::timestamptz end as reported_close_at
from evidence cross join zone z;

-- Closes of the dialog: events, and the end of a dialog that the list calls closed. The close of a request of which nothing
-- else is known ends what is derived before it.
create temporary table closes as
select account_id, conversation, (r ->> 'at')::timestamptz as at, r ->> 'request_id' as request_id
from merged where kind = 'dialog_closed' and r ->> 'at' is not null
union all
select account_id, conversation, (r ->> 'ended_at')::timestamptz, null
from merged where kind = 'dialog_row' and r ->> 'state' = 'closed' and r ->> 'ended_at' is not null;
insert into closes select account_id, conversation, close_request_at, request_id from given where is_only_closed;
alter table closes add column second numeric;
update closes set second = floor(extract(epoch from at));

-- A message that says that it opened a request is a boundary as good as the event (6.4, rung 2). It is the first of the
-- contact that was opened last, or, when that one has talked already, it begins one whose id nobody names.
create temporary table announced as
with nameless as (
    select t.* from talk t
    where t.talks and t.is_new_request
      and not exists (select from given g where g.account_id = t.account_id and g.conversation = t.conversation
                        and g.request_id = t.request_id)
)
select n.* from nameless n
left join lateral (
    select g.* from given g
    where g.account_id = n.account_id and g.conversation = n.conversation and g.kind <> 'rating'
      and floor(extract(epoch from g.opened_at)) <= n.second
    order by g.opened_at desc, g.request_id desc limit 1) x on true
where x.request_id is null
   or exists (select from talk t
              where t.account_id = n.account_id and t.conversation = n.conversation and t.talks and t.place < n.place
                and t.second >= floor(extract(epoch from x.opened_at))
                and (t.request_id = x.request_id
                     or not exists (select from given g where g.account_id = t.account_id
                                      and g.conversation = t.conversation and g.request_id = t.request_id)));

-- All openings that evidence tells, and when each request's own messages speak last.
create temporary table begun as
select g.account_id, g.conversation, g.request_id as request_key, g.request_id, g.kind, g.opened_at, g.close_request_at,
       g.reported_close_at,
       (select max(t.second) from talk t where t.account_id = g.account_id and t.conversation = g.conversation
         and t.talks and t.request_id = g.request_id) as last_second
from given g
union all
select account_id, conversation, 'derived:' || conversation || ':' || message_id, null, 'common', sent_at, null, null, second
from announced;

-- Their closes, as far as evidence goes: the own event; else a close of the dialog that names it, or that came while it was
-- the last contact to be opened: the first one after its last message, else the last one; else the report.
create temporary table ends as
select b.*, coalesce(b.close_request_at, hung.first_after, hung.last_at, b.reported_close_at) as ended_at
from begun b
left join lateral (
    select min(c.at) filter (where c.second >= coalesce(b.last_second, c.second)) as first_after, max(c.at) as last_at
    from closes c
    where c.account_id = b.account_id and c.conversation = b.conversation
      and (c.request_id = b.request_id
           or c.request_id is null and b.kind <> 'rating' and c.at >= b.opened_at
              and not exists (select from begun n where n.account_id = b.account_id and n.conversation = b.conversation
                                and n.kind <> 'rating' and n.opened_at <= c.at
                                and (n.opened_at, n.request_key) > (b.opened_at, b.request_key)))) hung on true;

-- Messages without an id: each looks back to the last contact that was opened by its second (a survey is none), and is its
-- as long as that one is not closed.
create temporary table nameless as
select t.*, x.request_key as in_request, x.request_key is not null
       and (x.ended_at is null or t.second <= floor(extract(epoch from x.ended_at))) as is_its
from talk t
left join lateral (
    select e.* from ends e
    where e.account_id = t.account_id and e.conversation = t.conversation and e.kind <> 'rating'
      and floor(extract(epoch from e.opened_at)) <= t.second
    order by e.opened_at desc, e.request_key desc limit 1) x on true
where not exists (select from given g where g.account_id = t.account_id and g.conversation = t.conversation
                    and g.request_id = t.request_id);
update nameless n set in_request = b.request_key, is_its = true
from begun b
where b.account_id = n.account_id and b.request_key = 'derived:' || n.conversation || ':' || n.message_id;

-- The rest falls into islands: between two of them lies a close, or an opening that evidence tells. An island begins with talk: notes and lines before it are nobody's.
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
           or exists (select from begun g where g.account_id = r.account_id and g.conversation = r.conversation
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
select e.account_id, e.conversation, e.request_key, e.request_id,
       case when e.request_id is null then 'derived' else 'given' end as segmentation, e.kind, e.opened_at, g.by_client,
       g.close_detail, e.ended_at
from ends e
left join given g on g.account_id = e.account_id and g.conversation = e.conversation and g.request_id = e.request_id
union all
-- An island ends with the first close after its last message, unless another contact was opened before that.
select i.account_id, i.conversation, i.request_key, null, 'derived', 'common', i.opened_at, null, null, c.at
from (select account_id, conversation, 'derived:' || conversation || ':' || opener as request_key,
             min(sent_at) filter (where message_id = opener) as opened_at, max(second) as last_second
      from islands where is_in group by account_id, conversation, opener) i
left join lateral (
    select min(c.at) as at from closes c
    where c.account_id = i.account_id and c.conversation = i.conversation and c.second >= i.last_second
      and not exists (select from begun n where n.account_id = i.account_id and n.conversation = i.conversation
                        and n.kind <> 'rating' and floor(extract(epoch from n.opened_at)) > i.last_second
                        and n.opened_at < c.at)) c on true;

-- Re-keyed: an id of which only the close is known names the derived contact before it.
create temporary table renamed as
select x.account_id, x.before as derived_key, x.request_key, x.ended_at
from (select c.account_id, c.request_key, c.ended_at, g.is_only_closed,
             lag(c.request_key) over w as before, lag(c.segmentation) over w as segmentation_before
      from cuts c
      left join given g on g.account_id = c.account_id and g.conversation = c.conversation and g.request_id = c.request_id
      where c.kind <> 'rating'
      window w as (partition by c.account_id, c.conversation order by c.opened_at, c.request_key)) x
where x.is_only_closed and x.segmentation_before = 'derived';
delete from cuts c using renamed r where r.account_id = c.account_id and r.request_key = c.request_key;
update cuts c set request_key = r.request_key, request_id = r.request_key, segmentation = 'given', ended_at = r.ended_at
from renamed r where r.account_id = c.account_id and r.derived_key = c.request_key;
update membership m set request_key = r.request_key
from renamed r where r.account_id = m.account_id and r.derived_key = m.request_key;
update cuts c set close_detail = g.close_detail
from given g where g.account_id = c.account_id and g.request_id = c.request_id and g.conversation = c.conversation;

-- What nothing closed is closed by the next opening.
create temporary table closed as
with spans as (
    select c.*, lead(opened_at) over (partition by account_id, conversation order by opened_at, request_key) as next_at
    from cuts c
)
select account_id, conversation, request_key, request_id, segmentation, kind, opened_at, by_client, close_detail,
       coalesce(ended_at, next_at) as closed_at,
       case when ended_at is not null then
                case lower(close_detail)
                    when 'operator' then 'operator' when 'manual' then 'operator' when 'client' then 'client'
                    when 'timeout' then 'timeout' when 'inactivity' then 'timeout' when 'automatic' then 'automatic'
                    else 'unknown' end
            when next_at is not null then 'superseded' end as close_reason
from spans;
