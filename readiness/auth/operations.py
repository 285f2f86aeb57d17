"""Whether an operation let somebody in who has no login, or not the right one."""

from __future__ import annotations

import enum
import json
import re

from readiness.facts.auth import OperationTrial

__all__ = ["Standing", "is_admin_admitted", "is_admitted", "is_raised", "is_success", "public_lines", "standing_of"]

_LOGIN = re.compile(r"log[-_]?in|sign[-_]?in|auth|sso|session", re.IGNORECASE)
_UNAUTHORISED = frozenset({401, 403, 407})
_TOO_MANY, _NOT_FOUND, _FORBIDDEN = 429, 404, 403
#: Methods that ask for no form token, because they change nothing (RFC 9110, 9.2.1).
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Answers about the request itself: not found, gone, a wrong body, a conflict with what there is.
_PAST_THE_GUARD = frozenset({400, 404, 409, 410, 415, 422})
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


def is_admitted(status: int | None, *, admin: int | None = None) -> bool | None:
    """Whether somebody logged in could call an operation that is ``admin``'s; None where that is not told.

    Only a success is an admission: a wrong body, a record that does not exist and a missing form token may be answered
    before anybody's role is looked at. Whatever else is answered where the administrator succeeds is a refusal.
    """
    if is_success(status):
        return True
    if status in _UNAUTHORISED:
        return False
    if status is None or status == _TOO_MANY or status >= _FIRST_SERVER_ERROR:
        return None
    return False if is_success(admin) else None


def is_admin_admitted(trial: OperationTrial, *, by_cookie: bool) -> bool | None:
    """Whether the administrator was let in; None where that is not told.

    Args:
        trial: how everybody was answered.
        by_cookie: the administrator is known by a cookie: what changes something then needs a form token as well, and
            is answered 403 without one.
    """
    status = trial.admin
    if status in _UNAUTHORISED:
        is_safe = trial.operation.partition(" ")[0] in _SAFE
        return None if by_cookie and status == _FORBIDDEN and not is_safe else False
    # What the administrator asked for does not exist, and a user is not told so: that is past the guard.
    if trial.user in _UNAUTHORISED and status in _PAST_THE_GUARD:
        return True
    return is_success(status) or None


def is_raised(status: int | None, trial: OperationTrial | None) -> bool | None:
    """Whether a user with a raised role could call the operation of ``trial``; None where that is not told."""
    if trial is not None and trial.user in _UNAUTHORISED and trial.admin in _PAST_THE_GUARD and status == trial.admin:
        return True  # answered as the administrator is, and not as a user is
    return is_admitted(status, admin=trial.admin if trial is not None else None)


def is_success(status: int | None) -> bool:
    """Whether the status is one of the 2xx."""
    return status is not None and _FIRST_SUCCESS <= status < _FIRST_REDIRECT


def public_lines(operations: tuple[str, ...]) -> str:
    """The section that names the first of these as public, for the owner to shorten."""
    lines = [f"    - {json.dumps(name[:100])}" for name in operations[:10]]
    return "\n".join(["access:", "  public:   # leave in what is everybody's: everything else is then tried", *lines])
