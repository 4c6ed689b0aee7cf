-- What the next generation noted is news only where the live one does not say the same: it has noted that, and somebody
-- has dealt with it or finds it among what is carried over.
delete from chat_next.changes c
where c.kind = 'score'
  and not exists (
    (select valuation_request_key, scale_id, row_hash from chat_next.tag_scores
     where account_id = c.account_id and valuation_request_key = c.subject
     except
     select valuation_request_key, scale_id, row_hash from chat.tag_scores
     where account_id = c.account_id and valuation_request_key = c.subject)
    union all
    (select valuation_request_key, scale_id, row_hash from chat.tag_scores
     where account_id = c.account_id and valuation_request_key = c.subject
     except
     select valuation_request_key, scale_id, row_hash from chat_next.tag_scores
     where account_id = c.account_id and valuation_request_key = c.subject));

delete from chat_next.changes c
where c.kind = 'lead'
  and (select row_hash from chat_next.leads where account_id = c.account_id and client_id = c.subject)
      is not distinct from
      (select row_hash from chat.leads where account_id = c.account_id and client_id = c.subject);

-- What nobody has read yet.
insert into chat_next.changes (kind, account_id, subject, changed_at)
select kind, account_id, subject, changed_at from chat.changes order by change_id
