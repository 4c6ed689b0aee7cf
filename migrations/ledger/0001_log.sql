-- The log, when Postgres is its backend, and who works on which partition (with either backend).
-- Written without a schema name: run with search_path = ledger.

-- One row: which log this is, and how many partitions it was made with.
create table log_identity (
    only_row   boolean primary key default true check (only_row),
    log_id     uuid not null,
    partitions integer not null check (partitions between 1 and 1024),
    made_at    timestamptz not null
);

-- The next offset of each partition. An append takes it (row lock) and moves it in its own transaction: offsets are
-- dense and in commit order, so a reader never skips what a slower transaction commits later.
create table log_heads (
    partition integer primary key,
    next      bigint not null default 0
);

-- Append-only. `format` is the version of the columns; `body` is what came, byte for byte. `capture` is json, not jsonb,
-- because jsonb refuses the NUL that a hostile request may carry. One part for each partition is made with the log.
create table deliveries (
    partition   integer not null,
    log_offset  bigint not null,
    id          uuid not null,
    format      smallint not null,
    account_id  text not null,
    platform    text not null,
    road        text not null,
    received_at timestamptz not null,
    capture     json not null,
    body        bytea not null,
    primary key (partition, log_offset)
) partition by list (partition);

-- Found by id alone (`trace`): each part gets this index.
create index deliveries_id on deliveries (id);

-- Workers that are alive: partitions are shared evenly among them.
create table lease_owners (
    scope      text not null,
    owner      text not null,
    expires_at timestamptz not null,
    primary key (scope, owner)
);

-- Who works on which partition of which generation of the tables. An epoch only grows: what is written under
-- an older one is refused.
create table leases (
    scope      text not null,
    partition  integer not null,
    owner      text,
    epoch      bigint not null default 0,
    expires_at timestamptz not null,
    primary key (scope, partition)
);
