-- Claims what one message to a target carries.
-- $1 target, $2 limit, $3 owner, $4 leased until, $5 id of a new message, $6 now.
with open as (
    select e.effect_key, e.message_id, e.next_attempt_at, e.intended_at
    from ledger.effects e
    where e.target = $1 and e.status in ('pending', 'in_flight')
      and e.next_attempt_at <= $6
      and (e.leased_until is null or e.leased_until <= $6)
      and not exists (select from ledger.targets t where t.target = $1 and t.paused_until > $6)
      -- One at a time of each subject, in order.
      and not exists (
          select from ledger.effects earlier
          where earlier.target = e.target and earlier.subject = e.subject and earlier.version < e.version
            and earlier.status in ('pending', 'in_flight'))
),
-- A message whose outcome is unknown comes first, and whole: its bytes must be the same.
again as (
    select message_id from open where message_id is not null order by intended_at, message_id limit 1
),
chosen as (
    select e.effect_key
    from ledger.effects e
    where e.status in ('pending', 'in_flight')
      and (e.message_id = (select message_id from again)
           or (not exists (select from again)
               and e.effect_key in (select effect_key from open where message_id is null
                                    order by intended_at, effect_key limit $2)))
      and e.target = $1 and (e.leased_until is null or e.leased_until <= $6)
    for update of e
)
update ledger.effects e
set status = 'in_flight', message_id = coalesce(e.message_id, $5), leased_by = $3, leased_until = $4
from chosen
where e.effect_key = chosen.effect_key
returning e.effect_key, e.account_id, e.subject, e.version, coalesce(e.body, ''::bytea) as body, e.message_id,
          e.attempts, e.intended_at
