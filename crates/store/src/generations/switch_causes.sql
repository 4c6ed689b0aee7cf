-- Published figures may be others in the new tables. Noted with the exchange, so that no crash loses why.
insert into ledger.pending_causes (account_id, cause, detail)
select p.account_id, 'rebuild',
       (select 'under another ' || string_agg(part, ', ' order by part)
        from chat.folded_rules l
        join chat_next.folded_rules n using (account_id)
        cross join lateral (
            select part from jsonb_each_text(l.parts) as was(part, words)
            full join jsonb_each_text(n.parts) as is_now(part, words) using (part)
            where was.words is distinct from is_now.words) differs
        where l.account_id = p.account_id)
from ledger.publishing p
