-- The connections to the platforms: what was applied to an account, how far its past was read, what of its quota is used.
-- Written without a schema name: run with search_path = ledger.

-- One row an account. Saved (active = false) by whoever configures it; becomes active when all checks of the
-- activation pass; a deactivation or a removal makes it inactive again. `configuration` is what was applied last, without
-- secrets (references only). `token_hash` tells two active accounts with one token; it is no token.
create table accounts (
    account_id    text primary key,
    platform      text not null,
    configuration jsonb not null,
    token_hash    text,
    active        boolean not null default false,
    webhook_ids   text[] not null default '{}',
    updated_at    timestamptz not null
);

-- At most one active account of a platform has a given token.
create unique index accounts_token on accounts (platform, token_hash) where active and token_hash is not null;

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
