-- The rebuild that is under way, or was left: how far it is, and what somebody at another terminal wants of it.
-- Written without a schema name: run with search_path = ledger.

-- At most one row: the generation that is being made. Deleted when it is switched to, or given up. Who works on it holds
-- a session lock besides, so that a process that died is not taken for one that works.
create table generations (
    generation text primary key check (generation = 'chat_next'),
    phase      text not null check (phase in ('loading', 'settling', 'folding', 'indexing', 'following')),
    wish       text not null default 'go' check (wish in ('go', 'pause', 'cancel')),
    log_id     text not null,
    rules      bigint not null,  -- fingerprint of configuration and program: others begin anew
    until      jsonb not null,   -- {partition: offset}: what is filled at full speed; what comes later is followed
    is_first   boolean not null, -- the live generation has never projected anything: what is found is news
    buckets    integer not null, -- parts that are folded one by one, each in memory
    done       bigint not null default 0, -- of this phase
    total      bigint not null default 0,
    started_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
