"""Two kinds of checks: those of a stack under traffic, and those of a stack that is stopped, killed and started.

An audit of either takes about as long as one of the other, so tests that look for defects of one kind ask its checks.
"""

from __future__ import annotations

from readiness.catalogue import load_checks

__all__ = ["DISRUPTION", "TRAFFIC", "is_in", "marker"]

DISRUPTION = frozenset({"startup", "retry", "drain", "scale", "compose", "persist", "db"})
TRAFFIC = frozenset({meta.id.partition(".")[0] for meta in load_checks()} - DISRUPTION)


def marker(families: frozenset[str]) -> str:
    """What pytest's ``-m`` takes; empty for no families, which asks all."""
    return " or ".join(sorted(families))


def is_in(check: str, families: frozenset[str]) -> bool:
    """Whether a check is of these families; of none named, always."""
    return not families or check.partition(".")[0] in families
