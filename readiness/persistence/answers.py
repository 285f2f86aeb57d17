"""Answers that say nothing of what is kept."""

from __future__ import annotations

from http import HTTPStatus

__all__ = ["tells_nothing"]

#: Who is not let in, or not now, does not learn whether something is there.
_KEPT_OUT = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


def tells_nothing(status: int | None) -> bool:
    """Whether an answer is silence, a refusal or an error: nothing says that what was asked for is gone."""
    return status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _KEPT_OUT
