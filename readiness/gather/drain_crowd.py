"""How many requests a service can have in flight at once: chosen by what is declared, shrunk to what was seen to work.

A request that a limiter refuses, that waits for a worker, or that a server has not even accepted is not in flight: what
becomes of it at a stop says nothing about the drain. So nobody is counted who did not finish well without a signal too.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from readiness.declared.record import record_of
from readiness.facts.drain import Fate, Kind, Tracked
from readiness.gather.drain_asking import Open
from readiness.target import Target

__all__ = ["CROWD", "LIMITED", "Crowd", "crowd_of", "groups", "level_of", "proven"]

#: As many in flight as a drain is judged by.
CROWD = 50
LIMITED = 429
#: Slow requests may each keep a processor or a thread busy.
SLOW_MOST = 5
#: Of every three bodies two are writes: what is acknowledged is what a drain must not lose.
WRITES_OF_THREE = 2
#: Of a declared limit; the rest is for what is asked beside the crowd.
LIMIT_SHARE = 0.9
#: The crowd is there twice, without and with a signal; every write is read back once.
RUNS = 2
#: Opened in ever larger steps, with a new connection tried after each: so few tries tell few from many.
STEPS = (1, 1, 1, 2, 3, 4, 6, 8, 10, 14)
#: Later than this, an answer that could be given, or one on a new connection, had to wait for others.
LATE_SECONDS = 2.0
NEW_LATE_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """What to have in flight, and why that is not more; in the order in which it is opened."""

    wanted: tuple[Open, ...] = ()
    why: str = ""


@dataclass(kw_only=True)
class _Budget:
    """What the declared limits leave for each caller."""

    users: float = float("inf")
    anonymous: float = float("inf")
    together: float = float("inf")
    spent: Counter[bool] = field(default_factory=Counter)

    def take(self, costs: Sequence[tuple[str, int]]) -> bool:
        """Whether it was enough; ``costs`` are callers and their requests."""
        after = Counter(self.spent)
        for caller, requests in costs:
            after[caller != "anonymous"] += requests
        if after[True] > self.users or after[False] > self.anonymous or after.total() > self.together:
            return False
        self.spent = after
        return True


def crowd_of(target: Target, few: Sequence[Open], *, beside: int) -> Crowd:
    """The few, and as many more of them as make :data:`CROWD`, as far as declared limits allow.

    Args:
        target: whose limits and record are declared.
        few: one or two of each kind.
        beside: writes that are sent and read back on top.
    """
    record = record_of(target)
    writer = record.create.as_user if record is not None else "anonymous"
    reading = (record.read or record.list) if record is not None else None
    reader = reading.as_user if reading is not None else "anonymous"
    budget = _budget_of(target)

    def costs(one: Open) -> list[tuple[str, int]]:
        back = [(reader, 1)] if one.kind is Kind.WRITE else []
        return [(one.request.as_user, RUNS), *back]

    budget.take([(writer, beside), (reader, beside)] if record is not None else [])
    for one in few:
        budget.take(costs(one))
    found = list(few)
    sources = _sources(few)
    why = "" if sources else "nothing is declared that could be in flight more often"
    left = itertools.cycle(sources)
    refused = 0
    while sources and len(found) < CROWD and refused < len(sources):
        one = next(left)
        is_enough = one.kind is Kind.SLOW and sum(each.kind is Kind.SLOW for each in found) >= SLOW_MOST
        if is_enough or not budget.take(costs(one)):
            why = why if is_enough else "the declared limit allows no more"
            refused += 1
        else:
            refused = 0
            found.append(one)
    if len(found) >= CROWD:
        return Crowd(wanted=tuple(found))
    return Crowd(wanted=tuple(found), why=why or "slow requests alone are declared, which may be costly")


def _sources(few: Sequence[Open]) -> list[Open]:
    """What can be had in flight many times, in the order in which it is taken."""
    by_kind = {one.kind: one for one in reversed(few)}
    write, upload, slow = (by_kind.get(kind) for kind in (Kind.WRITE, Kind.UPLOAD, Kind.SLOW))
    bodies = [write] * WRITES_OF_THREE + [upload] if write and upload else [write or upload]
    return [one for one in (*bodies, slow) if one is not None]


def _budget_of(target: Target) -> _Budget:
    least = {
        key: min(
            (LIMIT_SHARE * (limit.requests + limit.burst) for limit in target.limits if limit.key == key), default=None
        )
        for key in ("user", "address", "global")
    }
    budget = _Budget()
    if least["global"] is not None:
        budget.together = least["global"]
    if least["user"] is not None:
        budget.users = least["user"]
    if least["address"] is not None:
        # Without a count per user everybody of one address shares it.
        budget.anonymous = least["address"]
        if least["user"] is None:
            budget.together = min(budget.together, least["address"])
    return budget


def groups(wanted: Sequence[Open]) -> list[list[Open]]:
    """In the steps in which they are opened."""
    steps, rest = iter(STEPS), list(wanted)
    found: list[list[Open]] = []
    while rest:
        size = next(steps, STEPS[-1])
        found.append(rest[:size])
        rest = rest[size:]
    return found


def level_of(opened: Sequence[float], fresh: Sequence[Tracked], *, until: float) -> int | None:
    """How many were open when a new connection was last served at once; None where every one was.

    Args:
        opened: when each was opened.
        fresh: new connections.
        until: only those before it count: then something else begins to hold them up.
    """
    asked = sorted((r for r in fresh if r.sent_seconds < until), key=lambda r: r.sent_seconds)
    late = next((r for r in asked if _is_late(r)), None)
    if late is None:
        return None
    prompt = [r for r in asked if r.sent_seconds < late.sent_seconds]
    return sum(at < prompt[-1].sent_seconds for at in opened) if prompt else 0


def _is_late(request: Tracked) -> bool:
    return request.fate is not Fate.FINISHED or request.ended_seconds - request.sent_seconds > NEW_LATE_SECONDS


def proven(
    wanted: Sequence[Open], control: Sequence[Tracked], *, level: int | None
) -> tuple[tuple[Open, ...], dict[str, str]]:
    """Those of them that can be counted on to be in flight, and why the others cannot.

    Where not all of a kind did well, half of those that did are kept: at the very edge the next run may differ.

    Args:
        wanted: in the order in which they were opened.
        control: what became of them without a signal.
        level: of :func:`level_of`.

    Returns:
        what is left, and name -> reason.
    """
    kept: dict[str, int] = {}
    why: dict[str, str] = {}
    for name in dict.fromkeys(one.name for one in wanted):
        mine = [r for r in control if r.name == name and r.kind not in {Kind.NEW, Kind.QUICK}]
        good = [r for r in mine if _is_good(r)]
        bad = [r for r in mine if not _is_good(r)]
        kept[name] = len(good)
        if not bad:
            continue
        is_refused = any(r.status is not None and 400 <= r.status < 500 and r.status != LIMITED for r in bad)  # noqa: PLR2004  # a client error
        kept[name] = 0 if is_refused else (len(good) + 1) // 2
        if bad[0].kind is Kind.STREAM and bad[0].ended_seconds < 0 and bad[0].fate is Fate.FINISHED:
            why[name] = "its answer was over before a signal could have come"
            continue
        why[name] = f"also without a signal: {len(bad)} of {len(mine)} not answered well: {bad[0].label}"
    if level is not None:
        why["several at once"] = f"new connections had to wait as soon as more than {level} requests were open"
    left: list[Open] = []
    for one in wanted:
        most = None if level is None else max(1, level // 2)
        if kept.get(one.name, 0) > 0 and (most is None or len(left) < most):
            kept[one.name] -= 1
            left.append(one)
    return tuple(left), why


def _is_good(request: Tracked) -> bool:
    if request.fate is not Fate.FINISHED or request.status is None or not 200 <= request.status < 400:  # noqa: PLR2004
        return False
    if request.kind is Kind.STREAM:
        return (
            not request.detail and request.head_seconds is not None and request.head_seconds < 0 < request.ended_seconds
        )
    waited = request.ended_seconds - (request.released_seconds or 0.0)
    return request.kind not in {Kind.WRITE, Kind.UPLOAD} or waited <= LATE_SECONDS
