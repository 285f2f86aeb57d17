"""What a database of a MariaDB or MySQL holds beside rows, each thing as a name and a definition."""

from __future__ import annotations

__all__ = ["BEGINNINGS", "CATALOGS", "COUNTERS", "TABLES"]

#: In the words of one database, whatever its name.
_HERE = "replace({text}, concat('`', database(), '`.'), '')"
#: A grantee is 'name'@'host'; those that the server brings along are not the user's.
_NOT_OF_SERVER = "not in ('mysql.sys', 'mysql.session', 'mysql.infoschema', 'mariadb.sys')"

_GRANTS = (
    (
        "select concat('grants on this database to ', grantee) as name, group_concat(privilege_type, "
        "if(is_grantable = 'YES', ' with grant option', '') order by privilege_type separator ', ') as def "
        "from information_schema.schema_privileges where table_schema = database() group by grantee"
    ),
    (
        "select concat('grants on table ', table_name, ' to ', grantee), group_concat(privilege_type, "
        "if(is_grantable = 'YES', ' with grant option', '') order by privilege_type separator ', ') "
        "from information_schema.table_privileges where table_schema = database() group by table_name, grantee"
    ),
    (
        "select concat('grants on column ', table_name, '.', column_name, ' to ', grantee), group_concat(privilege_type "
        "order by privilege_type separator ', ') from information_schema.column_privileges "
        "where table_schema = database() group by table_name, column_name, grantee"
    ),
    (
        "select concat('grants on everything to ', grantee), group_concat(privilege_type order by privilege_type "
        "separator ', ') from information_schema.user_privileges group by grantee"
    ),
)

#: Kind -> a statement of two columns, ``name`` and ``def``.
CATALOGS: dict[str, str] = {
    "tables": (
        "select concat('table ', table_name) as name, concat_ws(', ', engine, table_collation, nullif(table_comment, ''), "
        "nullif(create_options, '')) as def from information_schema.tables where table_schema = database() "
        "and table_type = 'BASE TABLE'"
    ),
    "columns": (
        "select concat('column ', table_name, '.', column_name) as name, concat_ws(' ', column_type, collation_name, "
        "if(is_nullable = 'NO', 'not null', null), concat('default ', column_default), nullif(extra, ''), "
        "nullif(generation_expression, ''), concat('comment ', nullif(column_comment, ''))) as def "
        "from information_schema.columns where table_schema = database()"
    ),
    "indexes": (
        "select concat('index ', table_name, '.', index_name) as name, concat(min(if(non_unique = 0, 'unique ', '')), "
        "min(index_type), ' (', group_concat(column_name, coalesce(concat('(', sub_part, ')'), '') "
        "order by seq_in_index separator ', '), ')') as def from information_schema.statistics "
        "where table_schema = database() group by table_name, index_name"
    ),
    "constraints": (
        "select concat('constraint ', table_name, '.', constraint_name) as name, min(constraint_type) as def "
        "from information_schema.table_constraints where table_schema = database() group by table_name, constraint_name"
    ),
    "references": (
        "select concat('reference ', k.table_name, '.', k.constraint_name) as name, concat(group_concat(k.column_name "
        "order by k.ordinal_position), ' to ', min(k.referenced_table_name), ' (', group_concat(k.referenced_column_name "
        "order by k.ordinal_position), ') on delete ', min(r.delete_rule), ' on update ', min(r.update_rule)) as def "
        "from information_schema.key_column_usage k join information_schema.referential_constraints r "
        "on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name "
        "and r.table_name = k.table_name where k.table_schema = database() and k.referenced_table_name is not null "
        "group by k.table_name, k.constraint_name"
    ),
    "views": (
        f"select concat('view ', table_name) as name, concat({_HERE.format(text='view_definition')}, ' by ', "
        "security_type) as def from information_schema.views where table_schema = database()"
    ),
    "triggers": (
        "select concat('trigger ', trigger_name) as name, concat_ws(' ', action_timing, event_manipulation, 'on', "
        "event_object_table, action_statement) as def from information_schema.triggers where trigger_schema = database()"
    ),
    "routines": (
        "select concat(lower(routine_type), ' ', routine_name) as name, concat_ws(' ', dtd_identifier, security_type, "
        "routine_definition) as def from information_schema.routines where routine_schema = database()"
    ),
    "events": (
        "select concat('event ', event_name) as name, concat_ws(' ', status, execute_at, interval_value, interval_field, "
        "event_definition) as def from information_schema.events where event_schema = database()"
    ),
    "grants": " union all ".join(_GRANTS),
    "users": (
        "select concat('user ', quote(user), '@', quote(host)) as name, plugin as def from mysql.user "
        f"where user {_NOT_OF_SERVER}"
    ),
}

#: Kind -> how the names of its things begin; a kind that cannot be read is told by these.
BEGINNINGS: dict[str, tuple[str, ...]] = {
    "tables": ("table",),
    "columns": ("column",),
    "indexes": ("index",),
    "constraints": ("constraint",),
    "references": ("reference",),
    "views": ("view",),
    "triggers": ("trigger",),
    "routines": ("function", "procedure"),
    "events": ("event",),
    "grants": ("grants on",),
    "users": ("user",),
}

#: Tables with rows, their columns and the columns of their keys, the first of a key being told by what is sorted.
TABLES: dict[str, str] = {
    "tables": (
        "select table_name as name, cast(data_length as char) as def from information_schema.tables "
        "where table_schema = database() and table_type = 'BASE TABLE'"
    ),
    "columns": (
        "select concat(table_name, char(0), lpad(ordinal_position, 6, '0')) as name, cast(json_array(table_name, column_name, "
        "data_type) as char) as def from information_schema.columns where table_schema = database()"
    ),
    "keys": (
        "select concat(s.table_name, char(0), lpad(s.seq_in_index, 6, '0')) as name, cast(json_array(s.table_name, "
        "s.column_name) as char) as def from information_schema.statistics s where s.table_schema = database() "
        "and s.index_name = 'PRIMARY'"
    ),
}

#: Table -> the next number that it gives.
COUNTERS = (
    "select table_name as name, cast(auto_increment as char) as def from information_schema.tables "
    "where table_schema = database() and auto_increment is not null"
)
