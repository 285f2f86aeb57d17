"""Whatever a client sends, the answer blames the client: never an error of the server, never silence."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.errors import ErrorRun
from readiness.facts.validation import BadInput
from readiness.inputs.said import LIMITED, Said, said_by
from readiness.target import Target

#: Fewer say nothing about a service.
TELLING = 20
EXAMPLE = "openapi: openapi.json   # the API's document, where the service does not serve it"


@check(
    id="validate.bad_input_4xx",
    category=Category.VALIDATE,
    severity=Severity.HIGH,
    title="Invalid input to every documented operation is answered with 4xx, and promptly",
    why="A 500 on bad input wakes somebody up, hides real faults among noise, and is where attackers look further.",
    source="Claims ledger, validate.bad_input_4xx (myragdb, aistack); RFC 9110, 15.5",
    remediation="Validate before use, at the edge: types, ranges, encodings, depth; refuse what the database cannot store.",
    seeds=("myragdb", "aistack"),
    defects=("nul-in-text",),
)
def check_bad_input_4xx(error_run: ErrorRun, target: Target) -> Verdict:
    """Judge what happened twice to the same request: once may be the machine's fault."""
    found = error_run.bad_inputs
    target.require("validation", value=True, example=EXAMPLE)
    if found.sent == 0:
        raise Inconclusive(found.problem or found.cut_short or "nothing was sent", supply=EXAMPLE, undeclared="openapi")
    confirmed = [each for each in found.troubled if _kind(each) is not None]
    findings = [
        Finding(
            message=f"{each.operation}: {each.what} {_kind(each)}",
            evidence=(Evidence(source=each.first.label[:300], text=f"{each.sent}\n\n{each.first.body[:500]}"),),
        )
        for each in confirmed
    ]
    after = found.good_after
    if (found.restarts or found.is_replaced) and target.service:
        findings.append(Finding(message=f"{target.service} restarted while bad requests were sent"))
    elif after is not None and after.status is None:
        findings.append(
            Finding(
                message="the service does not answer after the bad requests",
                evidence=(Evidence(source=after.label, text=after.error or ""),),
            )
        )
    limited = found.statuses.get(str(LIMITED), 0)
    if not findings and (limited * 2 > found.sent or (found.cut_short and found.sent < TELLING)):
        raise Inconclusive(
            f"only {found.sent - limited} bad requests reached the service: {found.cut_short or 'limited'}"
        )
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(found.statuses.items()))
    sent = Measurement(name="bad requests", value=found.sent, unit="count")
    said = f"{len(found.operations)} operations, {answers}; {found.generator or 'no document, so no generated cases'}"
    return Verdict(findings=tuple(findings), measured=(sent,), summary=said)


def _kind(each: BadInput) -> str | None:
    """What happened both times, or None."""
    first, again = said_by(each.first), said_by(each.again)
    if each.again is None or first is not again:
        return None
    match first:
        case Said.SILENT:
            return f"gets no answer: {each.first.error}"
        case Said.FAILED:
            return f"is answered with {each.first.status}"
        case Said.ACCEPTED | Said.REDIRECTED:
            return f"is accepted with {each.first.status}"
        case Said.REFUSED | Said.LIMITED:
            return None
