"""Answers while there was no connection to be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from readiness.facts.http import Exchange
from readiness.failures.shape import is_good, shape_of
from readiness.verdict import Finding, Inconclusive, NotApplicable

__all__ = ["TOO_MANY", "require_database", "require_idle_machine", "unstructured"]

TOO_MANY = 429
#: A connection inside the machine takes milliseconds, and starting a client in a container some tenths of a second;
#: pools are told to give up after as little as 1 s, so where that is reached they may have had to.
MOST_LOOK_SECONDS = 1.0
_FIRST_ERROR = 500


def require_database(service: str, not_done: Mapping[str, str]) -> None:
    """Stop a judgement without a database that was asked.

    Raises:
        NotApplicable: the stack has none.
        Inconclusive: it has one, and it could not be asked.
    """
    if service:
        return
    if "database" in not_done:
        raise NotApplicable(not_done["database"])
    reasons = "; ".join(f"{name}: {why}" for name, why in not_done.items())
    raise Inconclusive(reasons or "the database was not asked", supply="errors:\n  needs: {db: /items}")


def require_idle_machine(findings: Sequence[Finding], slowest_look_seconds: float) -> None:
    """Stop a judgement whose findings are requests that got no connection, where the audit's own took long as well.

    Raises:
        Inconclusive: they did.
    """
    if findings and slowest_look_seconds > MOST_LOOK_SECONDS:
        raise Inconclusive(
            f"{findings[0].message}; but a connection of the audit's own took {slowest_look_seconds:.1f} s: "
            "this machine was too busy to tell"
        )


def unstructured(answers: Iterable[Exchange]) -> tuple[Exchange, ...]:
    """Those that are neither a success nor an error that a program can read: an error without a JSON object."""
    return tuple(
        answer
        for answer in answers
        if answer.status is not None
        and answer.status >= _FIRST_ERROR
        and not is_good(answer)
        and shape_of(answer).problem
    )
