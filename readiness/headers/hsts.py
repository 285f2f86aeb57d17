"""``Strict-Transport-Security`` (RFC 6797).

6.1: directives separated by semicolons, names without case, each at most once, values tokens or quoted strings; a header
that breaks the grammar has no effect. 8.1: of several header lines only the first counts. 6.1.1: ``max-age=0`` ends it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from readiness.headers.grade import Grade

__all__ = ["ONE_YEAR_SECONDS", "SIX_MONTHS_SECONDS", "HstsGrade", "grade"]

#: hstspreload.org, submission requirements; also what the seed guides state.
ONE_YEAR_SECONDS = 31_536_000
#: Half of 365 days: the least that common graders accept.
SIX_MONTHS_SECONDS = 15_768_000

#: RFC 9110, 5.6.2 and 5.6.4.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # a grammar rule's name
_DIRECTIVE = re.compile(rf'({_TOKEN})(?:[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)"))?')


@dataclass(frozen=True, kw_only=True)
class HstsGrade(Grade):
    """What a browser takes from the header.

    Attributes:
        is_valid: the (first) line follows the grammar and has a max-age; otherwise browsers ignore it.
        max_age_seconds: None where not valid.
    """

    is_valid: bool = False
    max_age_seconds: int | None = None
    include_subdomains: bool = False
    preload: bool = False


def grade(
    values: tuple[str, ...],
    *,
    at_least_seconds: int = SIX_MONTHS_SECONDS,
    require_subdomains: bool = False,
    preloaded: bool = False,
) -> HstsGrade:
    """Grade the header's lines as sent over TLS.

    Args:
        values: the lines in the order received.
        at_least_seconds: the shortest accepted ``max-age``.
        require_subdomains: whether ``includeSubDomains`` must be there.
        preloaded: browsers ship this host in their preload list, so the header may be missing.
    """
    if not values:
        return HstsGrade() if preloaded else HstsGrade(findings=("Strict-Transport-Security is missing",))
    findings = []
    if len(values) > 1:
        findings.append(f"Strict-Transport-Security is sent {len(values)} times: {' | '.join(values)[:160]!r}")
    directives, problem = _parse(values[0])
    shown = values[0][:120]
    if problem:
        return HstsGrade(findings=(*findings, f"Strict-Transport-Security {shown!r} is ignored: {problem}"))
    text = directives["max-age"] or ""
    # An absurd figure is a figure; int() itself refuses more than 4300 digits.
    seconds = int(text[:18])
    include_subdomains = "includesubdomains" in directives
    if seconds < at_least_seconds:
        findings.append(f"max-age={seconds} is shorter than {at_least_seconds} seconds")
    if require_subdomains and not include_subdomains:
        findings.append(f"includeSubDomains is missing from {shown!r}")
    return HstsGrade(
        findings=tuple(findings),
        is_valid=True,
        max_age_seconds=seconds,
        include_subdomains=include_subdomains,
        preload="preload" in directives,
    )


def _parse(value: str) -> tuple[dict[str, str | None], str]:
    """Directives by lower-case name, and why the header is ignored, or an empty string."""
    directives: dict[str, str | None] = {}
    for part in _split(value):
        text = part.strip(" \t")
        if not text:
            continue
        match = _DIRECTIVE.fullmatch(text)
        if match is None:
            return {}, f"{text[:60]!r} is not a directive"
        name = match[1].lower()
        if name in directives:
            return {}, f"{name} occurs twice"
        quoted = re.sub(r"\\(.)", r"\1", match[3]) if match[3] is not None else None
        directives[name] = match[2] if match[2] is not None else quoted
    if "max-age" not in directives:
        return {}, "max-age is missing"
    if not re.fullmatch(r"[0-9]+", directives["max-age"] or ""):
        return {}, f"max-age={directives['max-age']} is not a number of seconds"
    for flag in ("includesubdomains", "preload"):
        if directives.get(flag) is not None:
            return {}, f"{flag} takes no value"
    return directives, ""


def _split(value: str) -> list[str]:
    """Split at semicolons outside quoted strings."""
    return re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*"|")+', value)
