"""What one user sees is never kept for another."""

from __future__ import annotations

import dataclasses

from readiness import Category, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.headers import cache
from readiness.headers.answers import conclude, sound
from readiness.target import Target

HEADER = "Cache-Control"


@check(
    id="headers.private_cache",
    category=Category.HEADERS,
    severity=Severity.HIGH,
    title="Answers for a logged-in user cannot be kept by shared caches",
    why="A proxy or delivery network that keeps such an answer shows one user's data to the next.",
    source="RFC 9111, 3, 3.5 and 5.2.2; OWASP Session Management Cheat Sheet, web content caching",
    remediation="Send Cache-Control: no-store (or private, no-cache) with everything that depends on who asks.",
    defects=("private-cacheable",),
)
def check_private_cache(responses: Responses, target: Target) -> Verdict:
    """Judge the answers that needed a login."""
    asked = [exchange for exchange in responses.exchanges if exchange.purpose is StatusClass.PRIVATE]
    if not asked:
        target.require("login", target.login, example="login: {request: …, users: …}   # or: none, with why")
        target.require("paths.private", target.paths.private, example="paths:\n  private: /me")

    def grade(answer: Exchange) -> list[str]:
        has_authorization = any(name.lower() == "authorization" for name, _ in answer.request_headers)
        graded = cache.grade(
            answer.all(HEADER),
            vary=answer.all("Vary"),
            expires=answer.all("Expires"),
            has_authorization=has_authorization,
        )
        return list(graded.findings)

    judged = dataclasses.replace(responses, exchanges=tuple(asked))
    return conclude(
        judged, sound(judged), grade, headers=(HEADER, "Vary", "Expires"), holds="no shared cache keeps them"
    )
