-- Response times by our own rules (design.md 7.5): what is counted and what is measured. summaries.sql follows.
-- $1 account; $2, $3 first and last local day (null: open); $4 how to group; $5 target in seconds; $6 the instant at
-- which waiting is looked at.
with counted as (
    -- By tag: once for each tag that is on, or once under ''.
    select r.*,
           case $4::text when 'tag' then coalesce(t.tag_id, '')
               else report_key($4::text, r.operator_id, channel_id, transport, local_day, local_hour) end as key,
           case $4::text when 'tag' then coalesce(t.tag_id, '')
               else report_key($4::text, resolved_by, channel_id, transport, local_day, local_hour) end as resolved_key,
           c.calendar_no
    from report_requests r
    -- Only by operator is a first response one operator's.
    left join report_operator_calendars c
           on $4::text = 'operator' and c.account_id = r.account_id and c.operator_id = r.operator_id
    left join report_request_tags t
           on $4::text = 'tag' and t.account_id = r.account_id and t.request_key = r.request_key
    where r.account_id = $1::text
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
),
turned as (
    select t.*,
           case $4::text when 'tag' then coalesce(g.tag_id, '')
               else report_key($4::text, operator_id, channel_id, transport, local_day, local_hour) end as key
    from report_turns t
    left join report_request_tags g
           on $4::text = 'tag' and g.account_id = t.account_id and g.request_key = t.request_key
    where t.account_id = $1::text and left_out is null
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
),
-- One row for each thing that is measured: how long it took, or since when and till when nothing came.
measured as (
    select m.key, m.metric, m.seconds, m.state, m.asked_at, m.ended_at, r.calendar_no
    from counted r
    cross join lateral (values
        (1, r.key, r.frt_customer_seconds, r.first_state, r.first_asked_at, r.first_ended_at),
        (2, r.key,
         case when r.calendar_no is null then r.frt_customer_business_seconds
              when r.frt_customer_seconds is not null
              then business_seconds($1::text, r.calendar_no, r.first_asked_at, r.first_ended_at) end,
         r.first_state, r.first_asked_at, r.first_ended_at),
        (3, r.key, r.frt_human_seconds, r.first_state, r.first_asked_at, r.first_ended_at),
        -- What resolves is the close, whoever answered or not: nothing ends unresolved.
        (6, r.resolved_key, r.resolution_seconds,
         case when r.closed_at is null then 'waiting' else 'answered' end, r.first_client_message_at, r.closed_at)
    ) as m(metric, key, seconds, state, asked_at, ended_at)
    where r.left_out is null and (m.asked_at is not null or m.seconds is not null)
    union all
    select t.key, m.metric, m.seconds, t.state, t.asked_at, t.ended_at, t.calendar_no
    from turned t
    cross join lateral (values (4, t.reply_seconds), (5, t.reply_business_seconds)) as m(metric, seconds)
),
