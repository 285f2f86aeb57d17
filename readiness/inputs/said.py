"""What a status says about a request, in the few words that the judgement of input needs."""

from __future__ import annotations

import enum

from readiness.facts.http import Exchange

__all__ = ["LIMITED", "SIZE_REFUSALS", "TOO_LARGE", "WRONG_TYPE", "Said", "said_by", "said_of"]

TOO_LARGE, WRONG_TYPE, LIMITED = 413, 415, 429
#: How services refuse a list or text that is too long; anything else was refused for another reason.
SIZE_REFUSALS = frozenset({400, 413, 422})
_OK, _REDIRECTED, _REFUSED, _FAILED = 200, 300, 400, 500


class Said(enum.Enum):
    """Silence and a limiter's refusal say nothing about the input."""

    ACCEPTED = "accepted"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    FAILED = "failed"
    LIMITED = "limited"
    SILENT = "silent"

    @property
    def is_telling(self) -> bool:
        """Whether it says anything about the input."""
        return self not in {Said.LIMITED, Said.SILENT}


def said_by(answer: Exchange | None) -> Said:
    """What an answer says."""
    return said_of(answer.status if answer is not None else None)


def said_of(status: int | None) -> Said:
    """What a status says; None is silence."""
    if status is None:
        return Said.SILENT
    if status == LIMITED:
        return Said.LIMITED
    if status >= _FAILED:
        return Said.FAILED
    if status >= _REFUSED:
        return Said.REFUSED
    return Said.ACCEPTED if _OK <= status < _REDIRECTED else Said.REDIRECTED
