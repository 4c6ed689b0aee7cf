-- What is folded beside requests and turns: who held a request, how it was tagged and rated, and what a CRM gets.
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- One row for each unbroken holding of a request (design.md 7.6).
create table assignments (
    account_id        text not null,
    request_key       text not null,
    assignment_no     integer not null, -- from 1
    conversation      text not null,
    operator_id       text not null,
    from_at           timestamptz not null,
    to_at             timestamptz,      -- the next holding, or the last close; null while it lasts
    how               text not null,    -- assigned, transfer, derived
    frt_agent_seconds double precision,
    row_hash          bigint not null,
    primary key (account_id, request_key, assignment_no)
);
create index assignments_conversation on assignments (account_id, conversation);

-- One row for each time that a tag was put on a request; taken off: `removed_at`.
create table request_tags (
    account_id   text not null,
    request_key  text not null,
    tag_id       text not null,
    episode      integer not null, -- from 1
    conversation text not null,
    label        text,
    added_at     timestamptz not null,
    removed_at   timestamptz,
    delivery_id  uuid not null, -- where the putting was first told
    row_hash     bigint not null,
    primary key (account_id, request_key, tag_id, episode)
);
create index request_tags_conversation on request_tags (account_id, conversation);

-- One row for each valuation and scale. `request_key` is the rated request, `valuation_request_key` the survey's own (or
-- the same one, where operators put score tags by hand).
create table tag_scores (
    account_id            text not null,
    valuation_request_key text not null,
    scale_id              text not null, -- '' where there is one scale
    conversation          text not null,
    client_id             text not null,
    request_key           text,
    source                text not null, -- tag, report, both, rating
    given_at              timestamptz not null,
    local_day             date not null, -- of given_at
    tag_id                text,
    label                 text,
    score                 double precision not null,
    scale                 double precision not null,
    sentiment             text not null, -- good, neutral, bad
    comment               text,
    withdrawn_at          timestamptz,
    operator_id           text,          -- of the last qualifying reply before it, frozen
    link                  text,          -- how request_key is known: given, derived
    delivery_id           uuid not null, -- where it was first told
    row_hash              bigint not null,
    primary key (account_id, valuation_request_key, scale_id)
);
create index tag_scores_conversation on tag_scores (account_id, conversation);
create index tag_scores_client on tag_scores (account_id, client_id, given_at);
create index tag_scores_request on tag_scores (account_id, request_key);
create index tag_scores_day on tag_scores (account_id, local_day);

-- One row for each client who is not anonymous: what a CRM gets.
create table leads (
    account_id       text not null,
    client_id        text not null,
    lead_key         text not null, -- <platform>-<account>-<client id>
    display_name     text not null,
    phone_e164       text,
    email            text,
    transports       text[] not null,
    tags             text[] not null,
    operator_id      text,          -- who answered last, else who holds the last request
    last_score       double precision,
    last_score_scale double precision,
    last_score_at    timestamptz,
    first_message_at timestamptz,
    last_message_at  timestamptz,
    dialog_url       text,
    row_hash         bigint not null,
    primary key (account_id, client_id)
);
create index leads_key on leads (lead_key);
create index requests_client on requests (account_id, client_id, opened_at);
-- Who waits now: the page asks every few seconds.
create index requests_waiting on requests (account_id, waiting_since) where waiting_since is not null;

-- A rating report is filed with the survey's own request; while nobody has seen that one, with the rated request.
create index facts_rated on facts (account_id, split_part(fact_key, ':', 2)) where kind = 'rating_report';

-- What changed and has a reader: `score` (subject: valuation request) for escalation, `lead` (subject: client) for CRM
-- sync. Like marks, only inserted and deleted; a reader deletes exactly the rows that it has read. A rebuild writes none.
create table changes (
    change_id  bigint generated always as identity primary key,
    kind       text not null,
    account_id text not null,
    subject    text not null,
    changed_at timestamptz not null default now() -- when it was projected
);
create index changes_kind on changes (kind, change_id);

-- One row for each score that counts (not taken back). It belongs to the local day and hour of the request that it rates
-- (else to the day on which it was given), to whoever is answerable for it, and to that request's channel and messenger.
create view report_scores as
select s.account_id, s.valuation_request_key, s.scale_id, s.request_key, s.client_id,
       coalesce(r.local_day, s.local_day) as local_day, r.local_hour, s.local_day as given_day, s.given_at,
       coalesce(s.operator_id, '') as operator_id,
       coalesce(r.channel_id, v.channel_id) as channel_id, coalesce(r.transport, v.transport) as transport,
       coalesce(r.dialog_id, v.dialog_id) as dialog_id,
       s.score, s.scale, s.sentiment, s.source, s.label, s.comment, s.link, s.delivery_id
from tag_scores s
left join requests r on r.account_id = s.account_id and r.request_key = s.request_key
left join requests v on v.account_id = s.account_id and v.request_key = s.valuation_request_key
where s.withdrawn_at is null;
