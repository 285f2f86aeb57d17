"""Whether the stack serves as before."""

from __future__ import annotations

import time

from readiness.instruments.client import HttpClient
from readiness.target import Target

__all__ = ["is_served", "serving"]

SERVER_ERROR = 500
EVERY_SECONDS = 0.2
ASK_SECONDS = 5.0


def is_served(target: Target, http: HttpClient) -> bool:
    """Whether the ordinary request is answered as declared, or at least without an error of the server's."""
    request = target.steady_request
    status = http.send(target.entries[0], request, timeout_seconds=ASK_SECONDS).status
    return status is not None and (status in request.expect if request.expect else status < SERVER_ERROR)


def serving(target: Target, http: HttpClient, zero: float, *, at_most_seconds: float) -> float | None:
    """When the ordinary request was answered as before, in seconds after ``zero`` (monotonic); None where it was not."""
    if not target.entries:
        return None
    deadline = time.monotonic() + at_most_seconds
    while time.monotonic() < deadline:
        if is_served(target, http):
            return round(time.monotonic() - zero, 3)
        time.sleep(EVERY_SECONDS)
    return None
