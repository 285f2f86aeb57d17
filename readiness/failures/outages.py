"""What requests that need a dependency were told while it was away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from readiness.facts.errors import ErrorLeak
from readiness.facts.probes import Outage

__all__ = ["needing_leaks", "searched_answers"]

_FIRST_ERROR = 400


def needing_leaks(outages: Iterable[Outage]) -> Iterator[ErrorLeak]:
    """Everything that the error answers gave away."""
    for outage in outages:
        for each in outage.needing:
            yield from each.leaks


def searched_answers(outages: Iterable[Outage]) -> int:
    """How many error answers there were."""
    return sum((each.exchange.status or 0) >= _FIRST_ERROR for outage in outages for each in outage.needing)
