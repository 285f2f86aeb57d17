"""The lines of a request carry its id, and no other request's."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.ids import id_of, naming
from readiness.logs.view import MAX_EVIDENCE, Entry, View, view_of
from readiness.target import Target


@check(
    id="reqid.in_logs",
    category=Category.REQID,
    severity=Severity.HIGH,
    title="Every log line of a request carries its id, also among concurrent requests",
    why="A line without the id cannot be found; a line with another request's id leads to the wrong user.",
    source="claims ledger, reqid.in_logs",
    remediation=(
        "Bind the id to the request's context (contextvars, MDC, AsyncLocalStorage) in the outermost middleware, "
        "never to a variable that requests share."
    ),
    seeds=("myragdb", "memorai", "brain"),
    defects=("id-not-in-logs", "id-of-another-request", "id-constant"),
)
def check_in_logs(request_logs: RequestLogs, target: Target) -> Verdict:
    """Find the lines of concurrent requests by the path that each has alone, and read the ids in them."""
    view = view_of(request_logs, target)
    target.require("request_id", True, example="request_id: {header: X-Request-ID}")  # may be none
    asked = request_logs.of("marker")
    named = {a: [entry for entry in view.about_requests if a.marker in entry.text] for a in asked}
    if not any(named.values()):
        raise NotApplicable("no line names any of the requests, so no line can lack an id; log.access_line judges that")
    findings = [*_bare(view, named), *_foreign(view, named)]
    lines = sum(map(len, named.values()))
    measured = (
        Measurement(name="concurrent requests found in the log", value=sum(map(bool, named.values())), unit="count"),
    )
    return Verdict(
        findings=tuple(findings), measured=measured, summary=f"{lines} lines of {len(asked)} requests carry their ids"
    )


def _ids(view: View, asked: Asked, entry: Entry) -> str:
    """The id in a line: its answer's own where the line repeats it, else what is in the field."""
    own = next((id_of(known) for known in asked.ids if known and naming([id_of(known)]).search(entry.text)), "")
    return own or id_of(str(view.get(entry, "request_id") or ""))


def _bare(view: View, named: dict[Asked, list[Entry]]) -> Iterator[Finding]:
    bare = [entry for asked, entries in named.items() for entry in entries if not _ids(view, asked, entry)]
    if bare:
        total = sum(map(len, named.values()))
        proof = tuple(entry.evidence for entry in bare[:MAX_EVIDENCE])
        yield Finding(message=f"{len(bare)} of {total} lines about requests carry no request id", evidence=proof)


def _foreign(view: View, named: dict[Asked, list[Entry]]) -> Iterator[Finding]:
    """Lines whose id is not their answer's, or is also that of another request."""
    wrong: list[tuple[Asked, Entry]] = []
    owners: dict[str, set[str]] = {}
    for asked, entries in named.items():
        for entry in entries:
            found = _ids(view, asked, entry)
            owners.setdefault(found, set()).add(asked.marker)
            if found and asked.ids and asked.ids[0] and found != id_of(asked.ids[0]):
                wrong.append((asked, entry))
    shared = {found for found, markers in owners.items() if found and len(markers) > 1}
    if wrong:
        asked, entry = wrong[0]
        proof = (Evidence(source=asked.label, text=f"answered with id {asked.ids[0]}"), entry.evidence)
        yield Finding(message=f"{len(wrong)} lines carry another id than their request's answer", evidence=proof)
    elif shared:
        entries = [e for a, lines in named.items() for e in lines if _ids(view, a, e) in shared]
        shown = tuple(entry.evidence for entry in entries[:MAX_EVIDENCE])
        yield Finding(message=f"{len(entries)} lines of different requests carry the same id", evidence=shown)
