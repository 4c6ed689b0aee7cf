-- Which rows the claimed conversations have now: (account, conversation, table, key, hash of the content). Look-ups by
-- index, whatever the statistics say ("offset 0").
select s.account_id, s.conversation, r.in_table, r.key, r.row_hash
from unnest($1::text[], $2::text[]) as s (account_id, conversation)
cross join lateral (
    (select 'messages' as in_table, message_id as key, row_hash from messages t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'dialogs', dialog_id, row_hash from dialogs t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'requests', request_key, row_hash from requests t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'turns', request_key || '#' || turn_no, row_hash from turns t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'assignments', request_key || '#' || assignment_no, row_hash from assignments t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'request_tags', request_key || '#' || tag_id || '#' || episode, row_hash from request_tags t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'tag_scores', valuation_request_key || '#' || scale_id, row_hash from tag_scores t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
) r
