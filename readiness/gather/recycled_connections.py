"""Traffic on a stack whose pool keeps no connection for longer than some seconds: how old those are that are used."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from readiness.check import Impact
from readiness.declared.database import pools_of
from readiness.facts.database import RecycledConnections, UsedSession
from readiness.failures.shape import is_good
from readiness.gather import gatherer
from readiness.gather.database_asking import SESSIONS, Bench, bench_of
from readiness.instruments.client import HttpClient
from readiness.instruments.variants import Variants
from readiness.runtime import Progress, Variant
from readiness.target import Target

__all__ = ["recycled_connections"]

#: In place of the owner's hour. The ledger has 5 s (db.pool_recycle); the less, the shorter the audit.
RECYCLE_SECONDS = 3
#: Requests one after the other and at once: as few as show it, so that no limiter of a hundred a minute is met.
ROUND_SECONDS, AT_ONCE = 0.5, 4
#: Long enough for a connection that is never replaced to be used again and again when it is twice as old as it may be.
TRAFFIC_SECONDS = 9.0
#: Watched before: who uses connections now is not the service that answers the requests. Half as long as the traffic, so
#: that whoever uses one three times in that, as the check wants it, does so once before.
QUIET_SECONDS, LOOK_SECONDS = 4.6, 0.3
ANSWER_SECONDS = 10.0
_AGES = f"""
select json_build_array(extract(epoch from clock_timestamp()), coalesce((select json_agg(json_build_array(
pid, extract(epoch from backend_start), extract(epoch from query_start))) {SESSIONS}), '[]'))::text
"""  # noqa: S608  # both parts are this project's own


@gatherer(impact=Impact.PERTURBS, at_most_seconds=150)
def recycled_connections(target: Target, variants: Variants, progress: Progress) -> RecycledConnections:
    """Start a stack with a small recycle time, send requests, and look at the sessions that they use."""
    service = target.service or ""
    pool = pools_of(target).get(service)
    if pool is None or pool.recycle_seconds is None:
        return RecycledConnections(
            not_done={"pool": f"no recycle time of a pool of {service or 'the service'} is declared"}
        )
    variable = pool.env.get("recycle_seconds")
    if variable is None:
        return RecycledConnections(not_done={"variable": f"no variable of {service} is declared that sets it"})
    variant = Variant(name="recycle", environment={service: {variable: str(RECYCLE_SECONDS)}})
    with variants(variant) as stack, HttpClient(stack) as http:
        bench = bench_of(target, stack, http, "recycle")
        if isinstance(bench, dict):
            return RecycledConnections(not_done=bench)
        progress("requests while database connections grow old", at_most_seconds=QUIET_SECONDS + TRAFFIC_SECONDS)
        first = bench.send()
        if not is_good(first):
            return RecycledConnections(not_done={"request": f"it is not answered well at rest: {first.label[:200]}"})
        bench.learn_database()
        return _watched(bench, variable)


def _watched(bench: Bench, variable: str) -> RecycledConnections:
    watch = _Watch(bench)
    others = watch.until(QUIET_SECONDS, LOOK_SECONDS, lambda: None)
    good = 0

    def send() -> None:
        nonlocal good
        answers = bench.send_many(AT_ONCE, at_once=AT_ONCE, timeout_seconds=ANSWER_SECONDS)
        good += sum(map(is_good, answers))

    begun = watch.now()
    watch.uses.clear()
    used = watch.until(TRAFFIC_SECONDS, ROUND_SECONDS, send)
    sessions = tuple(
        UsedSession(
            begun_seconds=round(watch.began[pid] - begun, 3), used_seconds=tuple(round(t - begun, 3) for t in times)
        )
        for pid, times in sorted(watch.uses.items())
        if pid in used and pid not in others
    )
    return RecycledConnections(
        service=bench.service,
        request=bench.label,
        variable=variable,
        recycle_seconds=RECYCLE_SECONDS,
        seconds=round(watch.now() - begun, 3),
        good=good,
        sessions=sessions,
        others=len(others),
        not_done={"ages": "the user that asks may not see when sessions began"} if watch.hidden else {},
    )


class _Watch:
    """The application's sessions, looked at again and again; all times are the server's own."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._time = 0.0
        #: Process of the server -> when its session began, and when it was seen to have been given a statement.
        self.began: dict[int, float] = {}
        self.uses: dict[int, list[float]] = {}
        self.hidden = 0

    def now(self) -> float:
        """When the last look was taken."""
        return self._time

    def until(self, seconds: float, pause_seconds: float, act: Callable[[], None]) -> set[int]:
        """Act and look for some time; which sessions were used meanwhile."""
        self._look()
        began = self._time
        while self._time - began < seconds:
            act()
            time.sleep(pause_seconds)
            self._look()
        return {pid for pid, times in self.uses.items() if times[-1] > began}

    def _look(self) -> None:
        self._time, rows = json.loads(self._bench.ask(_AGES))
        for pid, began, used in rows:
            if began is None:
                self.hidden += 1  # only its owner and administrators see more than that it is there
            if began is None or used is None:
                continue
            if self.began.get(pid) != began:  # the server's processes are numbered anew after a while
                self.began[pid] = began
                self.uses[pid] = []
            times = self.uses.setdefault(pid, [])
            if not times or times[-1] != used:
                times.append(used)
