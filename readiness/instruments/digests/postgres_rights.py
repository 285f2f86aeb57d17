"""Who owns what in a PostgreSQL database and may do what with it, and the roles and settings of the server.

Grants are told without their order and without who gave them. What owners may do with their own goes without saying.
"""

from __future__ import annotations

from readiness.instruments.digests.postgres_names import OF_RELATION, RELATION, RELATIONS, USERS, is_own

__all__ = ["RIGHTS"]

_GRANTEE = "case a.grantee when 0 then 'everybody' else pg_get_userbyid(a.grantee)::text end"
_PRIVILEGES = (
    "string_agg(a.privilege_type || case when a.is_grantable then ' with grant option' else '' end, ', ' "
    "order by a.privilege_type, a.is_grantable)"
)
_FUNCTION = "%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))"
_OF_FUNCTION = "pg_proc p join pg_namespace n on n.oid = p.pronamespace"
_FUNCTIONS = f"{USERS} and {is_own('pg_proc', 'p.oid')}"
_TYPE = "%I.%I', n.nspname, t.typname)"
_OF_TYPE = "pg_type t join pg_namespace n on n.oid = t.typnamespace"
_TYPES = f"{USERS} and {is_own('pg_type', 't.oid')}"
_SCHEMAS = f"{USERS} and {is_own('pg_namespace', 'n.oid')}"


def _owners(name: str, *, origin: str, owner: str, where: str) -> str:
    return f"select {name} as name, pg_get_userbyid({owner})::text as def from {origin} where {where}"


def _grants(name: str, *, origin: str, acl: str, owner: str, where: str, built_in: str = "") -> str:
    """Privileges of everybody but the owner; ``built_in`` is the kind whose built-in ones hold where nothing was granted."""
    whole = f"coalesce({acl}, acldefault('{built_in}', {owner}))" if built_in else acl
    return (
        f"select 'grants on ' || what || ' to ' || who as name, {_PRIVILEGES} as def from (select {name} as what, "
        f"{_GRANTEE} as who, a.privilege_type, a.is_grantable from {origin}, lateral aclexplode({whole}) a "
        f"where a.grantee <> {owner} and {where}) a group by what, who"
    )


_OWNERS = (
    _owners(
        f"'owner of ' || {RELATION}", origin=OF_RELATION, owner="c.relowner", where=f"{RELATIONS} and c.relkind <> 'c'"
    ),
    _owners("format('owner of schema %I', n.nspname)", origin="pg_namespace n", owner="n.nspowner", where=_SCHEMAS),
    _owners(f"format('owner of function {_FUNCTION}", origin=_OF_FUNCTION, owner="p.proowner", where=_FUNCTIONS),
    _owners(
        f"format('owner of type {_TYPE}",
        origin=_OF_TYPE,
        owner="t.typowner",
        where=f"t.typtype in ('e', 'd') and {_TYPES}",
    ),
    _owners("'owner of this database'", origin="pg_database", owner="datdba", where="datname = current_database()"),
)
_GRANTS = (
    _grants(
        RELATION, origin=OF_RELATION, acl="c.relacl", owner="c.relowner", where=f"{RELATIONS} and c.relacl is not null"
    ),
    _grants(
        "format('column %I.%I.%I', n.nspname, c.relname, t.attname)",
        origin=f"{OF_RELATION} join pg_attribute t on t.attrelid = c.oid and t.attacl is not null",
        acl="t.attacl",
        owner="c.relowner",
        where=RELATIONS,
    ),
    _grants(
        "format('schema %I', n.nspname)",
        origin="pg_namespace n",
        acl="n.nspacl",
        owner="n.nspowner",
        where=_SCHEMAS,
        built_in="n",
    ),
    _grants(
        f"format('function {_FUNCTION}",
        origin=_OF_FUNCTION,
        acl="p.proacl",
        owner="p.proowner",
        where=_FUNCTIONS,
        built_in="f",
    ),
    _grants(
        f"format('type {_TYPE}",
        origin=_OF_TYPE,
        acl="t.typacl",
        owner="t.typowner",
        where=f"t.typtype in ('e', 'd', 'r') and {_TYPES}",
        built_in="T",
    ),
    _grants(
        "'this database'",
        origin="pg_database d",
        acl="d.datacl",
        owner="d.datdba",
        where="d.datname = current_database()",
        built_in="d",
    ),
    _grants(
        "'language ' || l.lanname",
        origin="pg_language l",
        acl="l.lanacl",
        owner="l.lanowner",
        where="l.oid >= 16384",
        built_in="l",
    ),
    _grants(
        "'server ' || s.srvname",
        origin="pg_foreign_server s",
        acl="s.srvacl",
        owner="s.srvowner",
        where="s.srvacl is not null",
    ),
)

#: Kind -> a statement of two columns, ``name`` and ``def``.
RIGHTS: dict[str, str] = {
    "owners": " union all ".join(_OWNERS),
    "grants": " union all ".join(_GRANTS),
    "default grants": (
        f"""select format('default grants of %s on %s%s to ', pg_get_userbyid(d.defaclrole), case d.defaclobjtype
        when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
        when 'n' then 'schemas' else d.defaclobjtype::text end, ' in ' || n.nspname) || {_GRANTEE} as name,
        {_PRIVILEGES} as def from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace,
        lateral aclexplode(d.defaclacl) a group by 1"""
    ),
    "this database": (
        "select 'this database' as name, format('%s, %s, %s%s', pg_encoding_to_char(encoding), datcollate, datctype, "
        "case when datconnlimit >= 0 then ', at most ' || datconnlimit || ' connections' else '' end) as def "
        "from pg_database where datname = current_database()"
    ),
    "settings": (
        """select 'setting ' || split_part(c, '=', 1) || case when s.setrole <> 0 then ' of role '
        || pg_get_userbyid(s.setrole) else '' end || case when s.setdatabase <> 0 then ' in this database' else '' end
        as name, substr(c, strpos(c, '=') + 1) as def
        from pg_db_role_setting s, unnest(s.setconfig) c where s.setdatabase in (0,
        (select oid from pg_database where datname = current_database()))"""
    ),
    "databases": (
        "select format('database %I', datname) as name, '' as def from pg_database where not datistemplate "
        "and datname not in (current_database(), 'postgres')"
    ),
    "roles": (
        """select format('role %I', rolname) as name, concat_ws(', ', case when rolsuper then 'superuser' end,
        case when rolcanlogin then 'login' end, case when not rolinherit then 'noinherit' end,
        case when rolcreatedb then 'createdb' end, case when rolcreaterole then 'createrole' end,
        case when rolreplication then 'replication' end, case when rolbypassrls then 'bypassrls' end,
        case when rolconnlimit >= 0 then 'at most ' || rolconnlimit || ' connections' end,
        'valid until ' || rolvaliduntil) as def from pg_roles where rolname !~ '^pg_'"""
    ),
    # Whether there is one: its hash is salted anew whenever a role is made, with the same password too.
    "passwords": (
        "select format('password of role %I', rolname) as name, case when rolpassword is null then 'none' "
        "else 'set' end as def from pg_authid where rolname !~ '^pg_'"
    ),
    "memberships": (
        """select format('membership of %I in %I', pg_get_userbyid(m.member), pg_get_userbyid(m.roleid)) as name,
        string_agg(distinct (to_jsonb(m) - '{oid,roleid,member,grantor}'::text[])::text, ' ') as def
        from pg_auth_members m where m.member >= 16384 or m.roleid >= 16384 group by m.member, m.roleid"""
    ),
}
