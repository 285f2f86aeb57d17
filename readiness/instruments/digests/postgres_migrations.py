"""Which migration was applied last, by the tables in which the common tools keep that."""

from __future__ import annotations

__all__ = ["MIGRATIONS"]


def _latest(value: str, order: str) -> str:
    return f"select {value}::text from {{table}} order by {order} desc limit 1"


#: Table of a migration tool -> a statement for what was applied last.
MIGRATIONS: dict[str, str] = {
    "alembic_version": "select string_agg(version_num, ', ' order by version_num) from {table}",
    "django_migrations": (
        "select string_agg(m, ', ' order by m) from (select distinct on (app) app || '.' || name as m from {table} "
        "order by app, id desc) l"
    ),
    "flyway_schema_history": _latest("version", "installed_rank"),
    "databasechangelog": _latest("id", "orderexecuted"),
    "schema_migrations": "select max(version::text) from {table}",
    "goose_db_version": "select max(version_id)::text from {table} where is_applied",
    "_prisma_migrations": _latest("migration_name", "started_at"),
    "__drizzle_migrations": _latest("hash", "id"),
    "knex_migrations": _latest("name", "id"),
    "SequelizeMeta": "select max(name) from {table}",
    "__EFMigrationsHistory": 'select max("MigrationId") from {table}',
    "_sqlx_migrations": "select max(version)::text from {table} where success",
    "__diesel_schema_migrations": "select max(version) from {table}",
}
