"""Without TLS the public entry gives nothing away."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.tls import PlainAnswer, TlsEntry
from readiness.target import Target
from readiness.tls.redirects import astray

EXAMPLE = "entry: {service: web, port: 443, https: true}   # or tls: none, with why"
FIRST_REDIRECT, FIRST_ERROR, FIRST_SERVER_ERROR = 300, 400, 500
UNAUTHORIZED, TOO_MANY_REQUESTS = 401, 429


@check(
    id="tls.no_plain_http",
    category=Category.TLS,
    severity=Severity.HIGH,
    title="Plain HTTP leads to HTTPS or is not served at the public entry",
    why="A client that comes without TLS sends its token in clear, and if that works nobody ever notices.",
    source="RFC 9325, 3.2; RFC 6797, 7.2; claims ledger, tls.no_plain_http",
    remediation="Answer plain HTTP with 301 or 308 to the same path on https, and with nothing else.",
    seeds=("brain",),
    defects=("plain-http-served",),
)
def check_no_plain_http(tls_entry: TlsEntry, target: Target) -> Verdict:
    """Judge what the entry's own port and the ports beside it answer to requests in clear."""
    target.require("tls", value=True, example="")
    if not tls_entry.is_tls:
        raise Inconclusive("no entry is declared to speak TLS", supply=EXAMPLE, undeclared="entry.https")
    findings: list[Finding] = []
    for port in dict.fromkeys(answer.port for answer in tls_entry.plain):
        here = [answer for answer in tls_entry.plain if answer.port == port]
        by_words: dict[str, list[Evidence]] = {}
        for answer in here:
            if words := _wrong(answer, tls_entry):
                by_words.setdefault(words, []).append(Evidence(source=answer.label, text=_shown(answer)))
        findings += [
            Finding(message=f"port {port} {words}", evidence=tuple(found)) for words, found in by_words.items()
        ]
    if not findings:
        if not tls_entry.plain:
            raise Inconclusive(f"nothing was asked in clear: {tls_entry.problem or 'no port is known'}")
        # A refusal, an error in answer to clear text and silence are one: nothing was given away.
        late = [a.label for a in tls_entry.plain if a.status is not None and _is_untold(a)]
        if late:
            raise Inconclusive(f"not told, such as {late[0][:200]}")
    ports = ", ".join(dict.fromkeys(str(answer.port) for answer in tls_entry.plain))
    return Verdict(findings=tuple(findings), summary=f"in clear, ports {ports} lead to https or answer nothing")


def _is_untold(answer: PlainAnswer) -> bool:
    return answer.status == TOO_MANY_REQUESTS or (answer.status or 0) >= FIRST_SERVER_ERROR


def _wrong(answer: PlainAnswer, entry: TlsEntry) -> str:
    """What is given away, in words, or nothing."""
    status = answer.status
    if status is None or _is_untold(answer):
        return ""
    if FIRST_REDIRECT <= status < FIRST_ERROR:
        return astray(answer, entry)
    if status < FIRST_REDIRECT:
        return "answers requests in clear"
    return "asks for a login in clear" if status == UNAUTHORIZED else ""


def _shown(answer: PlainAnswer) -> str:
    return (f"location: {answer.location}" if answer.location else answer.body)[:200] or "no body"
