"""Answers to requests that came while a service was loading. Pure."""

from __future__ import annotations

import json

from readiness.facts.probes import Answer

__all__ = ["LOADING", "is_refusal"]

#: What a service says that will be able to answer soon (RFC 9110, 15.6.4).
LOADING = 503


def is_refusal(answer: Answer) -> bool:
    """Whether it is a 503 with a JSON object, as clients of an API can read."""
    if answer.status != LOADING:
        return False
    try:
        return isinstance(json.loads(answer.body), dict)
    except ValueError:
        return False
