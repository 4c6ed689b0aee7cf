-- Helper tables of a rebuild: not in the write-ahead log, so a crash of the server empties all of them together, which
-- `rebuild_intact` tells.
drop table if exists rebuild_intact, rebuild_staged, rebuild_unfirm, rebuild_links, rebuild_messages, rebuild_settled,
                     rebuild_odd, rebuild_buckets;

-- Packed tellings; one row is one page.
create unlogged table rebuild_staged (bucket integer not null, chunk bytea not null)
    with (toast_tuple_target = 8160, autovacuum_enabled = false);
alter table rebuild_staged alter column chunk set storage external;
create index on rebuild_staged (bucket);

-- Tellings that name no channel, with what they may be filed by.
create unlogged table rebuild_unfirm (
    account_id text not null, kind text not null, fact_key text not null,
    client_id text, dialog_id text, request_id text, fact bytea not null
) with (autovacuum_enabled = false);
alter table rebuild_unfirm alter column fact set storage external;

-- What firm tellings link: requests and dialogs, and messages, each with their conversations; some twice.
create unlogged table rebuild_links (account_id text not null, identity text not null, conversation text collate "C" not null)
    with (autovacuum_enabled = false);
create unlogged table rebuild_messages (account_id text not null, message_id text not null, conversation text collate "C" not null)
    with (autovacuum_enabled = false);

-- Conversations that share something with another one: folded one by one, as ever.
create unlogged table rebuild_odd (account_id text not null, conversation text collate "C" not null);

-- Parts that are done.
create unlogged table rebuild_buckets (bucket integer primary key);

create unlogged table rebuild_intact (intact boolean not null);
insert into rebuild_intact values (true);
