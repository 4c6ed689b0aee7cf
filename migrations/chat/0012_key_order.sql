-- What tells rows apart comes first in their keys. All that looks up names every column, so the order is free to a search; but sorting
-- compares the first column by its first bytes only, and the others one by one through the whole row: with the account first, which
-- most rows have in common, an index took up to twice as long to make (docs/performance.md).
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.
alter table facts drop constraint facts_pkey;
alter table facts add primary key (fact_key, kind, account_id, content_hash);
drop index facts_conversation;
create index facts_conversation on facts (conversation, account_id, happened_at) where conversation is not null;
drop index facts_unfirm_request;
create index facts_unfirm_request on facts (request_id, account_id) where not firm and request_id is not null;
drop index facts_unfirm_dialog;
create index facts_unfirm_dialog on facts (dialog_id, account_id) where not firm and dialog_id is not null;
drop index messages_request;
create index messages_request on messages (request_key, account_id);

-- Pages are searched by account and a part of their key (completeness).
create index facts_pages on facts (account_id, fact_key) where kind = 'page';
