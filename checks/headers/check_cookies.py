"""Cookies that open an account stay out of reach."""

from __future__ import annotations

from readiness import Category, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import cookies, hsts
from readiness.headers.answers import conclude
from readiness.target import Target

HEADER = "Set-Cookie"


@check(
    id="headers.cookies",
    category=Category.HEADERS,
    severity=Severity.HIGH,
    title="Cookies are Secure where there is https, and those that open an account are HttpOnly",
    why="A session cookie that scripts can read, or that travels over plain http, is somebody else's session.",
    source="RFC 6265bis, 4.1.2, 4.1.3 and 8.3; OWASP Session Management Cheat Sheet",
    remediation="Set-Cookie: …; HttpOnly; Secure; SameSite=Lax; Path=/, best under a name that begins with __Host-",
    defects=("cookie-without-httponly",),
)
def check_cookies(responses: Responses, target: Target) -> Verdict:
    """Judge every cookie of every answer, the login's included."""
    # Behind a proxy that ends TLS the application's own port is plain, and its cookies still travel over https.
    https = any(entry.https for entry in target.entries) or any(e.https for e in responses.exchanges)
    setting = [answer for answer in responses.answered if answer.all(HEADER)]
    if not setting:
        if not responses.answered:
            raise Inconclusive("no entry gave an answer", supply="paths:\n  ok: /a/path/that/answers/200")
        raise NotApplicable(f"none of {len(responses.answered)} answers sets a cookie")

    def grade(answer: Exchange) -> list[str]:
        has_hsts = hsts.grade(answer.all("Strict-Transport-Security")).is_good
        graded = [cookies.grade(line, https=https, has_hsts=has_hsts) for line in answer.all(HEADER)]
        return [finding for cookie in graded for finding in cookie.findings]

    names = sorted({cookies.parse(line)[0] for answer in setting for line in answer.all(HEADER)})
    holds = f"cookies {', '.join(names)[:120]} are out of reach"
    return conclude(responses, responses.answered, grade, headers=(HEADER,), holds=holds)
