-- Adds what one batch did. Rows come sorted; the lease holder of a partition is the only writer of its rows.
insert into accounting as a (
    account_id, road, day, partition,
    appended, decoded, partly_rejected, rejected, erased, facts, facts_unchanged
)
select *
from unnest(
    $1::text[], $2::text[], $3::date[], $4::integer[],
    $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]
)
on conflict (account_id, road, day, partition) do update
set appended        = a.appended + excluded.appended,
    decoded         = a.decoded + excluded.decoded,
    partly_rejected = a.partly_rejected + excluded.partly_rejected,
    rejected        = a.rejected + excluded.rejected,
    erased          = a.erased + excluded.erased,
    facts           = a.facts + excluded.facts,
    facts_unchanged = a.facts_unchanged + excluded.facts_unchanged
