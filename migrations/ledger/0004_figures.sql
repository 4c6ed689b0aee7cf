-- What was said to people, and what was said otherwise later (design.md 7.1, promise 7); and which days were fetched again.
-- Written without a schema name: run with search_path = ledger.

-- Since when an account's figures are published: its first row is written when publishing is on for the first time, so
-- that nothing is frozen of days whose history is still being fetched.
create table publishing (
    account_id text primary key,
    first_day  date not null, -- the first local day whose figures are frozen
    since      timestamptz not null
);

-- One row for each account and local day that was frozen. Written once, in the transaction of its figures; the columns
-- from `digest` on move with each look that finds the day's rows changed.
create table published_days (
    account_id     text not null,
    day            date not null,
    as_of          timestamptz not null,      -- the end of the day, as the zone was then: when waiting is looked at
    target_seconds double precision not null, -- in force then
    metric_version smallint not null,
    frozen_at      timestamptz not null,
    digest         text not null,             -- of the rows that the figures as they stand were computed from
    looked_at      timestamptz not null,      -- when those were computed
    primary key (account_id, day)
);

-- The figures as they were frozen; never changed. What is not there had no value.
create table published_figures (
    account_id     text not null,
    day            date not null,
    dimension      text not null, -- all, operator, channel, transport, hour
    key            text not null,
    metric         text not null, -- requests, first_response.mean, scores.csat …
    value          double precision not null,
    metric_version smallint not null,
    frozen_at      timestamptz not null,
    primary key (account_id, day, dimension, key, metric)
);

-- What changed a published figure: from what it was last to what it is. Only inserted.
create table restatements (
    restatement_id bigint generated always as identity primary key,
    account_id     text not null,
    day            date not null,
    dimension      text not null,
    key            text not null,
    metric         text not null,
    old_value      double precision, -- null: there was none
    new_value      double precision, -- null: there is none any more
    cause          text not null check (cause in
                       ('late_delivery', 'continued', 'refetch', 'configuration', 'rebuild', 'metric_version', 'erased',
                        'unknown')),
    detail         text,             -- what changed, in words
    delivery_id    uuid,             -- the delivery that caused it
    deliveries     integer not null default 0, -- how many touched what the figure counts since the look before
    metric_version smallint not null,
    restated_at    timestamptz not null
);
create index restatements_figure on restatements (account_id, day, dimension, key, metric, restatement_id desc);

-- One row for each time that a day was fetched again because something of it is missing: at most three a day.
create table refetches (
    account_id  text not null,
    day         date not null, -- the local day that is fetched
    began_at    timestamptz not null,
    finished_at timestamptz,
    calls       bigint,
    outcome     text, -- done, stopped, quota_spent, failed
    primary key (account_id, day, began_at)
);
