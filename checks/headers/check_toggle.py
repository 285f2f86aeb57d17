"""The documented switch is what sends the security headers."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.http import Responses
from readiness.headers.answers import SECURITY_HEADERS, carried
from readiness.target import Role, Target


@check(
    id="headers.toggle",
    category=Category.HEADERS,
    severity=Severity.LOW,
    title="The setting for security headers is on in production and governs them",
    why="A switch that does nothing means that the headers come from elsewhere, or will not come when it is relied upon.",
    source="claims of a seed guide (SECURITY_HEADERS_ENABLED)",
    remediation="Let the middleware read the setting, and remove copies of the headers that ignore it, or the setting.",
    seeds=("memorai",),
    defects=("toggle-ignored",),
)
def check_toggle(responses: Responses, headers_off_responses: Responses, target: Target) -> Verdict:
    """Compare the stack with its variant in which the headers are switched off.

    Directly at the application all of them must go. Through a proxy, which may add its own, some must.
    """
    production, without = carried(responses), carried(headers_off_responses, by_some=True)
    if not any(production.values()):
        raise NotApplicable("no security headers are sent with the setting on, so switching them off shows nothing")
    proxies = {e.name for e in target.entries if e.service in target.services_of(Role.PROXY)}
    direct = [entry for entry in production if entry not in proxies]
    judged = [entry for entry in (direct or production) if production[entry]]
    if not judged:
        raise NotApplicable(
            "the application sends no security headers itself; the proxy does, whatever the setting says"
        )
    if missing := [entry for entry in judged if entry not in without]:
        causes = (
            "; ".join(e.label for e in headers_off_responses.exchanges if e.entry in missing) or "nothing was asked"
        )
        raise Inconclusive(f"the variant gave no answer to judge via {', '.join(missing)}: {causes[:300]}")
    findings = []
    for entry in judged:
        stays = production[entry] & without[entry]
        if stays == production[entry] or (direct and stays):
            names = [name for name in SECURITY_HEADERS if name in stays]
            proof = Evidence(source=f"answers via {entry} with the setting off", text=", ".join(names))
            findings.append(Finding(message=f"with the setting off, {', '.join(names)} stay", evidence=(proof,)))
    gone = sorted({name for entry in judged for name in production[entry] - without[entry]})
    return Verdict(findings=tuple(findings), summary=f"switched off, these are gone: {', '.join(gone)}")
