"""Every answer names its request, and no two requests have one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.logs import request_id_of
from readiness.facts.logs import RequestLogs
from readiness.logs.ids import HEADERS, is_uuid
from readiness.target import Target

#: First status that is no success (RFC 9110, 15.4).
FIRST_NOT_SUCCESS = 300
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class HeaderLimits:
    """How much must have been seen."""

    # Fewer ids could be distinct by chance where they are drawn from a short range.
    ids_at_least: int = 20


@check(
    id="reqid.header",
    category=Category.REQID,
    severity=Severity.MEDIUM,
    title="Every answer carries a request id of its own",
    why="Without one, nobody can find the lines of the request that a user complains about; with a shared one, nobody can tell.",
    source="claims ledger, reqid.header; RFC 9562 for UUIDs",
    remediation="Make an id (uuid4) for each request in the outermost middleware, and send it as X-Request-ID with every answer.",
    seeds=("myragdb", "memorai", "brain"),
    defects=("id-constant",),
)
def check_header(request_logs: RequestLogs, target: Target, limits: HeaderLimits) -> Verdict:
    """Judge presence on successful answers and uniqueness over all of them, many at a time."""
    declared = request_id_of(target)
    target.require("request_id", True, example="request_id: {header: X-Request-ID}")  # may be none
    answered = [a for a in request_logs.asked if a.status is not None and a.status < FIRST_NOT_SUCCESS]
    if not answered:
        raise Inconclusive("no successful answer was seen", supply="paths:\n  ok: /a/path/answering/200")
    header = request_logs.header
    if header is None or not any(a.ids for a in answered):
        names = declared.header or ", ".join(HEADERS)
        proof = tuple(Evidence(source=a.label, text=f"without {names}") for a in answered[:2])
        return Verdict(findings=(Finding(message="successful answers carry no request id", evidence=proof),))
    findings: list[Finding] = []
    for entry in dict.fromkeys(a.entry for a in answered):
        bare = [a.label for a in answered if a.entry == entry and not a.ids]
        total = len(request_logs.burst.get(entry, ()))
        empty = sum(not value for value in request_logs.burst.get(entry, ()))
        if bare or empty:
            proof_of = Evidence(source=bare[0] if bare else f"{total} requests via {entry}", text=f"without {header}")
            findings.append(Finding(message=f"answers via {entry} lack {header}", evidence=(proof_of,)))
        twice = next((a for a in answered if a.entry == entry and len(a.ids) > 1), None)
        if twice is not None:
            seen = Evidence(source=twice.label, text="; ".join(twice.ids))
            findings.append(Finding(message=f"answers via {entry} carry {header} more than once", evidence=(seen,)))
    ids = list(_made(request_logs))
    findings += _repeated(ids, header)
    if declared.uuid and (other := [value for value in ids if not is_uuid(value)]):
        shown = Evidence(source=header, text=", ".join(other[:SHOWN]))
        findings.append(
            Finding(message=f"{len(other)} of {len(ids)} ids are no UUIDs, which are declared", evidence=(shown,))
        )
    if not findings and len(ids) < limits.ids_at_least:
        why = request_logs.not_done.get("burst", "too few requests were answered")
        raise Inconclusive(f"only {len(ids)} ids were seen: {why}")
    measured = (Measurement(name="distinct ids", value=len(set(ids)), unit="count"),)
    return Verdict(
        findings=tuple(findings), measured=measured, summary=f"{len(ids)} answers, {len(set(ids))} ids in {header}"
    )


def _made(fact: RequestLogs) -> Iterator[str]:
    """Every id that the service made itself."""
    yield from (a.ids[0] for a in fact.asked if a.ids and a.ids[0] and a.purpose != "inbound")
    yield from (value for values in fact.burst.values() for value in values if value)


def _repeated(ids: list[str], header: str) -> Iterator[Finding]:
    repeated = [(value, count) for value, count in Counter(ids).most_common(SHOWN) if count > 1]
    if repeated:
        text = ", ".join(f"{value}: {count} times" for value, count in repeated)
        many = sum(count for count in Counter(ids).values() if count > 1)
        yield Finding(
            message=f"{many} of {len(ids)} answers share their id with another",
            evidence=(Evidence(source=header, text=text),),
        )
