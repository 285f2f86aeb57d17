"""PostgreSQL: tables, the pool, and a schema that every starting process may bring up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from sqlalchemy import BigInteger, DateTime, ForeignKey, String, false, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from . import defects

if TYPE_CHECKING:
    from .settings import Settings

__all__ = [
    "Admin",
    "Base",
    "ConfigurationRefusedError",
    "Item",
    "Job",
    "KeptAnswer",
    "NotReachableError",
    "User",
    "create_engine",
    "migrate",
    "migrate_patiently",
    "words_of",
]

log = structlog.get_logger(__name__)

#: Any constant of our own: serialises migrations of processes that start together.
MIGRATION_LOCK = 7_203_114
#: First and longest wait between two attempts to reach the database at start; each is twice as long as the one before.
RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX = 0.25, 2.0


class ConfigurationRefusedError(Exception):
    """The database answers, and refuses what we are configured with: waiting cannot help."""


class NotReachableError(ConfigurationRefusedError):
    """The database was not there when we came. Only a defect takes that for a reason to end."""


class Base(DeclarativeBase):
    """Root of the tables."""


class User(Base):
    """Who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    is_admin: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Item(Base):
    """Something for sale. Items without an owner are the shop's own and cannot be deleted."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    price_cents: Mapped[int]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Job(Base):
    """Work for the worker; the row is the truth, the queue only says that there is something to do."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(String(2000))
    status: Mapped[str] = mapped_column(String(16), server_default="queued")
    result: Mapped[Mapping[str, Any] | None] = mapped_column(JSONB)
    #: How often it was done; more than once is a fault, which is told so that it can be seen.
    runs: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class KeptAnswer(Base):
    """The answer to a request with an idempotency key, for whoever repeats it."""

    __tablename__ = "kept_answers"

    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    answer: Mapped[Mapping[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


def create_engine(settings: Settings, *, application: str) -> AsyncEngine:
    """The pool. Every wait in it is bounded, and a connection is tried before it is lent."""
    pool: dict[str, Any] = {
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_pool_overflow,
        "pool_timeout": 60 if defects.is_on("pool-wait-unbounded") else settings.database_pool_wait_seconds,
        "pool_recycle": 1800 if defects.is_on("pool-recycle-ignored") else settings.database_pool_recycle_seconds,
        "pool_pre_ping": not defects.is_on("pool-without-pre-ping"),
    }
    if defects.is_on("pool-none"):
        pool = {"poolclass": NullPool}
    return create_async_engine(
        settings.database_url,
        **pool,
        connect_args={
            "timeout": 3,
            "command_timeout": 5,
            "server_settings": {
                "application_name": application,
                "statement_timeout": "5000",
                "idle_in_transaction_session_timeout": "10000",
            },
        },
    )


#: Applied once each, in this order; the position is the version. Never edited, only added to.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE users (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(64) NOT NULL UNIQUE,
          password_hash varchar(255) NOT NULL, created_at timestamptz NOT NULL DEFAULT now())
        """,
        """
        CREATE TABLE items (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(120) NOT NULL,
          price_cents integer NOT NULL CHECK (price_cents >= 0), owner_id bigint REFERENCES users ON DELETE CASCADE,
          created_at timestamptz NOT NULL DEFAULT now())
        """,
        "CREATE INDEX items_owner_id ON items (owner_id)",
        """
        CREATE TABLE jobs (
          id varchar(32) PRIMARY KEY, owner_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
          text varchar(2000) NOT NULL, status varchar(16) NOT NULL DEFAULT 'queued', result jsonb,
          created_at timestamptz NOT NULL DEFAULT now())
        """,
        "CREATE INDEX jobs_owner_id ON jobs (owner_id)",
    ),
    ("INSERT INTO items (name, price_cents) VALUES ('Teapot', 2450), ('Lantern', 1890), ('Compass', 3200)",),
    ("ALTER TABLE users ADD COLUMN is_admin boolean NOT NULL DEFAULT false",),
    ("ALTER TABLE jobs ADD COLUMN runs integer NOT NULL DEFAULT 0",),
    (
        """
        CREATE TABLE kept_answers (
          owner_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, key varchar(128) NOT NULL,
          request varchar(64) NOT NULL, answer jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (owner_id, key))
        """,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Admin:
    """The account that manages the others."""

    name: str
    password_hash: str = field(repr=False)


async def migrate(engine: AsyncEngine, *, admin: Admin | None = None) -> None:
    """Bring schema and administrator up to date, in one transaction and one process at a time."""
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        await connection.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY)"))
        found = await connection.scalar(text("SELECT coalesce(max(version), 0) FROM schema_version"))
        for version, statements in enumerate(MIGRATIONS, start=1):
            if version > (found or 0):
                for statement in statements:
                    await connection.execute(text(statement))
                await connection.execute(text("INSERT INTO schema_version VALUES (:version)"), {"version": version})
        if admin is not None:
            values = {"password_hash": admin.password_hash, "is_admin": True}
            account = insert_new(User).values(name=admin.name, **values)
            await connection.execute(account.on_conflict_do_update(index_elements=[User.name], set_=values))


async def migrate_patiently(engine: AsyncEngine, *, admin: Admin | None = None) -> None:
    """Migrate as soon as the database can be reached, however long that takes.

    Raises:
        ConfigurationRefusedError: password, user or database name are refused.
    """
    wait_seconds, attempt = RETRY_SECONDS_FIRST, 1
    while True:
        try:
            await migrate(engine, admin=admin)
        # Errors while connecting come as the driver raised them, later ones wrapped.
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            refusal = _refusal(error)
            if refusal:
                raise ConfigurationRefusedError(refusal) from error
            if defects.is_on("exits-when-database-late") or defects.is_on("starts-before-database"):
                raise NotReachableError(type(error).__name__) from error
            pause = 0.02 if defects.is_on("retries-without-pause") else wait_seconds
            if not defects.is_on("retries-silently"):
                log.warning(
                    "database not reachable yet", reason=type(error).__name__, attempt=attempt, retry_in_seconds=pause
                )
            await asyncio.sleep(pause)
            wait_seconds, attempt = min(2 * wait_seconds, RETRY_SECONDS_MAX), attempt + 1
        else:
            log.info("schema is up to date", version=len(MIGRATIONS))
            return


def words_of(error: ConfigurationRefusedError) -> str:
    """What the log says at the end."""
    if isinstance(error, NotReachableError):
        return "database not reachable: giving up"
    return "database authentication failed: check DATABASE_NAME, _USER and _PASSWORD"


def _refusal(error: BaseException) -> str | None:
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while cause is not None:
        if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
            return type(cause).__name__
        cause = cause.__cause__
    return None
