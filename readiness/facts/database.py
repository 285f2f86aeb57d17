"""What an application does with its database connections: when they break, and when there are none left."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.http import Exchange

__all__ = ["BrokenConnections", "PoolExhausted", "RecycledConnections", "Reused", "UsedSession"]


@dataclass(frozen=True, kw_only=True)
class Reused:
    """Requests at rest, and how many sessions the server began for them (``pg_stat_database.sessions``)."""

    requests: int
    sessions: int


@dataclass(frozen=True, kw_only=True)
class BrokenConnections:
    """Every connection to the database ended from its side, then requests; then the database started anew.

    Attributes:
        service: the database; empty where there is none that can be asked.
        request: what was asked, as evidence names it.
        at_rest: connections of the application before.
        ended: how many were ended; ``again`` how many there were after the requests.
        good: answers to the ``requests`` after that which were no errors; ``refused`` those of a limiter.
        bad: the first of those of 500 and more, or that did not come at all.
        after_restart: the first answers after the service called itself ready again; None: not watched.
        trials: how often all were ended: once more where requests failed, and the better trial is told.
        slowest_look_seconds: of the audit's own new connections to the database meanwhile.
        not_done: part -> why it could not be had.
    """

    service: str = ""
    request: str = ""
    at_rest: int = 0
    ended: int = 0
    again: int = 0
    requests: int = 0
    good: int = 0
    bad: tuple[Exchange, ...] = ()
    refused: int = 0
    after_restart: tuple[Exchange, ...] | None = None
    reused: Reused | None = None
    trials: int = 1
    slowest_look_seconds: float = 0.0
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PoolExhausted:
    """More requests at once than the pool has connections, while every table of the database is locked.

    Attributes:
        service: the database; empty where there is none that can be asked.
        request: what was asked, as evidence names it.
        held_seconds: how long the tables were locked.
        answers: to the requests, the quickest first; ``after`` those after the release, once it had time to recover.
        slowest_look_seconds: of the audit's own new connections to the database meanwhile.
        unrelated: answers of an endpoint that needs no database, meanwhile; ``unrelated_at_rest`` before.
        at_rest, peak, settled: connections to the database before, at most, and some time after.
        max_connections: of the server; ``reserved`` those that only an administrator gets.
        refusals: lines of the database's log in which it had no connection left.
        not_done: part -> why it could not be had.
    """

    service: str = ""
    request: str = ""
    held_seconds: float = 0.0
    answers: tuple[Exchange, ...] = ()
    after: tuple[Exchange, ...] = ()
    unrelated: tuple[Exchange, ...] = ()
    unrelated_at_rest: tuple[Exchange, ...] = ()
    at_rest: int = 0
    peak: int = 0
    settled: int = 0
    slowest_look_seconds: float = 0.0
    max_connections: int | None = None
    reserved: int = 0
    refusals: tuple[str, ...] = ()
    not_done: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UsedSession:
    """One session of the database that requests used.

    Attributes:
        begun_seconds: when it began, from the first request on; negative before.
        used_seconds: when it was seen to have been given a statement, likewise.
    """

    begun_seconds: float
    used_seconds: tuple[float, ...]

    @property
    def ages(self) -> tuple[float, ...]:
        """How old it was at every use."""
        return tuple(used - self.begun_seconds for used in self.used_seconds)


@dataclass(frozen=True, kw_only=True)
class RecycledConnections:
    """Requests on a stack of its own whose pool is told to keep no connection for long.

    Attributes:
        service: the database; empty where nothing was done.
        request: what was asked, as evidence names it.
        variable: of the service under audit; ``recycle_seconds`` what it was set to.
        seconds: how long requests were sent; ``good`` how many were answered well.
        sessions: those that were used meanwhile, without the ``others``, used also while no requests were sent.
        not_done: part -> why it could not be had.
    """

    service: str = ""
    request: str = ""
    variable: str = ""
    recycle_seconds: float = 0.0
    seconds: float = 0.0
    good: int = 0
    sessions: tuple[UsedSession, ...] = ()
    others: int = 0
    not_done: dict[str, str] = field(default_factory=dict)
