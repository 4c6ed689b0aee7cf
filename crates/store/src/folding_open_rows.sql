-- Which rows a fold from a saved state decides on: (account, conversation, table, key, hash of the content).
-- $1 accounts, $2 conversations, $3 cuts, $4 openings and $5 keys of the requests that last, $6 their first open turn,
-- $7 their first open assignment. Look-ups by index, whatever the statistics say ("offset 0").
select s.account_id, s.conversation, r.in_table, r.key, r.row_hash
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::integer[], $7::integer[])
    as s (account_id, conversation, cut_at, opened_at, request_key, turn_no, assignment_no)
cross join lateral (
    (select 'messages' as in_table, message_id as key, row_hash from messages t
     where t.account_id = s.account_id and t.conversation = s.conversation and t.sent_at >= s.cut_at offset 0)
    union all
    (select 'dialogs', dialog_id, row_hash from dialogs t
     where t.account_id = s.account_id and t.conversation = s.conversation offset 0)
    union all
    (select 'requests', request_key, row_hash from requests t
     where t.account_id = s.account_id and t.conversation = s.conversation and t.opened_at > s.opened_at offset 0)
    union all
    (select 'requests', request_key, row_hash from requests t
     where t.account_id = s.account_id and t.request_key = s.request_key and t.conversation = s.conversation offset 0)
    union all
    (select 'turns', t.request_key || '#' || turn_no, t.row_hash from requests q cross join lateral (
         select * from turns t where t.account_id = q.account_id and t.request_key = q.request_key offset 0) t
     where q.account_id = s.account_id and q.conversation = s.conversation and q.opened_at > s.opened_at offset 0)
    union all
    (select 'turns', request_key || '#' || turn_no, row_hash from turns t
     where t.account_id = s.account_id and t.request_key = s.request_key and t.turn_no >= s.turn_no
       and t.conversation = s.conversation offset 0)
    union all
    (select 'assignments', t.request_key || '#' || assignment_no, t.row_hash from requests q cross join lateral (
         select * from assignments t where t.account_id = q.account_id and t.request_key = q.request_key offset 0) t
     where q.account_id = s.account_id and q.conversation = s.conversation and q.opened_at > s.opened_at offset 0)
    union all
    (select 'assignments', request_key || '#' || assignment_no, row_hash from assignments t
     where t.account_id = s.account_id and t.request_key = s.request_key and t.assignment_no >= s.assignment_no
       and t.conversation = s.conversation offset 0)
    union all
    (select 'request_tags', request_key || '#' || tag_id || '#' || episode, row_hash from request_tags t
     where t.account_id = s.account_id and t.conversation = s.conversation and t.added_at >= s.cut_at offset 0)
    union all
    (select 'request_tags', request_key || '#' || tag_id || '#' || episode, row_hash from request_tags t
     where t.account_id = s.account_id and t.request_key = s.request_key and t.conversation = s.conversation
       and t.added_at < s.cut_at offset 0)
    union all
    (select 'tag_scores', valuation_request_key || '#' || scale_id, row_hash from tag_scores t
     where t.account_id = s.account_id and t.conversation = s.conversation and t.given_at >= s.cut_at offset 0)
    union all
    (select 'tag_scores', valuation_request_key || '#' || scale_id, row_hash from tag_scores t
     where t.account_id = s.account_id and t.valuation_request_key = s.request_key
       and t.conversation = s.conversation and t.given_at < s.cut_at offset 0)
) r
