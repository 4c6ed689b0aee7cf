-- The requests behind a figure of `report response-times`, newest first, with names.
-- $1 account; $2, $3 first and last local day (null: open); $4 how to group; $5 the group's key (null: all);
-- $6 which; $7 target in seconds; $8 the instant at which waiting is looked at; $9 at most so many.
with requested as (
    select r.*,
           -- As in response_times.sql: how long the first question has had no answer.
           case when first_state = 'answered' then null
                else extract(epoch from coalesce(first_ended_at, $8::timestamptz) - first_asked_at)
           end as unanswered_seconds
    from report_requests r
    where account_id = $1::text
      and ($2::date is null or local_day >= $2::date) and ($3::date is null or local_day <= $3::date)
      and ($5::text is null
           or case $4::text
                  when 'tag' then ($5::text <> '') = exists (
                      select from report_request_tags t
                      where t.account_id = r.account_id and t.request_key = r.request_key
                        and ($5::text = '' or t.tag_id = $5::text))
                  else report_key($4::text, operator_id, channel_id, transport, local_day, local_hour) = $5::text
              end)
),
chosen as (
    select *, count(*) over () as total
    from requested
    where case when $6::text = 'left_out' then left_out is not null else left_out is null end
      and case $6::text
              when 'answered' then frt_customer_seconds is not null
              when 'late' then coalesce(frt_customer_seconds > $7::double precision, false)
                            or coalesce(unanswered_seconds > $7::double precision, false)
              when 'unanswered' then coalesce(first_state = 'closed_unanswered', false)
              when 'waiting' then coalesce(first_asked_at <= $8::timestamptz
                                  and (first_ended_at is null or first_ended_at > $8::timestamptz), false)
              else true
          end
    order by coalesce(first_client_message_at, opened_at) desc, request_key
    limit $9
)
select r.request_key, coalesce(r.first_client_message_at, r.opened_at) as began_at, r.closed_at, r.client_id,
       left(coalesce(nullif(c.display_name, ''), r.client_id), 200) as client,
       left(coalesce(o.name, nullif(r.operator_id, '')), 200) as operator,
       left(coalesce(h.name, r.channel_id), 200) as channel, r.transport, r.left_out, r.first_state,
       r.frt_customer_seconds, r.frt_customer_business_seconds, r.resolution_seconds, r.close_reason,
       d.web_url, r.started_by_delivery, r.ended_by_delivery, r.total
from chosen r
left join clients c on c.account_id = r.account_id and c.client_id = r.client_id
left join operators o on o.account_id = r.account_id and o.operator_id = r.operator_id
left join channels h on h.account_id = r.account_id and h.channel_id = r.channel_id
left join dialogs d on d.account_id = r.account_id and d.dialog_id = r.dialog_id
order by began_at desc, r.request_key
