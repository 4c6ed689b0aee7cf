-- Helper tables of a rebuild: not in the write-ahead log, so a crash of the server empties all of them together, which
-- `rebuild_intact` tells.
drop table if exists rebuild_intact, rebuild_segments, rebuild_unfirm, rebuild_links, rebuild_messages, rebuild_owners, rebuild_settled,
                     rebuild_odd, rebuild_buckets;

-- Parts of files that hold packed tellings (spill.rs); a file and its row are committed together with the positions. Those that
-- wait are in no order, and are filed by settling.
create unlogged table rebuild_segments (
    file text not null, start bigint not null, bytes bigint not null, hash bigint not null, waits boolean not null
);

-- Tellings that name no channel, with what they may be filed by, and where they are packed.
create unlogged table rebuild_unfirm (
    account_id text not null, kind text not null, fact_key text not null,
    client_id text, dialog_id text, request_id text,
    file text not null, start bigint not null, bytes integer not null
) with (autovacuum_enabled = false);

-- What firm tellings link: requests and dialogs, and messages, each with their conversations; some twice.
create unlogged table rebuild_links (account_id text not null, identity text not null, conversation text collate "C" not null)
    with (autovacuum_enabled = false);
create unlogged table rebuild_messages (account_id text not null, message_id text not null, conversation text collate "C" not null)
    with (autovacuum_enabled = false);

-- Conversations that share something with another one: folded one by one, as ever.
create unlogged table rebuild_odd (account_id text not null, conversation text collate "C" not null);

-- Parts that are done.
create unlogged table rebuild_buckets (bucket integer primary key);

-- Of which build they are.
create unlogged table rebuild_intact (build uuid not null);
