"""More requests than connections, all waiting for locked tables: who is told so, who is not held up, who comes back."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable

from readiness.check import Impact
from readiness.declared.database import Pool, pools_of
from readiness.exceptions import ReadinessError, StackError
from readiness.facts.database import PoolExhausted
from readiness.facts.http import Exchange
from readiness.failures.shape import is_good
from readiness.gather import gatherer
from readiness.gather.database_asking import Bench, bench_of, log_lines
from readiness.gather.probe_outage import require_stop
from readiness.gather.store_asking import store_users
from readiness.instruments.client import HttpClient
from readiness.instruments.table_lock import tables_locked
from readiness.runtime import Progress, Stack
from readiness.target import ProbeKind, Request, Target

__all__ = ["pool_exhausted"]

#: Beyond the pool, as the ledger has it (db.pool_exhaustion_clean).
SURPLUS = 10
#: Where no pool is declared: more than the usual pools hold (SQLAlchemy 15, HikariCP and node-postgres 10).
REQUESTS_UNDECLARED = 40
MOST_REQUESTS = 120
#: Without a declared wait; SQLAlchemy's and HikariCP's own default is 30 s.
WAIT_SECONDS = 30.0
#: On top of the declared wait; the ledger's figure, and what the audit gives an answer beyond that.
MARGIN_SECONDS, PATIENCE_SECONDS = 5.0, 3.0
AFTER = 10
UNRELATED_SECONDS = 5.0
UNRELATED_AT_REST = 5
SAMPLE_SECONDS = 0.5
SETTLED_SECONDS = 6.0
#: As PostgreSQL says it (src/backend/storage/lmgr/proc.c, postmaster).
NONE_LEFT = ("too many clients already", "remaining connection slots are reserved")
LOG_LINES = 5000
_MAX = "select setting::int from pg_settings where name = 'max_connections'"
_RESERVED = (
    "select coalesce(sum(setting::int), 0) from pg_settings "
    "where name in ('superuser_reserved_connections', 'reserved_connections')"
)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=150)
def pool_exhausted(target: Target, stack: Stack, http: HttpClient, progress: Progress) -> PoolExhausted:
    """Lock every table, send more requests than the pool has connections, let go, ask again."""
    require_stop(stack)
    bench = bench_of(target, stack, http, "pool")
    if isinstance(bench, dict):
        return PoolExhausted(not_done=bench)
    pools = pools_of(target)
    progress("more requests than database connections", at_most_seconds=90)
    first = bench.send()
    if not is_good(first):
        return PoolExhausted(not_done={"request": f"it is not answered well at rest: {first.label[:200]}"})
    bench.learn_database()
    fact = PoolExhausted(
        service=bench.service,
        request=bench.label,
        at_rest=bench.sessions(),
        max_connections=bench.number(_MAX) or None,
        reserved=bench.number(_RESERVED),
    )
    unrelated = _unrelated(target)
    if unrelated is not None:
        at_rest = tuple(_ask(bench, unrelated) for _ in range(UNRELATED_AT_REST))
        fact = dataclasses.replace(fact, unrelated_at_rest=at_rest)
    try:
        return _held(bench, fact, pools, unrelated)
    except ReadinessError as error:
        return dataclasses.replace(fact, not_done={"lock": str(error)[:300]})


def _held(bench: Bench, fact: PoolExhausted, pools: dict[str, Pool], unrelated: Request | None) -> PoolExhausted:
    pool = pools.get(bench.target.service or "")
    wait = pool.wait_seconds if pool is not None else WAIT_SECONDS
    # More than all pools: a pool that is larger than it should be shows in the sum.
    count = sum(each.per_replica for each in pools.values()) + SURPLUS if pool is not None else REQUESTS_UNDECLARED
    count = min(count, MOST_REQUESTS)
    patience = wait + MARGIN_SECONDS + PATIENCE_SECONDS
    answers: list[Exchange] = []

    def flood() -> None:
        answers.extend(bench.send_many(count, at_once=count, timeout_seconds=patience))

    peak, seen = fact.at_rest, list[Exchange]()
    from_here = _log_mark(bench)
    with tables_locked(
        bench.stack,
        bench.service,
        users=store_users(bench.target),
        database=bench.database,
        at_most_seconds=patience + 10,
    ):
        began = time.monotonic()
        thread = threading.Thread(target=flood, name="readiness-flood", daemon=True)
        thread.start()
        while thread.is_alive() and time.monotonic() - began < patience + MARGIN_SECONDS:
            thread.join(SAMPLE_SECONDS)
            with contextlib.suppress(ReadinessError):
                peak = max(peak, bench.sessions())
            if unrelated is not None:
                seen.append(_ask(bench, unrelated))
        held = time.monotonic() - began
    thread.join(patience)
    after = _after(bench, patience)
    settled = _settled(bench, peak)
    return dataclasses.replace(
        fact,
        held_seconds=round(held, 3),
        answers=tuple(sorted(answers, key=lambda answer: answer.seconds)),
        after=after,
        unrelated=tuple(seen),
        peak=peak,
        settled=settled,
        slowest_look_seconds=round(bench.slowest_look_seconds, 3),
        refusals=log_lines(from_here(), *NONE_LEFT),
    )


def _after(bench: Bench, patience: float) -> tuple[Exchange, ...]:
    """Requests once the lock is gone, again and again until all are served or a pool has had time to fill anew.

    At least twice where they are answered: where everything is slow, the first ones alone take longer than that time.
    """
    deadline = time.monotonic() + SETTLED_SECONDS
    after = bench.send_many(AFTER, at_once=2, timeout_seconds=patience)
    while not all(is_good(answer) for answer in after):
        if time.monotonic() > deadline and any(answer.status is None for answer in after):
            break  # who hangs is not waited for once more
        time.sleep(SAMPLE_SECONDS)
        after = bench.send_many(AFTER, at_once=2, timeout_seconds=patience)
        if time.monotonic() > deadline:
            break
    return after


def _settled(bench: Bench, peak: int) -> int:
    """Connections once they have had time to go back."""
    deadline, lowest = time.monotonic() + SETTLED_SECONDS, peak
    while time.monotonic() < deadline:
        with contextlib.suppress(ReadinessError):
            lowest = min(lowest, bench.sessions())
        time.sleep(SAMPLE_SECONDS)
    return lowest


def _unrelated(target: Target) -> Request | None:
    """An endpoint that needs no database: a static file, else liveness, whose own dependencies another check judges."""
    if target.paths.static is not None:
        return target.paths.static
    for kind in (ProbeKind.LIVE, ProbeKind.LEGACY):
        probe = target.probes.get(kind)
        if probe is not None:
            return Request(path=probe.path, service=probe.service, port=probe.port, expect=probe.expect)
    return None


def _ask(bench: Bench, request: Request) -> Exchange:
    return bench.requester.send(dataclasses.replace(request, as_user="anonymous"), timeout_seconds=UNRELATED_SECONDS)


def _log_mark(bench: Bench) -> Callable[[], str]:
    """What the database's log gains from now on."""

    def read() -> str:
        try:
            return bench.stack.logs(bench.service, tail=LOG_LINES)
        except StackError:
            return ""

    before = read()
    return lambda: read().removeprefix(before)
