-- What escalation looks at: every score of some valuations, with the names that a person needs to act.
-- $1 accounts, $2 valuation requests.
select s.account_id as account, s.valuation_request_key as valuation, s.scale_id, s.request_key, s.client_id,
       s.operator_id, s.score, s.scale, s.label, s.comment, s.given_at, s.withdrawn_at, s.delivery_id,
       o.name as operator_name, c.display_name as client_name,
       -- The survey has a dialog of its own where the rated request is not known.
       coalesce(rated_dialog.web_url, survey_dialog.web_url) as dialog_url
from unnest($1::text[], $2::text[]) as wanted (account_id, valuation_request_key)
join tag_scores s using (account_id, valuation_request_key)
left join operators o on o.account_id = s.account_id and o.operator_id = s.operator_id
left join clients c on c.account_id = s.account_id and c.client_id = s.client_id
left join requests rated on rated.account_id = s.account_id and rated.request_key = s.request_key
left join requests survey on survey.account_id = s.account_id and survey.request_key = s.valuation_request_key
left join dialogs rated_dialog
    on rated_dialog.account_id = s.account_id and rated_dialog.dialog_id = rated.dialog_id
left join dialogs survey_dialog
    on survey_dialog.account_id = s.account_id and survey_dialog.dialog_id = survey.dialog_id
order by s.account_id, s.valuation_request_key, s.scale_id
