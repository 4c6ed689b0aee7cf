-- Response times by a vendor's rules (reference/chat2desk.md 6.6, reference/livechat.md 6.7; docs/metrics.md says what is
-- confirmed): what is counted and what is measured. summaries.sql follows. What the vendor has no figure for is not
-- measured.
-- $1 account; $2, $3 first and last local day (null: open); $4 how to group; $5 target in seconds; $6 the instant at
-- which waiting is looked at; $7 the vendor; $8 the account's zone.
with opened as (
    -- A contact belongs to the local day of its first event, whoever wrote first. Surveys are requests of another type;
    -- what is left at LiveChat while nobody is there becomes a ticket.
    select r.*, (opened_at at time zone $8::text)::date as opened_day,
           extract(hour from opened_at at time zone $8::text)::smallint as opened_hour,
           case when kind = 'rating' or (kind = 'offline' and $7::text = 'livechat') then kind end as left_out
    from requests r
    where account_id = $1::text
      and ($2::date is null or opened_at >= ($2::date - 1)::timestamp at time zone 'UTC')
      and ($3::date is null or opened_at < ($3::date + 2)::timestamp at time zone 'UTC')
      and ($2::date is null or (opened_at at time zone $8::text)::date >= $2::date)
      and ($3::date is null or (opened_at at time zone $8::text)::date <= $3::date)
),
turned as materialized (
    select * from report_turns_by_vendor($7::text, $1::text, $8::text, $2::date, $3::date)
),
counted as (
    -- By operator: the first replier, else the holder; what lasted until the close is the holder's.
    select r.*, t.answered_at as first_answered_at,
           -- At Chat2Desk a contact without any message hangs unanswered from its opening.
           case when t.asked_at is not null then t.asked_at
                when $7::text = 'chat2desk'
                     and client_messages + operator_messages + bot_messages + automation_messages = 0 then opened_at
           end as first_asked_at,
           case $4::text when 'tag' then coalesce(g.tag_id, '')
               else report_key($4::text, coalesce(t.operator_id, first_operator_id, holder_operator_id), channel_id,
                               transport, opened_day, opened_hour) end as key,
           case $4::text when 'tag' then coalesce(g.tag_id, '')
               else report_key($4::text, coalesce(holder_operator_id, last_operator_id), channel_id, transport,
                               opened_day, opened_hour) end as resolved_key
    from opened r
    left join turned t on t.request_key = r.request_key and t.turn_no = 1
    left join report_request_tags g
           on $4::text = 'tag' and g.account_id = r.account_id and g.request_key = r.request_key
),
timed as (
    -- 1 and 2: the first reaction, at Chat2Desk also inside the schedule. 4: every answer, the first one included.
    select m.metric, r.key, r.first_asked_at as asked_at, r.first_answered_at as answered_at, r.closed_at
    from counted r
    cross join (values (1), (2)) as m(metric)
    where left_out is null and r.first_asked_at is not null and (m.metric = 1 or $7::text = 'chat2desk')
    union all
    select 4,
           case $4::text when 'tag' then coalesce(g.tag_id, '')
               else report_key($4::text, coalesce(t.operator_id, holder_operator_id), channel_id, transport, opened_day,
                               opened_hour) end,
           t.asked_at, t.answered_at, r.closed_at
    from opened r
    join turned t on t.request_key = r.request_key
    left join report_request_tags g
           on $4::text = 'tag' and g.account_id = r.account_id and g.request_key = r.request_key
    where left_out is null
),
measured as (
    select key, metric,
           case when answered_at is null then null
                when metric = 2 then business_seconds($1::text, asked_at, answered_at)
                else greatest(0, extract(epoch from answered_at - asked_at))::double precision end as seconds,
           case when answered_at is not null then 'answered'
                when closed_at is not null then 'closed_unanswered' else 'waiting' end as state,
           asked_at,
           coalesce(answered_at, case when closed_at is not null then greatest(closed_at, asked_at) end) as ended_at,
           null::integer as calendar_no -- the vendor knows one schedule
    from timed
    union all
    -- 6: from opening to close.
    select resolved_key, 6, extract(epoch from closed_at - opened_at)::double precision,
           case when closed_at is null then 'waiting' else 'answered' end, opened_at, closed_at, null
    from counted
    where left_out is null
),
