-- Marks the conversations, other than the one that gave a row up, which facts (of messages) or links (of requests
-- with what hangs on them, and of dialogs) name as owners of its key.
with gone as (select * from unnest($1::text[], $2::text[], $3::text[]) as g (account_id, conversation, key)),
owner as (
    select f.account_id, f.conversation
    from gone g
    join facts f on f.account_id = g.account_id and f.kind = 'message' and f.fact_key = g.key
    where $4 = 'messages' and f.conversation is not null and f.conversation <> g.conversation
    union
    select l.account_id, l.conversation
    from gone g
    join links l on l.account_id = g.account_id
                and l.identity = case when $4 = 'dialogs' then 'dialog:' else 'request:' end || split_part(g.key, '#', 1)
    where $4 in ('requests', 'turns', 'assignments', 'request_tags', 'tag_scores', 'dialogs')
      and l.conversation <> g.conversation
    union
    -- What was filed without a link: a rating with the rated request, a tag with its client.
    select f.account_id, f.conversation
    from gone g
    join facts f on f.account_id = g.account_id and f.request_id = split_part(g.key, '#', 1) and not f.firm
    where $4 in ('requests', 'turns', 'assignments', 'request_tags', 'tag_scores')
      and f.conversation is not null and f.conversation <> g.conversation
)
insert into marks (account_id, kind, subject)
select account_id, 'conversation', conversation from owner
