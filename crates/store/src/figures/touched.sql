-- Frozen days whose rows are not those that their figures were computed from.
-- $1 first day to look at (null: all); $2 the metric version of this build.
-- A sum of hashes does not depend on the order of rows, and a row that came, went or changed moves it.
with published as (
    select * from ledger.published_days where $1::date is null or day >= $1::date
),
span as (
    select account_id, min(day) as first, max(day) as last from published group by account_id
),
request_hashes as (
    select r.account_id, r.local_day as day, count(*) as n, sum(r.row_hash) as hashes
    from span s
    join requests r on r.account_id = s.account_id and r.local_day between s.first and s.last
    group by 1, 2
),
turn_hashes as (
    select r.account_id, r.local_day as day, count(*) as n, sum(t.row_hash) as hashes
    from span s
    join requests r on r.account_id = s.account_id and r.local_day between s.first and s.last
    join turns t on t.account_id = r.account_id and t.request_key = r.request_key
    group by 1, 2
),
-- A score counts on the day of the request that it rates, as in the view report_scores; it is given after that began
-- (two days for clocks that disagree).
score_hashes as (
    select c.account_id, coalesce(r.local_day, c.local_day) as day, count(*) as n, sum(c.row_hash) as hashes
    from span s
    join tag_scores c on c.account_id = s.account_id and c.local_day >= s.first - 2
    left join requests r on r.account_id = c.account_id and r.request_key = c.request_key
    group by 1, 2
),
now_is as (
    select p.*,
           concat_ws('/', r.n, r.hashes, t.n, t.hashes, 'scores', c.n, c.hashes) as digest_now
    from published p
    left join request_hashes r on r.account_id = p.account_id and r.day = p.day
    left join turn_hashes t on t.account_id = p.account_id and t.day = p.day
    left join score_hashes c on c.account_id = p.account_id and c.day = p.day
)
select account_id, day, as_of, target_seconds, metric_version, frozen_at, looked_at, digest_now as digest
from now_is
where digest <> digest_now or metric_version <> $2
order by account_id, day
