-- What tells rows apart comes first in keys that are only ever looked up whole. Sorting compares the first column by its first bytes
-- only, and the others one by one through the whole row: with the account first, which most rows have in common, these indexes
-- took up to twice as long to make (docs/performance.md).
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.
alter table facts drop constraint facts_pkey;
alter table facts add primary key (fact_key, kind, account_id, content_hash);
drop index facts_unfirm_request;
create index facts_unfirm_request on facts (request_id, account_id) where not firm and request_id is not null;
drop index facts_unfirm_dialog;
create index facts_unfirm_dialog on facts (dialog_id, account_id) where not firm and dialog_id is not null;
drop index messages_request;
create index messages_request on messages (request_key, account_id);

-- What is searched by account and kind: pages by a part of their key (completeness), cards of an account whose rules change. (Its
-- conversations are found by facts_conversation, which begins with the account as ever.)
create index facts_pages on facts (account_id, fact_key) where kind = 'page';
create index facts_cards on facts (account_id, kind, fact_key) where kind in ('client', 'operator');
