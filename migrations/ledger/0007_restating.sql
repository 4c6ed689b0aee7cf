-- Why published figures are restated: causes that are known before anybody looks, and what a look has compared. And what
-- a day looked like when it was fetched again: what fetching does not change is not fetched for ever.
-- Written without a schema name: run with search_path = ledger.

-- A change that somebody made on purpose and whose effect on published figures was not looked at yet. Written in the
-- transaction of the change (rules that are adopted, the switch of a rebuild), so that no crash loses it; deleted when every
-- published day of the account was looked at under it.
create table pending_causes (
    cause_id   bigint generated always as identity primary key,
    account_id text not null,
    cause      text not null check (cause in ('configuration', 'rebuild', 'erased')),
    detail     text, -- what changed, in words
    noted_at   timestamptz not null default now()
);
create index pending_causes_account on pending_causes (account_id, cause_id);

-- Whose figures a day was frozen with: a dimension that came later has nothing to be compared with. Of the operators' hours
-- that its figures were computed by: calendars of the configuration, and who goes by which (members of groups). They are
-- subtracted at reading, so no row tells that they changed. null: not known yet.
alter table published_days
    add column dimensions text[] not null default '{all,operator,channel,transport,hour}',
    add column calendars text,
    add column members text;

-- What was counted and stored of the parts that were red. null: tries of before.
alter table refetches add column evidence text;
