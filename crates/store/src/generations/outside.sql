-- Objects outside of a schema ($1) that depend on its tables, views, types or functions: kind, name, oid.
with inside as (
    select 'pg_class'::regclass as classid, c.oid as objid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1
    union all
    select 'pg_proc'::regclass, p.oid
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1
    union all
    select 'pg_type'::regclass, t.oid
    from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname = $1
),
-- What depends on them; a view depends through its rule.
hanging as (
    select case when d.classid = 'pg_rewrite'::regclass then 'pg_class'::regclass else d.classid end as classid,
           case when d.classid = 'pg_rewrite'::regclass then r.ev_class else d.objid end as objid
    from inside i
    join pg_depend d on d.refclassid = i.classid and d.refobjid = i.objid
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.deptype in ('n', 'a')
)
select distinct kind, name, objid::bigint as oid
from (
    select h.objid,
           case c.relkind when 'v' then 'view' when 'm' then 'materialised view' when 'S' then 'sequence'
                          when 'i' then 'index' else 'table' end as kind,
           format('%I.%I', n.nspname, c.relname) as name, n.nspname as in_schema
    from hanging h join pg_class c on c.oid = h.objid join pg_namespace n on n.oid = c.relnamespace
    where h.classid = 'pg_class'::regclass
    union all
    select h.objid, 'function', format('%I.%I', n.nspname, p.proname), n.nspname
    from hanging h join pg_proc p on p.oid = h.objid join pg_namespace n on n.oid = p.pronamespace
    where h.classid = 'pg_proc'::regclass
    union all
    select h.objid, 'constraint', format('%I on %I.%I', k.conname, n.nspname, c.relname), n.nspname
    from hanging h join pg_constraint k on k.oid = h.objid
    join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    where h.classid = 'pg_constraint'::regclass
    union all
    -- What somebody put on our own tables goes with them, so it is named as well.
    select h.objid, 'trigger', format('%I on %I.%I', t.tgname, n.nspname, c.relname), ''
    from hanging h join pg_trigger t on t.oid = h.objid and not t.tgisinternal
    join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where h.classid = 'pg_trigger'::regclass
    union all
    select h.objid, 'policy', format('%I on %I.%I', p.polname, n.nspname, c.relname), ''
    from hanging h join pg_policy p on p.oid = h.objid
    join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    where h.classid = 'pg_policy'::regclass
    union all
    select h.objid, 'publication', format('%I', p.pubname), ''
    from hanging h join pg_publication_rel pr on pr.oid = h.objid join pg_publication p on p.oid = pr.prpubid
    where h.classid = 'pg_publication_rel'::regclass
) found
where in_schema <> $1 and in_schema not like 'pg_toast%'
order by kind, name
