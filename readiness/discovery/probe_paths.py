"""What the path of a health endpoint tells of its meaning: at most what a convention says, never more."""

from __future__ import annotations

import re

from readiness.target import ProbeKind

__all__ = ["USUAL_PATHS", "kind_of", "looks_like_probe"]

#: Where services of the field keep their health endpoints, the most telling first.
USUAL_PATHS = (
    "/health/live",
    "/health/ready",
    "/health/startup",
    "/livez",
    "/readyz",
    "/startupz",
    "/health",
    "/healthz",
    "/ready",
    "/live",
    "/api/health",
    "/api/v1/health",
    "/status",
    "/ping",
)

_CONVENTION = "the path follows the Kubernetes convention for {} probes"
_SILENT = "the path says health, not what it depends on"
_KINDS = (
    (ProbeKind.LIVE, re.compile(r"/(?:livez|live|liveness)/?\Z")),
    (ProbeKind.READY, re.compile(r"/(?:readyz|ready|readiness)/?\Z")),
    (ProbeKind.STARTUP, re.compile(r"/(?:startupz|startup|started)/?\Z")),
)
_PROBE_LIKE = re.compile(
    r"/(?:health|healthz|health_?check|livez?|liveness|readyz?|readiness|startupz?|started|status|ping)/?\Z"
)


def kind_of(path: str) -> tuple[ProbeKind, str]:
    """The meaning that a probe's path declares by convention, and the reason in words.

    ``/livez``, ``/readyz`` (Kubernetes API server, "Kubernetes API health endpoints") and their kin are taken at their
    word; ``/health``, ``/healthz``, ``/status`` and ``/ping`` mean different things in every stack, so they stay HEALTH.
    """
    plain = path.partition("?")[0].lower()
    for kind, pattern in _KINDS:
        if pattern.search(plain):
            return kind, _CONVENTION.format({"live": "liveness", "ready": "readiness"}.get(kind, "startup"))
    return ProbeKind.HEALTH, _SILENT


def looks_like_probe(path: str) -> bool:
    """Whether a path of an OpenAPI document may be a health endpoint."""
    return _PROBE_LIKE.search(path.lower()) is not None
