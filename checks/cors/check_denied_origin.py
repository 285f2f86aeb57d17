"""Pages of all other origins may not read the answers."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Inconclusive, Severity, Verdict, check
from readiness.cors.answers import ORIGINS, STRANGERS, allows_credentials, gathered, is_list_known, require_told
from readiness.facts.cors import CrossOrigin, CrossOriginAnswer, OriginKind
from readiness.headers import cors
from readiness.target import Target

WORDS = {
    OriginKind.SCHEME: "an allowed origin over plain http",
    OriginKind.PORT: "an allowed origin on another port",
    OriginKind.PREFIX: "a name that ends like an allowed one",
    OriginKind.SUFFIX: "a name that begins like an allowed one",
    OriginKind.SUBDOMAIN: "a name below an allowed one",
    OriginKind.DOT: "a name in which a dot of an allowed one is another character",
}


@check(
    id="cors.denied_origin",
    category=Category.CORS,
    severity=Severity.HIGH,
    title="An origin that is not in the list may read nothing, however much it looks like one that is",
    why="Whoever gets a user to open a page could otherwise read, and with credentials do, what that user can.",
    source="Fetch standard, 3.3; OWASP Web Security Testing Guide, WSTG-CLNT-07",
    remediation="Compare the whole origin with a list. No prefixes, suffixes or loose patterns, no null, no echo of whoever asks.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("cors-reflects-any", "cors-null-allowed", "cors-suffix-accepted"),
)
def check_denied_origin(cross_origin: CrossOrigin, target: Target) -> Verdict:
    """Judge what strangers, the null origin and look-alikes are told, on preflights and on requests."""
    target.require("cors", value=True, example="")
    answers = cross_origin.of(*STRANGERS)
    messages = [(message, answer) for answer in answers for message in _wrong(answer)]
    is_known = is_list_known(cross_origin.settings, target.declined)
    if not is_known:
        # A service for everybody may allow everybody; with credentials nobody may.
        messages = [(message, answer) for message, answer in messages if allows_credentials(answer)]
    findings = gathered(messages)
    if not findings:
        if not is_known:
            said = "every origin is allowed" if any(map(_is_open, answers)) else "strangers are refused"
            raise Inconclusive(
                f"{said}, and which origins are allowed is not known", supply=ORIGINS, undeclared="origins"
            )
        require_told(answers)
    origins = len({answer.origin for answer in answers})
    entries = ", ".join(dict.fromkeys(answer.entry for answer in answers))
    return Verdict(findings=findings, summary=f"{origins} strange origins may read nothing via {entries}")


def _wrong(answer: CrossOriginAnswer) -> Iterator[str]:
    allowed = answer.all("access-control-allow-origin")
    grade = cors.grade(allowed, credentials=answer.all("access-control-allow-credentials"), origin=answer.origin)
    is_open = _is_open(answer)
    for message in grade.findings:
        # Sent twice is refused by browsers: that hurts those who are allowed, and is judged there.
        if answer.origin in allowed or is_open:
            words = WORDS.get(answer.kind)
            yield f"{message}: {words}" if words else message
    if is_open and not grade.findings:
        yield "every origin is allowed (*)"


def _is_open(answer: CrossOriginAnswer) -> bool:
    return "*" in answer.all("access-control-allow-origin")
