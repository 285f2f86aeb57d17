"""The ``tracking`` section: the error tracker, spoken to as Sentry is."""

from __future__ import annotations

from dataclasses import dataclass

from readiness.declared.request import request_of
from readiness.target import Request, Target

__all__ = ["SECRET", "Tracking", "tracking_of"]

#: Stands in the declared request where the audit puts a secret of its own.
SECRET = "{secret}"  # noqa: S105  # a placeholder


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """How errors reach the tracker.

    Attributes:
        dsn_env: the variable that holds the tracker's address.
        service: whose variable that is; empty is the service under audit.
        environment_env: the variable whose value is the event's environment.
        traces_sample_ratio: part of the requests that are sent as transactions; None where not declared.
        error: a request that raises, with ``{secret}`` where a secret belongs; None is ``error_path``.
    """

    dsn_env: str = ""
    service: str = ""
    environment_env: str = "ENVIRONMENT"
    traces_sample_ratio: float | None = None
    error: Request | None = None


def tracking_of(target: Target) -> Tracking:
    """The section, or what it says when it says nothing."""
    raw = target.extra.get("tracking") or {}
    ratio = raw.get("traces_sample_ratio")
    return Tracking(
        dsn_env=raw.get("dsn_env", ""),
        service=raw.get("service", ""),
        environment_env=raw.get("environment_env", "ENVIRONMENT"),
        traces_sample_ratio=None if ratio is None else float(ratio),
        error=request_of(raw["error"]) if raw.get("error") else None,
    )
