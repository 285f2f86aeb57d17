"""Parts of statements about PostgreSQL's catalogs that several of them share."""

from __future__ import annotations

__all__ = ["OF_RELATION", "RELATION", "RELATIONS", "USERS", "is_own"]


def is_own(catalog: str, oid: str) -> str:
    """Condition: it does not belong to an extension, which would bring it along."""
    return (
        f"not exists (select 1 from pg_depend x where x.classid = 'pg_catalog.{catalog}'::regclass and x.objid = {oid} "
        "and x.deptype = 'e')"
    )


#: Condition on a schema ``n``: it is not the server's own.
USERS = "n.nspname <> 'information_schema' and n.nspname !~ '^pg_'"
_KIND = (
    "case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view' when 'm' then 'materialized view' "
    "when 'f' then 'foreign table' when 'S' then 'sequence' when 'c' then 'composite type' else c.relkind::text end"
)
#: The name of a relation ``c`` in ``n`` with what it is.
RELATION = f"{_KIND} || format(' %I.%I', n.nspname, c.relname)"
OF_RELATION = "pg_class c join pg_namespace n on n.oid = c.relnamespace"
#: Condition: it is a relation of the user's.
RELATIONS = f"c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c') and {USERS} and {is_own('pg_class', 'c.oid')}"
