"""A page that may read the API's answers may read its refusals."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, NotApplicable, Severity, Verdict, check
from readiness.facts.limiter import DeployedLimit, is_let_through
from readiness.limiting.judging import refusal_of
from readiness.target import Target

ALLOW = "access-control-allow-origin"


@check(
    id="ratelimit.refusal_cors",
    category=Category.RATELIMIT,
    severity=Severity.LOW,
    title="Refusals carry the CORS headers of other answers",
    why="Without them a browser hides the 429: the page sees a network error, and retries at once.",
    source="Fetch standard, CORS check: it applies to every response, whatever its status",
    remediation="Put the CORS layer around the limiter, not inside it.",
    defects=("limiter-outside-headers",),
)
def check_refusal_cors(deployed_limit: DeployedLimit, target: Target) -> Verdict:
    """Compare one refusal with the answers before it, all asked for with an allowed origin."""
    target.require("origins", target.origins, example="origins: [https://app.example.com]")
    refusal = refusal_of(deployed_limit)
    allowed = next((a.first(ALLOW) for a in deployed_limit.answers if is_let_through(a.status)), None)
    if allowed is None:
        raise NotApplicable(f"the answers before the refusal carry no {ALLOW} either, which the family cors judges")
    if refusal.first(ALLOW) is None:
        proof = Evidence(
            source=refusal.label, text=f"asked with Origin: {target.origins[0]}; answers before it allow {allowed}"
        )
        return Verdict(findings=(Finding(message=f"the refusal lacks {ALLOW}", evidence=(proof,)),))
    return Verdict(summary=f"the refusal allows {refusal.first(ALLOW)}, as other answers do")
