"""Telling a job that is done from one that waits, by their answers alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from readiness.facts.http import Exchange

__all__ = ["Course", "Signature", "is_like", "signature"]

#: A word such as ``queued`` or ``done``: longer texts and those with digits are one job's own.
MAX_WORD_CHARS = 24
MAX_MEMBERS = 100

#: Status, and place -> word, or the kind of what stands there.
Signature = tuple[int | None, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, kw_only=True)
class Course:
    """The answer for a job that waits, and for one that is done."""

    waiting: Signature
    done: Signature


def signature(answer: Exchange, job: str) -> Signature:
    """What an answer says of a job's state, apart from what is that job's own."""
    try:
        data: Any = json.loads(answer.body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        return answer.status, ()
    members = [(str(key), _word(value, job)) for key, value in list(data.items())[:MAX_MEMBERS]]
    for key, value in list(data.items())[:MAX_MEMBERS]:
        if isinstance(value, dict):
            members += [(f"{key}.{name}", _word(inside, job)) for name, inside in list(value.items())[:MAX_MEMBERS]]
    return answer.status, tuple(sorted(members))


def is_like(course: Course, now: Signature) -> bool:
    """Whether a job is done: every part in which a done job differs from a waiting one is as it is when done."""
    if now[0] != course.done[0]:
        return False
    changed = set(course.done[1]) - set(course.waiting[1])
    return changed <= set(now[1]) if changed else now != course.waiting


def _word(value: Any, job: str) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, str):
        is_own = job in value or any(character.isdigit() for character in value) or len(value) > MAX_WORD_CHARS
        return "a text" if is_own else value
    return f"a {type(value).__name__}"
