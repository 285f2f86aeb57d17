"""Production allows the deployment's own domains, and no leftovers."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Severity, Verdict, check
from readiness.cors.answers import (
    ORIGINS,
    accepts,
    gathered,
    is_list_known,
    may_be_meant,
    require_told,
    require_written_out,
)
from readiness.cors.origins import unreal
from readiness.facts.cors import CrossOrigin, CrossOriginAnswer, OriginKind
from readiness.target import Target


@check(
    id="cors.production_origins_real",
    category=Category.CORS,
    severity=Severity.MEDIUM,
    title="Production allows the deployment's own https origins only: no *, no localhost, no placeholder",
    why="A program on a user's own machine, or whoever registers the placeholder's domain, could read what that user can.",
    source="Claims ledger, cors.production_origins_real; RFC 2606 (reserved names)",
    remediation="Replace the example by your own domains, and keep local origins in the settings of development.",
    seeds=("brain",),
    defects=("cors-reflects-any", "cors-placeholder-in-production"),
)
def check_production_origins_real(cross_origin: CrossOrigin, target: Target) -> Verdict:
    """Judge what developers' and placeholder origins are told, and the list itself."""
    target.require("cors", value=True, example="")
    settings = cross_origin.settings
    tried = cross_origin.of(OriginKind.LOCAL, OriginKind.PLACEHOLDER, OriginKind.FOREIGN)
    is_known = is_list_known(settings, target.declined)
    wrong = [answer for answer in tried if accepts(answer) and (is_known or not may_be_meant(answer, tried))]
    messages = [(f"{answer.origin} is allowed: {_why(answer)}", answer) for answer in wrong]
    findings = list(gathered(messages))
    for origin in dict.fromkeys((*settings.origins, *settings.effective)):
        if reason := unreal(origin):
            where = f"{settings.variable} of {settings.service}" if origin in settings.effective else "origins"
            proof = Evidence(source=where, text=origin)
            findings.append(Finding(message=f"the list holds {origin}: {reason}", evidence=(proof,)))
    if not findings:
        target.require("origins", settings.origins or settings.pattern, example=ORIGINS)
        require_written_out(settings)
        require_told(tried)
    return Verdict(findings=tuple(findings), summary=f"allowed in production: {', '.join(settings.origins)}")


def _why(answer: CrossOriginAnswer) -> str:
    return "nobody configured it" if answer.kind is OriginKind.FOREIGN else unreal(answer.origin)
