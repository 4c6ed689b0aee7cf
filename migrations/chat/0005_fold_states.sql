-- What makes the cost of a new message that of a conversation's open end, however long its past is (design.md 7.2).
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- Where a fact stands in its conversation's time: the earliest instant that its telling speaks of (events::Fact::happened_at).
-- A row of the list of dialogs says how things are: infinity, so that it is always read.
alter table facts add column happened_at timestamptz not null default '-infinity';
update facts set happened_at = case kind
    when 'message' then least((registers::json ->> 'event_at')::timestamptz, (registers::json ->> 'created_at')::timestamptz, received_at)
    when 'dialog_row' then 'infinity'
    when 'request_report' then coalesce((registers::json ->> 'opened_at')::timestamptz, (registers::json ->> 'closed_at')::timestamptz, received_at)
    else coalesce((registers::json ->> 'at')::timestamptz, received_at)
end
where conversation is not null or not firm;
drop index facts_conversation;
create index facts_conversation on facts (account_id, conversation, happened_at) where conversation is not null;

-- From when on the conversation has to be folded anew; null: from its beginning.
alter table marks add column since timestamptz;

-- Set because the rules changed, not because something was told: what its fold changes is noted for nobody.
alter table marks add column quiet boolean not null default false;

-- Under which rules an account's rows are folded: those of the process that started last. `parts` says what they are made
-- of, `changed` which parts differed from the rules before.
create table folded_rules (
    account_id text primary key,
    rules      bigint not null,
    parts      jsonb not null,
    changed    text[] not null,
    restated   boolean not null default false, -- published figures were compared since
    adopted_at timestamptz not null default now()
);

-- The saved state of a conversation's fold before a cut. Left out when tables are compared: it only saves time, and is
-- made anew when it is missing or was made under other rules.
create table fold_states (
    account_id   text not null,
    conversation text collate "C" not null,
    rules        bigint not null, -- fingerprint of the account's rules and of the fold
    state        text not null,   -- projection::fold::Saved, as JSON
    primary key (account_id, conversation)
);

-- Rows of the open end only. (Turns and assignments are found by their requests.)
drop index messages_conversation;
create index messages_conversation on messages (account_id, conversation, sent_at);
drop index requests_conversation;
create index requests_conversation on requests (account_id, conversation, opened_at);
drop index request_tags_conversation;
create index request_tags_conversation on request_tags (account_id, conversation, added_at);
drop index tag_scores_conversation;
create index tag_scores_conversation on tag_scores (account_id, conversation, given_at);

-- The messengers of a client's requests, without reading them all.
create index requests_transport on requests (account_id, client_id, transport);

-- Only contested messages are looked up by their conversation.
drop index links_conversation;
create index links_contested on links (account_id, conversation) where identity like 'message:%';
