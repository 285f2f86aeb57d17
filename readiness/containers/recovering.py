"""Whether a container that was long in coming back says something about itself, or about a crowded machine."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.verdict import Measurement

__all__ = ["RecoveryLimits", "is_crowded", "recovery_of"]


@dataclass(frozen=True, kw_only=True)
class RecoveryLimits:
    """How long a container may take to be well again, and on what machine that may be said."""

    well_within_seconds: float = 60.0  # ledger, compose.restart_on_crash: healthy again within 60 s
    # Starting is mostly work: with so many programs for each processor what takes seconds alone takes the whole time.
    load_per_cpu: float = 6.0


def is_crowded(load_per_cpu: float, well_seconds: float | None, status: str, limits: RecoveryLimits) -> bool:
    """Whether a late or missing recovery may be the machine's fault: a program that ended by itself did not wait for it."""
    is_late = well_seconds is None or well_seconds > limits.well_within_seconds
    return is_late and status.startswith("running") and load_per_cpu > limits.load_per_cpu


def recovery_of(service: str, seconds: float, limits: RecoveryLimits) -> Measurement:
    """The time, with its limit."""
    return Measurement(name=f"{service} well again after", value=seconds, unit="s", at_most=limits.well_within_seconds)
