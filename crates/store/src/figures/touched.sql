-- Frozen days of an account whose rows, or the hours that are subtracted from them, are not those that their figures were
-- computed from. $1 account; $2, $3 first and last day; $4 the metric version of this build.
-- A sum of hashes does not depend on the order of rows, and a row that came, went or changed moves it.
with published as (
    select * from ledger.published_days where account_id = $1 and day between $2 and $3
),
counted as (
    select request_key, local_day as day, row_hash
    from requests where account_id = $1 and local_day between $2 and $3
),
request_hashes as (
    select day, count(*) as n, sum(row_hash) as hashes from counted group by 1
),
turn_hashes as (
    select c.day, count(*) as n, sum(t.row_hash) as hashes
    from counted c
    join turns t on t.account_id = $1 and t.request_key = c.request_key
    group by 1
),
tag_hashes as (
    select c.day, count(*) as n, sum(t.row_hash) as hashes
    from counted c
    join request_tags t on t.account_id = $1 and t.request_key = c.request_key
    group by 1
),
-- A score counts on the day of the request that it rates, else on its own, as in the view report_scores.
scored as (
    select c.day, s.row_hash
    from counted c
    join tag_scores s on s.account_id = $1 and s.request_key = c.request_key
    union all
    select s.local_day, s.row_hash
    from tag_scores s
    where s.account_id = $1 and s.local_day between $2 and $3
      and not exists (select from requests r where r.account_id = $1 and r.request_key = s.request_key)
),
score_hashes as (
    select day, count(*) as n, sum(row_hash) as hashes from scored group by 1
),
-- Hours of operators change no row. What the configuration says, and whom it is for by their groups.
hours as (
    select (select concat_ws('/', count(*), sum(hash_record_extended(row(calendar_no, operators, groups), 0)))
            from operator_calendars where account_id = $1) || '/' ||
           (select concat_ws('/', count(*), sum(hash_record_extended(
                       row(calendar_no, opens_at, closes_at, seconds_before), 0)))
            from operator_calendar_intervals where account_id = $1) as calendars,
           (select concat_ws('/', count(*), sum(hash_record_extended(row(operator_id, calendar_no), 0)))
            from report_operator_calendars where account_id = $1) as members,
           -- The account's own calendar changes no row of a contact that still waits.
           (select 'calendar ' || nullif(parts ->> 'calendar', '')
            from folded_rules where account_id = $1) as calendar
),
now_is as (
    select p.*, h.calendars as calendars_now, h.members as members_now,
           concat_ws('/', r.n, r.hashes, t.n, t.hashes, 'scores', s.n, s.hashes, 'tags', g.n, g.hashes, h.calendar) as digest_now
    from published p
    cross join hours h
    left join request_hashes r on r.day = p.day
    left join turn_hashes t on t.day = p.day
    left join score_hashes s on s.day = p.day
    left join tag_hashes g on g.day = p.day
)
select account_id, day, as_of, target_seconds, metric_version, frozen_at, looked_at, dimensions,
       digest_now as digest, calendars_now as calendars, members_now as members,
       calendars is not null and calendars <> calendars_now as calendars_changed,
       members is not null and members <> members_now as members_changed
from now_is
where digest <> digest_now or metric_version <> $4
   or calendars is distinct from calendars_now or members is distinct from members_now
order by day
