-- What the deliveries say (step 1) and what still has to be folded (step 2).
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- One row for each different telling of a fact: the set only grows, so arrival order, repetition and split cannot
-- matter. A field's winner is the greatest (observed_at, rank, hash) among the rows of a fact that know it; telling
-- the same thing again only raises the stamp of its row. See design.md 7.2.
create table facts (
    account_id   text        not null,
    kind         text        not null,
    fact_key     text        not null,
    content_hash bigint      not null,
    observed_at  timestamptz not null,
    rank         smallint    not null,
    hash         bigint      not null,
    received_at  timestamptz not null, -- the earliest among the copies
    delivery_id  uuid        not null, -- the first that told it
    -- Where it belongs. `firm` when the fact itself names client and channel; else resolved through links.
    conversation text collate "C", -- compared by bytes, whatever the database's locale
    firm         boolean     not null,
    client_id    text,
    dialog_id    text,
    request_id   text,
    registers    text        not null, -- JSON; unknown fields left out
    primary key (account_id, kind, fact_key, content_hash)
);
create index facts_conversation on facts (account_id, conversation) where conversation is not null;
create index facts_unfirm_request on facts (account_id, request_id) where not firm and request_id is not null;
create index facts_unfirm_dialog on facts (account_id, dialog_id) where not firm and dialog_id is not null;
create index facts_unfirm_key on facts (account_id, kind, fact_key) where not firm;

-- Which conversation a request or dialog belongs to, as firm facts say. A set that only grows; where it holds several
-- for one identity, the smallest conversation counts.
create table links (
    account_id   text not null,
    identity     text not null, -- 'request:<id>' or 'dialog:<id>'
    conversation text collate "C" not null,
    primary key (account_id, identity, conversation)
);
create index links_conversation on links (account_id, conversation);

-- What has to be folded. Only ever inserted and deleted: writers never wait for folders. A folder holds an advisory
-- lock on the subject, reads committed facts, and deletes the marks that it saw before it read.
create table marks (
    mark_id    bigint generated always as identity primary key,
    account_id text not null,
    kind       text not null, -- 'identity', 'conversation', 'client', 'operator', …
    subject    text not null
);
create index marks_kind on marks (kind, mark_id);

-- Deliveries, or parts of them, that could not be decoded. The bytes are in the log.
create table rejects (
    account_id  text        not null,
    delivery_id uuid        not null,
    part        integer     not null,
    reason      text        not null,
    detail      text        not null,
    road        text        not null,
    received_at timestamptz not null,
    partition   integer     not null,
    log_offset  bigint      not null,
    primary key (account_id, delivery_id, part)
);

-- What became of every delivery: decoded + partly_rejected + rejected + erased = appended.
create table accounting (
    account_id      text    not null,
    road            text    not null,
    day             date    not null, -- local day of receipt
    partition       integer not null,
    appended        bigint  not null default 0,
    decoded         bigint  not null default 0,
    partly_rejected bigint  not null default 0,
    rejected        bigint  not null default 0,
    erased          bigint  not null default 0,
    facts           bigint  not null default 0,
    facts_unchanged bigint  not null default 0,
    primary key (account_id, road, day, partition)
);

-- The next offset to read in each partition of the log, moved in the transaction of the facts that it covers, and
-- only by the worker whose lease has this epoch.
create table positions (
    partition  integer primary key,
    log_id     text   not null,
    next       bigint not null,
    epoch      bigint not null,
    updated_at timestamptz not null default now()
);
