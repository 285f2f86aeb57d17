"""Cookies that open an account stay out of reach."""

from __future__ import annotations

from readiness import Category, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.http import Exchange, Responses
from readiness.headers import cookies, hsts
from readiness.headers.answers import conclude, is_forwarded_https

HEADER = "Set-Cookie"
SUPPLY = "entries:\n  - {name: proxy, service: PROXY, port: 443, https: true}"


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
def check_cookies(responses: Responses) -> Verdict:
    """Judge every cookie of every answer, the login's included; ``Secure`` by what was sent over https."""
    setting = [answer for answer in responses.answered if answer.all(HEADER)]
    if not setting:
        if not responses.answered:
            raise Inconclusive("no entry gave an answer", supply="paths:\n  ok: /a/path/that/answers/200")
        raise NotApplicable(f"none of {len(responses.answered)} answers sets a cookie")

    def grade(answer: Exchange) -> list[str]:
        has_hsts = hsts.grade(answer.all("Strict-Transport-Security")).is_good
        graded = [cookies.grade(line, https=_is_https(answer), has_hsts=has_hsts) for line in answer.all(HEADER)]
        return [finding for cookie in graded for finding in cookie.findings]

    names = sorted({cookies.parse(line)[0] for answer in setting for line in answer.all(HEADER)})
    holds = f"cookies {', '.join(names)[:120]} are out of reach"
    verdict = conclude(responses, responses.answered, grade, headers=(HEADER,), holds=holds)
    if not verdict.findings and (unknown := _undecided(setting)):
        shown = ", ".join(unknown)[:120]
        raise Inconclusive(
            f"cookies {shown} were set only over plain http, without Secure; over https they may have it", supply=SUPPLY
        )
    return verdict


def _is_https(answer: Exchange) -> bool:
    return answer.https or is_forwarded_https(answer)


def _undecided(setting: list[Exchange]) -> list[str]:
    """The cookies that lack ``Secure`` over plain http and need it over https, where they were not seen."""
    seen = {cookies.parse(line)[0] for answer in setting if _is_https(answer) for line in answer.all(HEADER)}
    return sorted(
        {
            cookies.parse(line)[0]
            for answer in setting
            for line in answer.all(HEADER)
            # What HSTS may excuse is no account's key.
            if cookies.grade(line, https=True, has_hsts=True).findings != cookies.grade(line, https=False).findings
        }
        - seen
    )
