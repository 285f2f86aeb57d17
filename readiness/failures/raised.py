"""Whether anything failed inside the service at all: where nothing did, nothing can be said of how it fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from readiness.facts.errors import ErrorRun
from readiness.facts.probes import Outage
from readiness.target import Target
from readiness.verdict import Inconclusive, NotApplicable

__all__ = ["ERROR_PATH", "is_raised", "raised_count", "require_server_error"]

#: What an owner adds to ``readiness.yaml``.
ERROR_PATH = "error_path: /a/path/that/raises"
#: The server's own errors begin here (RFC 9110, 15.6).
FIRST_SERVER_ERROR = 500
#: Not implemented: about the request's method, and answered without anything having failed (RFC 9110, 15.6.2).
NOT_IMPLEMENTED = 501


def raised_count(outcomes: Mapping[str, int]) -> int:
    """How many of the outcomes (status or error -> count) are the service's failures: from 500 on, or no answer."""
    return sum(count for outcome, count in outcomes.items() if is_raised(outcome))


def is_raised(outcome: str) -> bool:
    """Whether an outcome, a status or an error, is a failure of the service."""
    return not outcome.isdecimal() or _is_server_error(int(outcome))


def _is_server_error(status: int | None) -> bool:
    return status is not None and status >= FIRST_SERVER_ERROR and status != NOT_IMPLEMENTED


def require_server_error(error_run: ErrorRun, outages: Iterable[Outage], target: Target) -> None:
    """Stop a judgement of error answers that saw none of the server's own.

    A router's 404 is a few fixed words everywhere; the page that gives a program away is that of an exception.

    Raises:
        NotApplicable: there was none, and the owner says that nothing raises.
        Inconclusive: there was none.
    """
    run = error_run.provocations
    statuses = [answer.status for answer in (*run.examples, *run.others)]
    statuses += [int(status) for status in error_run.bad_inputs.statuses if status.isdecimal()]
    statuses += [each.exchange.status for outage in outages for each in outage.needing]
    if any(_is_server_error(status) for status in statuses):
        return
    seen = "no answer from 500 on could be provoked, and it is those that give something away"
    if "error_path" in target.declined:
        raise NotApplicable(f"premise failed: {seen}; error_path: none, because {target.declined['error_path']}")
    raise Inconclusive(seen, supply=ERROR_PATH, undeclared="error_path")
