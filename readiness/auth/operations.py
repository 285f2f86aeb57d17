"""Whether an operation let somebody in who has no login, or not the right one."""

from __future__ import annotations

import enum
import re

from readiness.facts.auth import OperationTrial

__all__ = ["Standing", "is_admitted", "standing_of"]

_LOGIN = re.compile(r"log[-_]?in|sign[-_]?in|auth|sso|session", re.IGNORECASE)
_UNAUTHORISED = frozenset({401, 403, 407})
_TOO_MANY, _NOT_FOUND = 429, 404
#: Overloaded, or too late: a crowded machine gives these as well.
_BUSY = frozenset({502, 503, 504})
_FIRST_SUCCESS, _FIRST_REDIRECT, _FIRST_ERROR, _FIRST_SERVER_ERROR = 200, 300, 400, 500


class Standing(enum.Enum):
    """What an answer to somebody without the right says."""

    REFUSED = "refused"
    LET_IN = "let in"
    BROKEN = "broken"
    UNTOLD = "untold"


def standing_of(trial: OperationTrial, status: int) -> Standing:  # one line per meaning
    """What the answer to a caller without a login says, where needed by comparison with a user's."""
    if status in _UNAUTHORISED:
        return Standing.REFUSED
    if _FIRST_SUCCESS <= status < _FIRST_REDIRECT:
        return Standing.LET_IN
    if _FIRST_REDIRECT <= status < _FIRST_ERROR:
        return Standing.REFUSED if _LOGIN.search(trial.location) else Standing.UNTOLD
    if status >= _FIRST_SERVER_ERROR and status not in _BUSY:
        # An error that a user gets as well is not the guard's.
        return Standing.UNTOLD if trial.user is not None and trial.user >= _FIRST_SERVER_ERROR else Standing.BROKEN
    # Refused by pretending that there is nothing, where there is something for a user.
    if status == _NOT_FOUND and trial.user is not None and _FIRST_SUCCESS <= trial.user < _FIRST_REDIRECT:
        return Standing.REFUSED
    return Standing.UNTOLD


def is_admitted(status: int | None) -> bool | None:
    """Whether somebody logged in may call an operation, whatever it then says; None where that is not told."""
    if status is None or status == _TOO_MANY or status >= _FIRST_SERVER_ERROR:
        return None
    return status not in _UNAUTHORISED
