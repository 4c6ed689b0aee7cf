-- What the platform counts of a local day beside what is stored of it (design.md 6).
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- One row for each account, local day and thing that is counted; written by each look of the role ingest. It says when
-- we looked, so it is left out when two sets of tables are compared.
create table completeness (
    account_id text not null,
    day        date not null,
    subject    text not null, -- messages, requests, ratings, request_tags, transfers
    state      text not null check (state in ('green', 'explained', 'not_provable', 'red')),
    reason     text,          -- of every state but green
    counted    bigint,        -- by the platform; null: it has no count
    stored     bigint,
    counted_at timestamptz,   -- when the platform was asked
    refetched  integer not null, -- how often the day was fetched again because of a gap
    checked_at timestamptz not null,
    primary key (account_id, day, subject)
);

-- For every screen.
create view report_completeness as
select account_id, day, subject, state, reason, counted, stored, counted_at, refetched, checked_at
from completeness;
