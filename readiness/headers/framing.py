"""Protection against being framed: ``X-Frame-Options`` (HTML standard, 7.6.1) and CSP ``frame-ancestors`` (CSP3, 6.4.2).

Where an enforced policy has ``frame-ancestors``, browsers do not look at ``X-Frame-Options`` at all; in ``<meta>`` neither
counts. Values other than ``DENY`` and ``SAMEORIGIN``, ``ALLOW-FROM`` among them, are ignored.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from readiness.headers.csp import parse
from readiness.headers.grade import Grade

__all__ = ["Framing", "FramingGrade", "grade"]


class Framing(enum.IntEnum):
    """Who may frame the answer in a browser of today; the greater, the stricter."""

    ANYBODY = 0
    SOME = 1
    SAME_ORIGIN = 2
    NOBODY = 3


@dataclass(frozen=True, kw_only=True)
class FramingGrade(Grade):
    """The grade; ``framing`` is what browsers do whatever the findings say."""

    framing: Framing = Framing.ANYBODY


def grade(
    options: tuple[str, ...], *, csp: tuple[str, ...] = (), at_most: Framing = Framing.SAME_ORIGIN
) -> FramingGrade:
    """Grade ``X-Frame-Options`` and the ``frame-ancestors`` of ``Content-Security-Policy`` together.

    Args:
        options: lines of ``X-Frame-Options``.
        csp: lines of ``Content-Security-Policy``.
        at_most: who may frame at most. ``X-Frame-Options``, where it is sent, must say so too, for what reads only that.
    """
    words = [word.strip(" \t").upper() for value in options for word in value.split(",")]
    named = {"DENY": Framing.NOBODY, "SAMEORIGIN": Framing.SAME_ORIGIN}
    by_options = named.get(words[0], Framing.ANYBODY) if len(set(words)) == 1 else Framing.ANYBODY
    ancestors = [
        policy.directives["frame-ancestors"] for policy in parse(csp) if "frame-ancestors" in policy.directives
    ]
    # Every policy must allow the frame, so the strictest decides.
    by_policy = max((_ancestors(sources) for sources in ancestors), default=None)
    framing = by_options if by_policy is None else by_policy
    findings = []
    shown = ", ".join(options)[:80]
    if len(words) > 1:
        findings.append(f"X-Frame-Options is sent {len(words)} times: {shown!r}")
    elif words and words[0] not in named:
        findings.append(f"X-Frame-Options {shown!r} is ignored: only DENY and SAMEORIGIN count")
    elif words and by_options < at_most:
        findings.append(f"X-Frame-Options is {shown!r}, not {_NAMES[at_most]}")
    if by_policy is not None and by_policy < at_most:
        shown = " ".join(max(ancestors, key=_ancestors))[:80]
        suffix = ", which browsers obey instead of X-Frame-Options" if words else ""
        findings.append(f"frame-ancestors {shown} lets others frame the answer{suffix}")
    if not words and by_policy is None:
        findings.append("X-Frame-Options is missing, and no policy has frame-ancestors")
    return FramingGrade(findings=tuple(findings), framing=framing)


_NAMES = {Framing.NOBODY: "DENY", Framing.SAME_ORIGIN: "DENY or SAMEORIGIN"}


def _ancestors(sources: Iterable[str]) -> Framing:
    """Who may frame according to one ``frame-ancestors``."""
    lower = [source.lower() for source in sources]
    if not lower or lower == ["'none'"]:
        return Framing.NOBODY
    others = [source for source in lower if source not in {"'self'", "'none'"}]
    if not others:
        return Framing.SAME_ORIGIN
    broad = any(source in {"*", "http:", "https:"} or source.endswith("://*") for source in others)
    return Framing.ANYBODY if broad else Framing.SOME
