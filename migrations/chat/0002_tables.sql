-- The tables that people read, folded from facts (step 2). `row_hash` is the hash of a row's content: a fold reads
-- it to write only what changed, and two sets of tables are compared by it.

create table clients (
    account_id       text not null,
    client_id        text not null,
    phone            text,
    phone_e164       text,
    email            text,
    name             text,
    assigned_name    text,
    display_name     text not null,
    is_anonymous     boolean not null,
    first_message_at timestamptz,
    last_message_at  timestamptz,
    tags             text[] not null,
    custom           jsonb not null,
    row_hash         bigint not null,
    primary key (account_id, client_id)
);

create table operators (
    account_id  text not null,
    operator_id text not null,
    name        text,
    email       text,
    role        text,
    is_bot      boolean not null,
    deleted     boolean not null,
    row_hash    bigint not null,
    primary key (account_id, operator_id)
);

create table operator_groups (
    account_id   text not null,
    group_id     text not null,
    name         text,
    operator_ids text[] not null,
    row_hash     bigint not null,
    primary key (account_id, group_id)
);

create table channels (
    account_id text not null,
    channel_id text not null,
    name       text,
    phone      text,
    transports text[] not null,
    row_hash   bigint not null,
    primary key (account_id, channel_id)
);

create table tags (
    account_id text not null,
    tag_id     text not null,
    label      text,
    group_name text,
    row_hash   bigint not null,
    primary key (account_id, tag_id)
);

create table messages (
    account_id   text not null,
    message_id   text not null,
    conversation text not null,
    client_id    text not null,
    dialog_id    text,
    request_key  text,
    channel_id   text,
    transport    text,
    author_kind  text not null,
    operator_id  text,
    sent_at      timestamptz not null,
    time_quality text not null,
    text         text,
    attachments  jsonb,
    is_deleted   boolean not null,
    delivery_id  uuid not null, -- where it was first told
    row_hash     bigint not null,
    primary key (account_id, message_id)
);
create index messages_conversation on messages (account_id, conversation);
create index messages_request on messages (account_id, request_key);
create index messages_client on messages (account_id, client_id, sent_at);

create table dialogs (
    account_id     text not null,
    dialog_id      text not null,
    conversation   text not null,
    client_id      text,
    channel_id     text,
    state          text not null,
    operator_id    text,
    opened_at      timestamptz,
    last_opened_at timestamptz,
    closed_at      timestamptz,
    requests       integer not null,
    web_url        text,
    row_hash       bigint not null,
    primary key (account_id, dialog_id)
);
create index dialogs_conversation on dialogs (account_id, conversation);

create table requests (
    account_id                     text not null,
    request_key                    text not null,
    conversation                   text not null,
    request_id                     text,
    segmentation                   text not null,
    kind                           text not null,
    client_id                      text not null,
    dialog_id                      text,
    channel_id                     text,
    transport                      text,
    initiated_by                   text not null,
    opened_at                      timestamptz not null,
    closed_at                      timestamptz,
    close_reason                   text,
    close_detail                   text,
    first_client_message_at        timestamptz,
    first_reply_at                 timestamptz,
    first_operator_id              text,
    last_operator_id               text,
    client_messages                integer not null,
    operator_messages              integer not null,
    bot_messages                   integer not null,
    automation_messages            integer not null,
    transfers                      integer not null,
    turns_answered                 integer not null,
    turns_unanswered               integer not null,
    holder_operator_id             text,
    waiting_since                  timestamptz,
    frt_customer_seconds           double precision,
    frt_customer_business_seconds  double precision,
    frt_human_seconds              double precision,
    frt_human_business_seconds     double precision,
    average_reply_seconds          double precision,
    average_reply_business_seconds double precision,
    queue_wait_seconds             double precision,
    resolution_seconds             double precision,
    resolution_business_seconds    double precision,
    previous_request_key           text,
    local_day                      date not null,     -- of the first client message, else of opened_at
    local_hour                     smallint not null,
    metric_version                 smallint not null,
    started_by_delivery            uuid,
    ended_by_delivery              uuid,
    row_hash                       bigint not null,
    primary key (account_id, request_key)
);
create index requests_conversation on requests (account_id, conversation);
create index requests_day on requests (account_id, local_day);

create table turns (
    account_id             text not null,
    request_key            text not null,
    turn_no                integer not null,
    conversation           text not null,
    asked_at               timestamptz not null,
    answered_at            timestamptz,
    ended_at               timestamptz, -- answered_at, or when closing ended it; null while it waits
    operator_id            text,        -- who answered, else who held the request
    state                  text not null,
    bot_replied            boolean not null,
    reply_seconds          double precision,
    reply_business_seconds double precision,
    row_hash               bigint not null,
    primary key (account_id, request_key, turn_no)
);
create index turns_conversation on turns (account_id, conversation);

-- Business hours as in force: open intervals with the seconds open before each, so that business time between two
-- instants is one subtraction, in SQL and in Rust alike (design.md 7.5).
create table calendar_intervals (
    account_id         text not null,
    opens_at           timestamptz not null,
    closes_at          timestamptz not null,
    seconds_before     double precision not null,
    primary key (account_id, opens_at)
);
