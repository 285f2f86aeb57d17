"""What one answer of a probe says: yes, no, nothing; by status and body, under the probe's declaration."""

from __future__ import annotations

import enum
from http import HTTPStatus

from readiness.facts.probe_body import Says, read_body
from readiness.facts.probes import Answer, Span
from readiness.target import Probe

__all__ = ["Standing", "is_yes_status", "standing"]

ASKS_FOR_LOGIN = frozenset({401, 403, 407})


class Standing(enum.StrEnum):
    """What an answer says to whoever asks the probe."""

    YES = "yes"
    NO = "no"  # by its status, which is what a prober and a load balancer look at
    BODY_NO = "no in the body only"  # the status says yes, the body admits a fault
    SILENT = "no answer"
    LIMITED = "refused by a rate limiter"  # says nothing about health
    LOCKED = "asks for a login"  # says nothing about health either

    @property
    def is_no(self) -> bool:
        """Whether it admits a fault, by status or by body."""
        return self in {Standing.NO, Standing.BODY_NO}

    @property
    def is_usable(self) -> bool:
        """Whether it tells anything about health."""
        return self not in {Standing.LIMITED, Standing.LOCKED}


def is_yes_status(probe: Probe, status: int | None) -> bool:
    """Whether the status alone means *yes*."""
    return status in probe.expect


def standing(probe: Probe, answer: Span | Answer) -> Standing:
    """What ``answer`` says under the declaration of ``probe``. A declared ``status`` text is the healthy one."""
    if answer.status is None:
        return Standing.SILENT
    if is_yes_status(probe, answer.status):
        body = read_body(answer.body)
        is_declared_word = probe.status is not None and body.status == probe.status
        return Standing.BODY_NO if body.says.is_bad and not is_declared_word else Standing.YES
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Standing.LIMITED
    return Standing.LOCKED if answer.status in ASKS_FOR_LOGIN else Standing.NO


def admits_fault(probe: Probe, answer: Span | Answer) -> bool:
    """Whether the overall status word admits a fault; without such a word, whether the HTTP status does."""
    body = read_body(answer.body)
    if probe.status is not None and body.status is not None:
        return body.status != probe.status
    if body.says is Says.UNKNOWN:
        return standing(probe, answer) is Standing.NO
    return body.says.is_bad
