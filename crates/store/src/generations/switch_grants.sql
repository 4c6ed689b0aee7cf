-- The grants of schema $1 as statements for schema $2: (what, statement). Grants to the owner are there already.
with acls as (
    select 'schema' as kind, n.oid as of_oid, format('schema %I', $2) as target, n.nspacl as acl, n.nspowner as owner
    from pg_namespace n where n.nspname = $1
    union all
    select 'relation', c.oid, format('%I.%I', $2, c.relname), c.relacl, c.relowner
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relkind in ('r', 'v', 'p')
      and to_regclass(format('%I.%I', $2, c.relname)) is not null
    union all
    select 'relation', c.oid, format('sequence %I.%I', $2, c.relname), c.relacl, c.relowner
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relkind = 'S' and to_regclass(format('%I.%I', $2, c.relname)) is not null
    union all
    select 'function', p.oid,
           format('function %I.%I(%s)', $2, p.proname, pg_get_function_identity_arguments(p.oid)),
           p.proacl, p.proowner
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = $1
      and exists (select from pg_proc o join pg_namespace m on m.oid = o.pronamespace
                  where m.nspname = $2 and o.proname = p.proname
                    and pg_get_function_identity_arguments(o.oid) = pg_get_function_identity_arguments(p.oid))
),
-- Privileges on single columns.
columns as (
    select format('%I.%I', $2, c.relname) as target, a.attname, a.attacl as acl, c.relowner as owner
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where n.nspname = $1 and a.attacl is not null and a.attnum > 0 and not a.attisdropped
      and to_regclass(format('%I.%I', $2, c.relname)) is not null
),
grantee as (
    select oid, format('%I', rolname) as name from pg_roles union all select 0, 'public'
)
select target, format('grant %s on %s to %s%s', x.privilege_type, target, g.name,
                      case when x.is_grantable then ' with grant option' else '' end)
from acls cross join lateral aclexplode(acl) x join grantee g on g.oid = x.grantee
where x.grantee <> owner
union all
-- Functions may be run by everybody unless somebody took that away.
select target, format('revoke all on %s from public', target)
from acls
where kind = 'function' and acl is not null
  and not exists (select from aclexplode(acl) x where x.grantee = 0)
union all
select target, format('grant %s (%I) on %s to %s%s', x.privilege_type, attname, target, g.name,
                      case when x.is_grantable then ' with grant option' else '' end)
from columns cross join lateral aclexplode(acl) x join grantee g on g.oid = x.grantee
where x.grantee <> owner
union all
-- What later tables get by default.
select 'default privileges in schema ' || $1,
       format('alter default privileges for role %I in schema %I grant %s on %s to %s%s',
              r.rolname, $2, x.privilege_type,
              case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'types' end,
              g.name, case when x.is_grantable then ' with grant option' else '' end)
from pg_default_acl d
join pg_namespace n on n.oid = d.defaclnamespace and n.nspname = $1
join pg_roles r on r.oid = d.defaclrole
cross join lateral aclexplode(d.defaclacl) x
join grantee g on g.oid = x.grantee
where d.defaclobjtype in ('r', 'S', 'f', 'T')
