-- The connections to the platforms: how far an account's past was read, what of its quota is used.
-- Written without a schema name: run with search_path = ledger.

-- One row a walk of the backfill (`messages`, `clients`, `statistics/rating`, a walk of a range …). Written by the
-- backfill after the page that it covers is in the log, so a crash between the two repeats a page and loses none.
-- A walk of a range ends by deleting its row; the others stay.
create table cursors (
    account_id text not null,
    walk       text not null,
    state      jsonb not null,
    updated_at timestamptz not null,
    primary key (account_id, walk)
);

-- One row an account and month (first day, in the account's zone). `used` counts our own calls; `calls_left` is what the
-- platform said last, less what we called since; both are null-safe: a platform that says nothing leaves nulls.
create table budgets (
    account_id  text not null,
    month       date not null,
    used        bigint not null default 0,
    call_limit  bigint,
    api_mode    text,
    calls_left  bigint,
    updated_at  timestamptz not null,
    primary key (account_id, month)
);
