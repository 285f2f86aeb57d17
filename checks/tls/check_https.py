"""The public entry is served over HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.http import Exchange, StatusClass
from readiness.facts.tls import TlsEntry
from readiness.target import Target

EXAMPLE = "entry: {service: web, port: 443, https: true}   # or tls: none, with why, where TLS ends outside the stack"
NAME = "tls:\n  server_name: shop.your-company.com"
FIRST_ERROR, FIRST_SERVER_ERROR, TOO_MANY_REQUESTS = 400, 500, 429
LOGIN_WANTED = (401, 403)  # whom the entry does not know was answered over https all the same


@check(
    id="tls.https",
    category=Category.TLS,
    severity=Severity.HIGH,
    title="The public entry is served over HTTPS, and does not lead back to plain HTTP",
    why="Whatever is sent in clear is read, and changed, by everybody on the way: passwords and tokens first.",
    source="RFC 9325 (BCP 195); claims of two of the seed guides",
    remediation="End TLS at the proxy, and let redirects keep the scheme: relative, or by the X-Forwarded-Proto of the proxy.",
    seeds=("brainda", "brain"),
    defects=("redirects-to-plain-http",),
)
def check_https(tls_entry: TlsEntry, target: Target) -> Verdict:
    """Judge the handshake of a client of today, the answer to a health request, and where redirects lead."""
    target.require("tls", value=True, example="")
    if not tls_entry.is_tls:
        raise Inconclusive(
            "no entry is declared to speak TLS; whether it ends outside the stack cannot be seen",
            supply=EXAMPLE,
            undeclared="entry.https",
        )
    if tls_entry.problem:
        if tls_entry.may_want_name:
            raise Inconclusive(
                f"{tls_entry.label} refuses a client that asks for no name: {tls_entry.problem}",
                supply=NAME,
                undeclared="tls.server_name",
            )
        if not tls_entry.is_refusal:
            raise Inconclusive(f"{tls_entry.label} was not reached: {tls_entry.problem}")
        proof = Evidence(source=tls_entry.label, text=tls_entry.problem)
        return Verdict(findings=(Finding(message="no client of today can connect over TLS", evidence=(proof,)),))
    findings = tuple(finding for answer in tls_entry.answers for finding in _wrong(answer))
    if not findings:
        untold = [answer.label for answer in tls_entry.answers if not _is_told(answer)]
        if untold or not tls_entry.answers:
            raise Inconclusive(f"nothing to judge over https: {'; '.join(untold)[:300] or 'no request is known'}")
    summary = f"{tls_entry.label} speaks {tls_entry.version} with {tls_entry.cipher}, and answers over it"
    return Verdict(findings=findings, summary=summary)


def _is_told(answer: Exchange) -> bool:
    return answer.status is not None and answer.status != TOO_MANY_REQUESTS and answer.status < FIRST_SERVER_ERROR


def _is_missing(status: int) -> bool:
    return status >= FIRST_ERROR and status not in LOGIN_WANTED


def _wrong(answer: Exchange) -> Iterator[Finding]:
    if not _is_told(answer):
        return
    location = answer.first("location") or ""
    if location.lower().startswith("http://"):
        proof = Evidence(source=answer.label, text=f"location: {location[:200]}")
        yield Finding(message=f"{answer.url} leads from https to plain http", evidence=(proof,))
    elif answer.purpose is StatusClass.PROBE and _is_missing(answer.status or 0):
        proof = Evidence(source=answer.label, text=answer.body[:200])
        yield Finding(
            message=f"the entry's health is not answered over https, but with {answer.status}", evidence=(proof,)
        )
