-- Completeness judges days: what it reads is found by day. And causes that wait for published figures to be looked at stand in
-- ledger.pending_causes, where no rebuild loses them.
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- Rows of the reports by the time that says their day. Times are written in UTC, so that text sorts as they do.
create index facts_requests_listed on facts (account_id, (registers::jsonb ->> 'opened_at') collate "C")
    where kind = 'request_report';
create index facts_ratings_listed on facts (account_id, (registers::jsonb ->> 'at') collate "C")
    where kind = 'rating_report';

-- Of a row of a list about one local day: which list (requests, ratings), which day.
alter table rejects
    add column list text,
    add column listed_day date;
create index rejects_listed on rejects (account_id, listed_day, list) where listed_day is not null;

-- folded_rules.restated is read by nobody any more.
insert into ledger.pending_causes (account_id, cause, detail, noted_at)
select account_id, 'configuration', array_to_string(changed, ', ') || ' of ' || account_id, adopted_at
from folded_rules
where not restated and changed <> '{}';
