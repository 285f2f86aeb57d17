"""Cookies and logins are allowed to pages of the configured origins only."""

from __future__ import annotations

from readiness import Category, NotApplicable, Severity, Verdict, check
from readiness.cors.answers import (
    ORIGINS,
    STRANGERS,
    accepts,
    allows_credentials,
    gathered,
    is_told,
    require_told,
    require_written_out,
)
from readiness.declared.cors import cors_of
from readiness.facts.cors import CrossOrigin, OriginKind
from readiness.target import Target


@check(
    id="cors.credentials_safe",
    category=Category.CORS,
    severity=Severity.HIGH,
    title="Credentials are allowed to the configured origins only, and never together with *",
    why="With credentials a strange page reads a logged-in user's data in that user's own browser.",
    source="Fetch standard, 3.3.5 (CORS protocol and credentials)",
    remediation="Send Access-Control-Allow-Credentials: true only beside the exact, listed origin.",
    seeds=("memorai",),
    defects=("cors-reflects-any", "cors-null-allowed", "cors-suffix-accepted"),
)
def check_credentials_safe(cross_origin: CrossOrigin, target: Target) -> Verdict:
    """Judge every answer that allows credentials, and where they are declared that the allowed origins get them.

    The header alone, beside no allowed origin, allows nothing: some frameworks send it with everything.
    """
    target.require("cors", value=True, example="")
    declared = cors_of(target).credentials
    strangers, allowed = cross_origin.of(*STRANGERS), cross_origin.of(OriginKind.ALLOWED)
    messages = []
    for answer in (*strangers, *allowed):
        if not allows_credentials(answer) or not accepts(answer):
            continue
        if "*" in answer.all("access-control-allow-origin"):
            messages.append(("credentials are allowed together with *", answer))
        elif answer.kind is not OriginKind.ALLOWED:
            messages.append((f"{answer.origin}, which nobody configured, may read with credentials", answer))
        elif declared is False:
            messages.append((f"{answer.origin} may read with credentials, which are declared to be off", answer))
    if declared:
        messages += [
            (f"credentials are declared to be on, and {answer.origin} may not use them", answer)
            for answer in allowed
            if is_told(answer) and accepts(answer) and not allows_credentials(answer)
        ]
    findings = gathered(messages)
    if not findings:
        require_told((*strangers, *allowed))
        target.require("origins", cross_origin.settings.origins or cross_origin.settings.pattern, example=ORIGINS)
        require_written_out(cross_origin.settings)
        if not any(map(allows_credentials, allowed)):
            raise NotApplicable("no allowed origin may use credentials, so there is nothing to keep to anybody")
    return Verdict(
        findings=findings,
        summary=f"credentials for {len({a.origin for a in allowed})} allowed origins, for none of {len(strangers)} strange requests",
    )
