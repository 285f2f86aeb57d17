"""Every connection to the database ended behind the application's back, and the database started anew: who notices."""

from __future__ import annotations

import dataclasses
import time

from readiness.check import Impact
from readiness.exceptions import ReadinessError
from readiness.facts.database import BrokenConnections, Reused
from readiness.facts.http import Exchange
from readiness.failures.shape import is_good
from readiness.gather import gatherer
from readiness.gather.database_asking import TOO_MANY, Bench, bench_of
from readiness.gather.probe_outage import require_stop
from readiness.gather.store_asking import wait_for, wait_served
from readiness.instruments.client import HttpClient
from readiness.instruments.faults import Faults
from readiness.runtime import Progress, Stack
from readiness.target import ProbeKind, Target

__all__ = ["broken_connections"]

#: As the ledger has it (db.pre_ping), eight at a time so that every connection of a small pool comes up.
REQUESTS, AT_ONCE = 50, 8
#: Before: so many that a pool is full, and that its reuse shows.
WARM = 30
AFTER_RESTART = 5
ANSWER_SECONDS = 10.0
FAULT_SECONDS = 60.0
#: The server counts a session when it ends or goes idle, within a second (PGSTAT_MIN_INTERVAL).
COUNTED_SECONDS = 1.5
#: Until a request is answered well again, before another trial.
RECOVERED_SECONDS = 10.0
#: What travels to a pool that listens on its idle connections, on a busy machine.
NOTICED_SECONDS = 2.0
#: A server that was stopped well has nothing to recover, and is there within seconds.
DATABASE_SECONDS = 30.0
KEPT = 5
_SESSIONS_BEGUN = "select coalesce(sum(sessions), 0)::bigint from pg_stat_database where datname = current_database()"
_FIRST_ERROR = 500


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=150)
def broken_connections(
    target: Target, stack: Stack, http: HttpClient, faults: Faults, progress: Progress
) -> BrokenConnections:
    """Warm the pool, end its connections, ask fifty times; restart the database, ask as soon as it is called ready."""
    require_stop(stack)
    bench = bench_of(target, stack, http, "connections")
    if isinstance(bench, dict):
        return BrokenConnections(not_done=bench)
    progress("requests after their database connections broke", at_most_seconds=60)
    first = bench.send()
    if not is_good(first):
        return BrokenConnections(not_done={"request": f"it is not answered well at rest: {first.label[:200]}"})
    fact = _ended(bench, _warm(bench))
    if fact.bad and wait_for(lambda: is_good(bench.send()), at_most_seconds=RECOVERED_SECONDS) is not None:
        # A machine that is busy for a moment fails requests too; a pool that does not notice fails them again.
        again = _ended(bench, fact.reused)
        fact = dataclasses.replace(
            min(fact, again, key=lambda trial: trial.requests - trial.good - trial.refused), trials=2
        )
    after, reason = _restarted(target, bench, faults)
    missed = fact.not_done | ({"restart": reason} if reason else {})
    return dataclasses.replace(
        fact, after_restart=after, slowest_look_seconds=round(bench.slowest_look_seconds, 3), not_done=missed
    )


def _ended(bench: Bench, reused: Reused | None) -> BrokenConnections:
    at_rest = bench.sessions()
    ended = bench.end_sessions()
    wait_for(lambda: bench.sessions() == 0, at_most_seconds=2.0)
    # A pool that hears of the end by itself has that moment; one that does not would not in an hour.
    time.sleep(NOTICED_SECONDS)
    answers = bench.send_many(REQUESTS, at_once=AT_ONCE, timeout_seconds=ANSWER_SECONDS)
    bad = tuple(answer for answer in answers if answer.status is None or answer.status >= _FIRST_ERROR)
    refused = sum(answer.status == TOO_MANY for answer in answers)
    return BrokenConnections(
        service=bench.service,
        request=bench.label,
        at_rest=at_rest,
        ended=ended,
        again=bench.sessions(),
        requests=len(answers),
        good=len(answers) - len(bad) - refused,
        bad=bad[:KEPT],
        refused=refused,
        reused=reused,
    )


def _warm(bench: Bench) -> Reused | None:
    """Fill the pool, then see how many sessions the server begins for as many requests again."""
    bench.learn_database()
    bench.send_many(2 * AT_ONCE, at_once=AT_ONCE, timeout_seconds=ANSWER_SECONDS)
    try:
        time.sleep(COUNTED_SECONDS)
        before = bench.number(_SESSIONS_BEGUN)
        answers = bench.send_many(WARM, at_once=1, timeout_seconds=ANSWER_SECONDS)
        time.sleep(COUNTED_SECONDS)
        # Each look of the audit's own is a session too.
        begun = bench.number(_SESSIONS_BEGUN) - before - 1
    except ReadinessError:
        return None  # before PostgreSQL 14 nobody counts them
    good = sum(answer.status is not None and answer.status < TOO_MANY for answer in answers)
    return Reused(requests=good, sessions=max(begun, 0))


def _restarted(target: Target, bench: Bench, faults: Faults) -> tuple[tuple[Exchange, ...] | None, str]:
    """The first answers once the service calls itself ready after its database was started anew."""
    if ProbeKind.READY not in target.probes:
        return None, "not configured: probes.ready"
    with faults.stopped(bench.service, at_most_seconds=FAULT_SECONDS):
        pass
    # Whether a service says so before its database is there is another check's question.
    if wait_for(lambda: _answers(bench), at_most_seconds=DATABASE_SECONDS) is None:
        return None, f"{bench.service} did not answer again within {DATABASE_SECONDS:g} s"
    if wait_served(target, bench.requester) is None:
        return None, "the service did not call itself ready again in time, which probe.recovers judges"
    return tuple(bench.send(timeout_seconds=ANSWER_SECONDS) for _ in range(AFTER_RESTART)), ""


def _answers(bench: Bench) -> bool:
    try:
        bench.sessions()
    except ReadinessError:
        return False
    return True
