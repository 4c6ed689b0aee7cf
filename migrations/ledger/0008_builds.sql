-- Which build of the next generation it is: what a build has elsewhere (its helper tables, its files) is known by it, so that one
-- that was thought dead does nothing to another's.
-- Written without a schema name: run with search_path = ledger.
alter table generations add column build uuid not null default gen_random_uuid();

-- All builds that were ever begun: what one has left in files is taken away by the next rebuild on the same machine.
create table builds (
    build    uuid primary key,
    begun_at timestamptz not null default now()
);
