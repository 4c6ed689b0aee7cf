-- Which rows the claimed conversations have now: (account, conversation, table, key, hash of the content).
with subject as (select * from unnest($1::text[], $2::text[]) as s (account_id, conversation))
select account_id, conversation, 'messages', message_id, row_hash from messages join subject using (account_id, conversation)
union all
select account_id, conversation, 'dialogs', dialog_id, row_hash from dialogs join subject using (account_id, conversation)
union all
select account_id, conversation, 'requests', request_key, row_hash from requests join subject using (account_id, conversation)
union all
select account_id, conversation, 'turns', request_key || '#' || turn_no, row_hash from turns join subject using (account_id, conversation)
