-- Facts without a channel are found by their key through the primary key, which begins with the same columns: few tellings have one
-- key. An index of its own cost its part of each write and of each rebuild.
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.
drop index facts_unfirm_key;
