"""Shared between the checks of the family: what counts as finished, and as a reaction to the signal."""

from __future__ import annotations

from readiness.facts.drain import HELD, DrainRuns, Fate, Kind, Stop, Tracked
from readiness.verdict import Evidence, Inconclusive

__all__ = [
    "SWITCH_SECONDS",
    "UNAVAILABLE",
    "evidence_of",
    "is_full",
    "is_refusal",
    "lived_until",
    "open_at_signal",
    "reacted",
    "stop_of",
]

#: A server notices its signal at the next turn of its loop, and what is in the queue of its port is still its own.
SWITCH_SECONDS = 1.0
UNAVAILABLE = 503


def stop_of(drain_runs: DrainRuns) -> Stop:
    """The stop under load.

    Raises:
        Inconclusive: there was none.
    """
    if drain_runs.stopped is None:
        reason = "; ".join(drain_runs.not_done.values()) or "the service was not stopped"
        raise Inconclusive(reason, supply="a service that stays up until it is stopped")
    return drain_runs.stopped


def open_at_signal(stop: Stop) -> tuple[Tracked, ...]:
    """Requests that were sent, wholly or half, before the signal, and had no end by then."""
    return tuple(r for r in stop.of(*HELD) if r.sent_seconds < 0 < r.ended_seconds)


def is_full(request: Tracked, control: tuple[Tracked, ...]) -> bool:
    """Whether it was answered as the same request without a signal."""
    usual = {(c.status, c.shape) for c in control if c.name == request.name and c.fate is Fate.FINISHED}
    return request.fate is Fate.FINISHED and (request.status, request.shape) in usual


def is_refusal(request: Tracked, *, at_most_seconds: float) -> bool:
    """Whether a request that was sent during the drain was turned away at once: no connection, a closed one, or 503."""
    is_turned_away = request.fate in {Fate.REFUSED, Fate.RESET} and request.status is None
    is_told = request.fate is Fate.FINISHED and request.status == UNAVAILABLE
    return (is_turned_away or is_told) and request.ended_seconds - request.sent_seconds <= at_most_seconds


def lived_until(stop: Stop) -> float:
    """Seconds from the signal up to which the service could act; where it was killed nobody refuses any more after that.

    An engine notices the end a little later than it kills, and nobody answers between the two.
    """
    ending = stop.ending
    if ending.seconds is None:
        return ending.watched_seconds
    is_cut = ending.is_killed and ending.grace_seconds is not None
    return min(ending.seconds, ending.grace_seconds or 0.0) if is_cut else ending.seconds


def reacted(stop: Stop) -> bool:
    """Whether the service did anything about the signal: it ended by itself, or turned somebody away while it lived."""
    end = lived_until(stop)
    later = [r for r in stop.of(Kind.NEW) if r.sent_seconds > SWITCH_SECONDS and r.ended_seconds < end]
    return not stop.ending.is_killed or any(is_refusal(r, at_most_seconds=SWITCH_SECONDS) for r in later)


def evidence_of(requests: tuple[Tracked, ...], *, most: int = 6) -> tuple[Evidence, ...]:
    """The first few of them."""
    return tuple(Evidence(source=request.name, text=request.label) for request in requests[:most])
