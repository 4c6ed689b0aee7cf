-- Two processes with different configurations, each restarted when the other one's rules are adopted, would fold everything
-- again in turn for ever. So it is kept which rules were replaced, and by whom: who brings them back waits while that one runs.
-- And whether a change left what was decoded before as it was: a rebuild decodes it anew, into a table of its own.
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

alter table folded_rules
    add column replaced bigint,    -- the rules before these; null at first
    add column adopted_by text,    -- the name under which who brought these holds leases
    add column is_stale boolean not null default false,
    drop column restated;          -- its causes moved to ledger.pending_causes (0010)
