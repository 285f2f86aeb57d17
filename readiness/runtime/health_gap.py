"""When a container may be frozen: never while its engine starts a health check in it.

A command that is being started in a container holds the lock of the process that looks after the container. Frozen half
way it never ends, and from then on the engine can neither thaw nor remove the container, nor say anything about it (seen
with engine 26.1 and a health check every second). The engine starts no check in a container that is paused already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["longest_check_seconds", "margin_seconds", "seconds_to_next_check"]

#: The engine's defaults where a health check names none (moby, daemon/health.go).
DEFAULT_INTERVAL_SECONDS, DEFAULT_TIMEOUT_SECONDS, DEFAULT_START_INTERVAL_SECONDS = 30.0, 30.0, 5.0
#: Freezing takes the engine a few hundredths of a second; on a busy machine ten times as long.
MARGIN_SECONDS = 0.5
NANOSECONDS = 1e9


def seconds_to_next_check(container: Mapping[str, Any], *, now: datetime) -> float:
    """Seconds until the engine may start the next health check; infinite where it has none to start.

    Args:
        container: as the engine's inspection shows it.
        now: by the engine's own clock, which times the checks.

    Returns:
        0 or less where a check may be under way: it is due, or none has ended yet.
    """
    if not _has_check(container):
        return math.inf
    ended = [entry["End"] for entry in (container["State"].get("Health") or {}).get("Log") or [] if entry.get("End")]
    if not ended:
        return 0.0
    return (_moment(str(ended[-1])) - now).total_seconds() + _interval(container)


def margin_seconds(container: Mapping[str, Any]) -> float:
    """How long before the next check freezing may begin; of very frequent checks half their interval."""
    return min(MARGIN_SECONDS, _interval(container) / 2)


def longest_check_seconds(container: Mapping[str, Any]) -> float:
    """After how long a gap has come for certain: an interval and a check that uses its whole time."""
    check = container["Config"].get("Healthcheck") or {}
    return _interval(container) + _seconds(check.get("Timeout"), DEFAULT_TIMEOUT_SECONDS)


def _has_check(container: Mapping[str, Any]) -> bool:
    test = (container["Config"].get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"


def _interval(container: Mapping[str, Any]) -> float:
    """The shortest time that may lie between the end of one check and the start of the next."""
    check = container["Config"].get("Healthcheck") or {}
    interval = _seconds(check.get("Interval"), DEFAULT_INTERVAL_SECONDS)
    if not check.get("StartPeriod"):
        return interval
    # Within the start period another interval holds, and only the engine knows when exactly it is over.
    state = (container["State"].get("Health") or {}).get("Status")
    starting = _seconds(check.get("StartInterval"), DEFAULT_START_INTERVAL_SECONDS)
    return min(interval, starting) if state == "starting" else interval


def _seconds(nanoseconds: Any, default: float) -> float:
    return float(nanoseconds) / NANOSECONDS if nanoseconds else default


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
