-- What was done to the outside world, so that a replay can never repeat it (design.md 3, promise 6).
-- Written without a schema name: run with search_path = ledger.

-- One row for each thing that is done once. Written before the call (the intent); the call's outcome is final, or it is
-- unknown, and then the same message goes out again byte for byte. What nobody needs any more before it was ever sent is
-- dropped; `last_error` says why.
create table effects (
    effect_key      text primary key, -- made of the vendor's ids of facts, never of derived keys
    account_id      text not null,
    target          text not null,    -- notifier/<name>, crm/<name>
    subject         text not null,    -- what it is about: an escalation key, a lead key
    version         bigint not null,  -- grows for one subject and target: sent in this order, one at a time
    body            bytea,            -- what is sent; null once the outcome is final
    status          text not null default 'pending' check (status in ('pending', 'in_flight', 'done', 'dead', 'dropped')),
    message_id      text,             -- the message that carries it; effects that go out together share one
    attempts        integer not null default 0,
    leased_by       text,
    leased_until    timestamptz,
    next_attempt_at timestamptz not null,
    intended_at     timestamptz not null,
    settled_at      timestamptz,
    last_error      text
);
create index effects_open on effects (target, next_attempt_at) where status in ('pending', 'in_flight');
create index effects_account on effects (account_id, target) where status <> 'done';
create index effects_subject on effects (subject, target, version);
create index effects_message on effects (message_id) where status in ('pending', 'in_flight');

-- One row for each receiver that asked for a pause or is broken: rows that wait are not to blame and are not counted.
create table targets (
    target       text primary key,
    paused_until timestamptz,
    broken_since timestamptz, -- until somebody mends it (a login, a missing field); probed at paused_until
    reason       text,
    day          date,        -- of `calls`, UTC
    calls        bigint not null default 0,
    updated_at   timestamptz not null
);

-- Escalations: one for each rule and cause. Ids only, nothing personal.
create table escalations (
    account_id            text not null,
    escalation_key        text not null, -- <account>/<rule>/<valuation request>/<episode>
    rule                  text not null,
    episode               integer not null, -- from 1; a new one when a rating is raised above the rule and falls again
    cause                 text not null,    -- the vendor's id of what caused it: the valuation request
    request_key           text,             -- the rated request
    client_id             text,
    operator_id           text,
    score                 double precision,
    scale                 double precision,
    label                 text,
    given_at              timestamptz not null,
    delivery_id           uuid,             -- the delivery that told the score first
    status                text not null check (status in ('open', 'notified', 'acknowledged', 'closed', 'withdrawn', 'historic')),
    owner                 text,
    close_reason          text,
    due_at                timestamptz,
    opened_at             timestamptz not null,
    updated_at            timestamptz not null,
    timeline              jsonb not null default '[]', -- [{at, what, by?, why?}]
    primary key (account_id, escalation_key)
);
create index escalations_cause on escalations (account_id, cause, rule, episode);
create index escalations_status on escalations (status, opened_at);

-- One row for each CRM and lead: which record it is, which content was accepted last, and whether to look again.
-- A mark (`plan_at`) is set by whoever sees that the lead changed, and taken away by whoever compares it.
create table crm_links (
    crm                text not null,
    lead_key           text not null,
    account_id         text not null,
    client_id          text not null,
    external_id        text,
    url                text,
    accepted_hash      bigint, -- of the whole content accepted last
    accepted_live_hash bigint, -- of the same without what changes with every message
    accepted_at        timestamptz,
    refused_hash       bigint, -- of the content that was refused for good: not sent again as it is
    refused_live_hash  bigint, -- of the same without what changes with every message
    recreated_at       timestamptz, -- when a new record was made last although there was one: at most once a day
    seen_hash          bigint, -- of the rows that were compared last, mapping included: the same need no look
    version            bigint not null default 0, -- grows with every new content sent
    status             text not null check (status in ('pending', 'ok', 'failed', 'dead')),
    attempts           integer not null default 0,
    next_attempt_at    timestamptz,
    last_error         text,
    plan_at            timestamptz, -- compare it then; null: nothing to compare
    plan_whole         boolean not null default false, -- also what changes with every message
    plan_bulk          boolean not null default false, -- marked by a comparison of all leads: what just changed goes first
    updated_at         timestamptz not null,
    primary key (crm, lead_key)
);
create index crm_links_status on crm_links (crm, status);
create index crm_links_account on crm_links (account_id, crm, status, accepted_at);
create index crm_links_latest on crm_links (account_id, updated_at desc);
create index crm_links_plan on crm_links (crm, plan_bulk, plan_at) where plan_at is not null;

-- What each nightly run of a CRM did, so that a schedule runs once.
create table crm_runs (
    crm         text not null,
    due_at      timestamptz not null, -- the instant of the schedule; the first row: since when it is watched
    finished_at timestamptz,
    outcome     jsonb,
    primary key (crm, due_at)
);

-- What each CRM was found to be when its setup was checked last.
create table crm_setups (
    crm         text primary key,
    identity    text,            -- the CRM's own id of the company account; another one needs another name here
    fingerprint bigint not null, -- of what was checked: the fields and their types
    checked_at  timestamptz not null
);

-- What each export target holds: of which state of the rows each object was made.
create table export_objects (
    target      text not null, -- the folder or the s3 address
    path        text not null, -- dataset=…/account=…/date=…/part-0.parquet
    fingerprint text not null, -- of the rows' hashes, the schema version and the treatment of personal columns
    rows        bigint not null,
    bytes       bigint not null,
    sha256      text not null,
    written_at  timestamptz not null,
    upload      text, -- the multipart upload that is under way: nobody else could name it after a crash
    primary key (target, path)
);
