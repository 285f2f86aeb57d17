"""Nobody can put the service's pages into a frame."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import framing
from readiness.headers.answers import conclude, declared, is_subresource, sound
from readiness.headers.framing import Framing
from readiness.target import Target

HEADER, POLICY = "X-Frame-Options", "Content-Security-Policy"


class Framers(enum.StrEnum):
    """Whose pages may put an answer into a frame."""

    NOBODY = "nobody"
    SELF = "self"


@dataclass(frozen=True, kw_only=True)
class FramingLimits:
    """Who may frame at most."""

    at_most: Framers = Framers.NOBODY  # the ledger's row demands DENY; "self" takes SAMEORIGIN too


FRAMING = {Framers.NOBODY: Framing.NOBODY, Framers.SELF: Framing.SAME_ORIGIN}
HOLDS = {Framers.NOBODY: "nobody can frame them", Framers.SELF: "no other site can frame them"}


@check(
    id="headers.frame_deny",
    category=Category.HEADERS,
    severity=Severity.MEDIUM,
    title="No answer can be framed: X-Frame-Options: DENY, once, or frame-ancestors 'none'",
    why="A page in an invisible frame lets another site steal its users' clicks.",
    source="HTML standard, X-Frame-Options; CSP Level 3, frame-ancestors (which browsers obey instead, where it is sent)",
    remediation="Send X-Frame-Options: DENY once, and frame-ancestors 'none' in the Content-Security-Policy header.",
    seeds=("memorai", "brain"),
    defects=("frame-sameorigin",),
)
def check_frame_deny(responses: Responses, target: Target, limits: FramingLimits) -> Verdict:
    """Judge every answer that is no error and no style, script or image."""
    # A profile gives the plain word.
    framers = Framers(limits.at_most)

    def grade(answer: Exchange) -> list[str]:
        graded = framing.grade(answer.all(HEADER), csp=answer.all(POLICY), at_most=FRAMING[framers])
        return list(graded.findings) or declared(target.security_headers, HEADER, answer)

    answers = [answer for answer in sound(responses) if not is_subresource(answer)]
    return conclude(responses, answers, grade, headers=(HEADER, POLICY), holds=HOLDS[framers])
