"""What stores keep: their settings in force, what was left of it after their end, and what of the application's work."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.containers import Mounted
from readiness.facts.http import Exchange

__all__ = [
    "IdempotentRepeats",
    "JobFate",
    "Marked",
    "QueueSurvival",
    "RecordSurvival",
    "RedisEndings",
    "Repeat",
    "RolledOver",
    "Store",
    "StoreSettings",
    "Survived",
]


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store as it runs.

    Attributes:
        role: what it is to the service: db, redis, vector or search.
        kind: ``postgres``, ``redis``, or empty where it is something that cannot be asked.
        image: as the owner's file names it, empty for a build.
        version: as the server tells it.
        settings: of the server in force, in the units of ``units``: what is declared, and what keeps data.
        units: setting -> what one of it is (PostgreSQL: ``8kB``), where it has one.
        stated: setting -> what the owner's command line asks for.
        variables: variable of the container that is named like a setting -> its value.
        directory: where the server keeps its data; empty where it does not tell.
        image_volumes: folders that the image declares to be volumes.
        mounts: in force; None where no engine tells.
        problem: why the server could not be asked.
    """

    service: str
    role: str
    kind: str = ""
    image: str = ""
    version: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    directory: str = ""
    image_volumes: tuple[str, ...] = ()
    mounts: tuple[Mounted, ...] | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Every store of the stack."""

    stores: tuple[Store, ...] = ()

    def of(self, *roles: str) -> tuple[Store, ...]:
        """The stores with one of these roles."""
        return tuple(store for store in self.stores if store.role in roles)


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Keys that were written to a Redis, and what was left of them after it ended and came back.

    Attributes:
        ended: ``restart`` (stop and start), ``recreate`` (container removed, made anew, volumes kept) or ``crash``
            (SIGKILL).
        early, late: keys that were written ``early_seconds`` before the end, and immediately before.
        back_seconds: until it answered again; None where it did not within the time.
        problem: why there is nothing to be told.
    """

    service: str
    ended: str
    early: int = 0
    early_left: int = 0
    early_seconds: float = 0.0
    late: int = 0
    late_left: int = 0
    back_seconds: float | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RedisEndings:
    """Every Redis of the stack ended in each way.

    Attributes:
        settings: service -> its ``save``, ``appendonly`` and ``appendfsync`` in force.
        unsaved: service -> why a snapshot that was asked for did not come about.
    """

    marked: tuple[Marked, ...] = ()
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    unsaved: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobFate:
    """One job that was accepted while no worker ran.

    Attributes:
        before: what came between its acceptance and the worker's return: ``stop`` (of the worker alone), ``restart``,
            ``crash`` (of the queue's store).
        is_done: its result was like that of a job in peace; ``status`` and ``last`` tell the last answer otherwise.
        lines: lines of the workers' logs with its id.
    """

    id: str
    before: str
    is_done: bool = False
    status: int | None = None
    last: str = ""
    lines: int = 0


@dataclass(frozen=True, kw_only=True)
class QueueSurvival:
    """Jobs accepted without a worker, their queue's store restarted and crashed, then worked on.

    Attributes:
        stores: every Redis that held a job's id while it waited.
        settings: Redis -> ``maxmemory`` and ``maxmemory-policy``.
        control_lines: lines of the workers' logs with the id of a job that was done in peace.
        events: what was done to which store, in order.
        not_done: part -> why it could not be had.
    """

    jobs: tuple[JobFate, ...] = ()
    stores: tuple[str, ...] = ()
    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    control_lines: int = 0
    events: tuple[str, ...] = ()
    worked_seconds: float = 0.0
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A request sent again with its idempotency key.

    Attributes:
        after: what had happened since: ``at once``, ``restart``, ``crash``, ``failure``.
        id: at the declared place of the answer.
        rows: rows of the database that hold the request's unique text; None where they could not be counted.
    """

    after: str
    answer: Exchange
    id: str = ""
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class IdempotentRepeats:
    """One request with one key, again and again through ends of the stores and of the service.

    Attributes:
        first, first_id, first_rows: the first answer, its id, and the rows after it.
        other_id: the id of the answer to the same request with another key.
        failed: the answer to a request with a key of its own while what it needs was stopped.
        events: what was done in between.
        not_done: part -> why it could not be had.
    """

    first: Exchange | None = None
    first_id: str = ""
    first_rows: int | None = None
    other: Exchange | None = None
    other_id: str = ""
    repeats: tuple[Repeat, ...] = ()
    failed: Exchange | None = None
    events: tuple[str, ...] = ()
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Survived:
    """Records that were created through the API, and how many could be read after an end.

    Attributes:
        after: ``crash of db``, ``recreation``.
        missing: the answers to those that could not.
        wait_seconds: until the stack served again; None where it did not.
    """

    after: str
    created: int
    read: int = 0
    missing: tuple[Exchange, ...] = ()
    wait_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class RolledOver:
    """One service whose instance was removed and made anew; ``problem`` where that did not come about."""

    service: str
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordSurvival:
    """Records through a crash of the database and through the removal of every instance, volumes kept.

    Attributes:
        settings: of the database: ``fsync``, ``synchronous_commit``, ``full_page_writes``.
        not_done: part -> why it could not be had.
    """

    survived: tuple[Survived, ...] = ()
    recreated: tuple[RolledOver, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    not_done: dict[str, str] = field(default_factory=dict)
