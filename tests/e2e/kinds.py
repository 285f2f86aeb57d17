"""Three kinds of checks: of a stack under traffic, of one that is stopped, killed and started, and of one restored.

An audit of either takes about as long as one of the others, so tests that look for defects of one kind ask its checks.
"""

from __future__ import annotations

from readiness.catalogue import load_checks

__all__ = ["DISRUPTION", "RESTORE", "TRAFFIC", "checks_of", "is_in", "marker"]

DISRUPTION = frozenset({"startup", "retry", "drain", "scale", "compose", "persist", "db"})
RESTORE = frozenset({"backup"})
TRAFFIC = frozenset({meta.id.partition(".")[0] for meta in load_checks()} - DISRUPTION - RESTORE)


def marker(families: frozenset[str]) -> str:
    """What pytest's ``-m`` takes; empty for no families, which asks all."""
    return " or ".join(sorted(families))


def checks_of(families: frozenset[str]) -> tuple[str, ...]:
    """The ids of all checks of these families."""
    return tuple(sorted(meta.id for meta in load_checks() if is_in(meta.id, families)))


def is_in(check: str, families: frozenset[str]) -> bool:
    """Whether a check is of these families; of none named, always."""
    return not families or check.partition(".")[0] in families
