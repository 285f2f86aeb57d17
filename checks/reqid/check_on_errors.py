"""Answers that refuse or fail name their request too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.declared.logs import request_id_of
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.logs.ids import header_among
from readiness.target import Role, Target

#: First error, and first error of the server's own (RFC 9110, 15.5 and 15.6).
FIRST_ERROR, FIRST_SERVER_ERROR = 400, 500
#: What a proxy answers by itself: the body's size is its to refuse, and so is an upstream that is away.
PROXY_ANSWERS = frozenset({413, 414, 431, 502, 504})


@dataclass(frozen=True, kw_only=True)
class ErrorLimits:
    """What must have been provoked before the check passes."""

    # Frameworks answer an unhandled exception outside their middleware: without a 500 the usual gap goes unseen.
    needs_server_error: bool = True


@check(
    id="reqid.on_errors",
    category=Category.REQID,
    severity=Severity.MEDIUM,
    title="Error answers carry a request id like successful ones",
    why="A request that failed is the one somebody asks about; without its id it cannot be found in the logs.",
    source="claims ledger, reqid.on_errors (all responses; 401 to 500)",
    remediation="Make the request id the outermost middleware, outside validation, rate limiting and error handling.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("id-missing-on-errors", "limiter-outside-headers"),
)
def check_on_errors(responses: Responses, limited_responses: Responses, target: Target, limits: ErrorLimits) -> Verdict:
    """Look for the header of the successful answers on every answer from 400 on."""
    target.require("request_id", True, example="request_id: {header: X-Request-ID}")  # may be none
    good = [a for a in responses.answered if (a.status or 0) < FIRST_ERROR]
    found = (header_among(name for name, _ in answer.headers) for answer in good)
    header = request_id_of(target).header or next((name for name in found if name), None)
    if not good:
        raise Inconclusive("no successful answer to compare with", supply="paths:\n  ok: /a/path/answering/200")
    if header is None or not any(answer.first(header) for answer in good):
        raise NotApplicable("successful answers carry no request id either; reqid.header judges them")
    errors = [
        answer
        for answer in (*responses.answered, *limited_responses.answered)
        if (answer.status or 0) >= FIRST_ERROR and answer.purpose is not StatusClass.PREFLIGHT
    ]
    proxies = {e.name for e in target.entries if e.service in target.services_of(Role.PROXY)}
    own = [a for a in errors if a.entry in proxies and a.status in PROXY_ANSWERS and not a.first(header)]
    judged = [answer for answer in errors if answer not in own]
    findings = tuple(_findings(judged, header))
    statuses = sorted({answer.status or 0 for answer in judged})
    if not findings:
        _require_enough(judged, statuses, target, limits)
    aside = f"; answered by the proxy itself, without one: {', '.join(a.label for a in own)}" if own else ""
    missing = {**responses.not_provoked, **limited_responses.not_provoked}
    aside += f"; not provoked: {'; '.join(f'{kind}: {why}' for kind, why in missing.items())}" if missing else ""
    seen = ", ".join(map(str, statuses))
    return Verdict(findings=findings, summary=f"{len(judged)} error answers with status {seen} carry {header}{aside}")


def _findings(errors: Iterable[Exchange], header: str) -> Iterable[Finding]:
    bare: dict[str, list[Exchange]] = {}
    for answer in errors:
        if not answer.first(header):
            bare.setdefault(answer.entry, []).append(answer)
    for entry, answers in bare.items():
        statuses = ", ".join(map(str, sorted({answer.status or 0 for answer in answers})))
        proof = tuple(Evidence(source=a.label, text=f"without {header}") for a in answers[:3])
        yield Finding(message=f"{statuses} via {entry}: {header} is missing", evidence=proof)


def _require_enough(errors: list[Exchange], statuses: list[int], target: Target, limits: ErrorLimits) -> None:
    if not errors:
        raise Inconclusive("no error answer was provoked", supply="paths:\n  not_found: /a/path/that/answers/404")
    has_server_error = any(status >= FIRST_SERVER_ERROR for status in statuses)
    if limits.needs_server_error and not has_server_error and "paths.error" not in target.declined:
        raise Inconclusive(
            "no answer from 500 on was provoked; errors up to 499 carry the id",
            supply="error_path: /a/request/that/raises   # or: none, with why",
            undeclared="error_path",
        )
