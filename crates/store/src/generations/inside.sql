-- Objects inside of schema $1 of which schema $2 has none of the same kind and name.
with things as (
    select n.nspname as in_schema,
           case c.relkind when 'v' then 'view' when 'm' then 'materialised view' when 'S' then 'sequence'
                          when 'f' then 'foreign table' when 'c' then 'type' else 'table' end as kind,
           c.relname as name, '' as arguments, 'pg_class'::regclass as classid, c.oid as objid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ($1, $2) and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    union all
    select n.nspname, case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
           p.proname, '(' || oidvectortypes(p.proargtypes) || ')', 'pg_proc'::regclass, p.oid
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ($1, $2)
    union all
    -- Tables have types of their own, and each type an array.
    select n.nspname, 'type', t.typname, '', 'pg_type'::regclass, t.oid
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where n.nspname in ($1, $2) and t.typtype in ('e', 'd', 'r')
)
select t.kind, format('%I.%I', t.in_schema, t.name) || t.arguments as name
from things t
where t.in_schema = $1
  and not exists (select from things o where o.in_schema = $2 and o.kind = t.kind and o.name = t.name and o.arguments = t.arguments)
  -- Goes where its column (a sequence), its range type (a constructor) or its extension goes.
  and not exists (select from pg_depend d where d.classid = t.classid and d.objid = t.objid
                  and (d.deptype in ('i', 'e') or d.deptype = 'a' and d.refclassid = 'pg_class'::regclass))
union all
select 'extension', format('%I', e.extname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where n.nspname = $1
order by kind, name
