"""Pages cannot use the device's sensors."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import permissions
from readiness.headers.answers import conclude, declared, is_subresource, sound
from readiness.target import Target

HEADER = "Permissions-Policy"


@dataclass(frozen=True, kw_only=True)
class PermissionsLimits:
    """Features that must be denied to every origin."""

    denied: tuple[str, ...] = ("geolocation", "microphone", "camera")  # the seed's own value


@check(
    id="headers.permissions_policy",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="Every answer denies geolocation, microphone and camera by Permissions-Policy",
    why="Injected or embedded script would otherwise ask for them in the service's name.",
    source="W3C Permissions Policy, 5.2 and 9; RFC 9651 (a field that does not parse is ignored as a whole)",
    remediation="Send Permissions-Policy: geolocation=(), microphone=(), camera=()",
    seeds=("brain",),
    defects=("permissions-open",),
)
def check_permissions_policy(responses: Responses, target: Target, limits: PermissionsLimits) -> Verdict:
    """Judge every answer that is no error and no style, script or image."""

    def grade(answer: Exchange) -> list[str]:
        graded = permissions.grade(answer.all(HEADER), denied=limits.denied)
        return list(graded.findings) or declared(target.security_headers, HEADER, answer)

    answers = [answer for answer in sound(responses) if not is_subresource(answer)]
    return conclude(responses, answers, grade, headers=(HEADER, "Feature-Policy"), holds="sensors denied")
