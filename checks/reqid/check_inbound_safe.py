"""An id that the caller sends is replaced, or taken over only when it is well formed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.declared.logs import request_id_of
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.view import MAX_EVIDENCE, Entry, View, view_of
from readiness.target import Target

#: What cannot be mistaken for anything else in a header, a log line or a query: letters, digits and a few separators.
WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=@-]*")


@dataclass(frozen=True, kw_only=True)
class InboundLimits:
    """How long an id may be."""

    # Generous: a UUID has 36 characters, AWS's trace header about 100 (X-Amzn-Trace-Id with root, parent and sampled).
    characters: int = 256


@check(
    id="reqid.inbound_safe",
    category=Category.REQID,
    severity=Severity.MEDIUM,
    title="A request id from outside cannot inject into headers or logs",
    why="Whoever may write what stands in the log can forge lines, hide what they did, or fill the disk.",
    source="claims ledger, reqid.inbound_safe; CWE-117 (log injection), CWE-113 (header injection)",
    remediation="Keep an inbound id only where it matches [A-Za-z0-9_-]{8,64}; make a new one otherwise.",
    seeds=("memorai", "brain"),
    defects=("id-inbound-unchecked",),
)
def check_inbound_safe(request_logs: RequestLogs, target: Target, limits: InboundLimits) -> Verdict:
    """Judge the id in the answer to each kind of inbound id, and the lines that were logged of it."""
    target.require("request_id", True, example="request_id: {header: X-Request-ID}")  # may be none
    if request_logs.header is None:
        raise NotApplicable("no answer carries a request id; reqid.header judges that")
    sent = request_logs.of("inbound")
    if not sent:
        raise Inconclusive(request_logs.not_done.get("inbound", "no request with an id of its own was answered"))
    findings = [finding for asked in sent for finding in _answer(asked, request_logs.header, limits)]
    findings += _declared(sent, request_id_of(target).inbound)
    logged = "logs were not read"
    if not request_logs.no_logs and request_logs.lines:
        view = view_of(request_logs, target)
        findings += _lines(view, sent, limits)
        logged = "and its log lines are whole"
    kinds = ", ".join(asked.kind for asked in sent)
    return Verdict(findings=tuple(findings), summary=f"sent: {kinds}; every id in the answers is well formed, {logged}")


def _is_well_formed(text: str, limits: InboundLimits) -> bool:
    return len(text) <= limits.characters and WELL_FORMED.fullmatch(text) is not None


def _answer(asked: Asked, header: str, limits: InboundLimits) -> Iterator[Finding]:
    for value in asked.ids:
        if asked.kind != "well-formed" and not _is_well_formed(value, limits):
            proof = Evidence(source=asked.label, text=f"{header}: {value!r}")
            yield Finding(
                message=f"an inbound id with {_fault(asked.kind)} comes back in the answer", evidence=(proof,)
            )


def _fault(kind: str) -> str:
    return "10,000 characters" if kind == "long" else kind


def _declared(sent: tuple[Asked, ...], inbound: str) -> Iterator[Finding]:
    """What the owner says becomes of a good id."""
    for asked in sent:
        if asked.kind != "well-formed" or not asked.ids or inbound == "either":
            continue
        is_kept = asked.sent_id in asked.ids
        if is_kept != (inbound == "accepted"):
            proof = Evidence(source=asked.label, text=f"sent {asked.sent_id}, came back {asked.ids[0]}")
            yield Finding(message=f"a well-formed inbound id is not {inbound}, as declared", evidence=(proof,))


def _lines(view: View, sent: tuple[Asked, ...], limits: InboundLimits) -> Iterator[Finding]:
    """A line of its own that was never logged, and an id in a line that is none."""
    forged = [e for e in view.entries if e.get("forged") is True or (e.places is None and '"forged":true' in e.text)]
    if forged:
        proof = tuple(entry.evidence for entry in forged[:MAX_EVIDENCE])
        yield Finding(message="an inbound id forged a log line", evidence=proof)
    bad: list[Entry] = []
    for asked in sent:
        for entry in view.of(asked):
            value = view.get(entry, "request_id")
            if asked.kind != "well-formed" and isinstance(value, str) and not _is_well_formed(value, limits):
                bad.append(entry)
    if bad:
        proof = tuple(entry.evidence for entry in bad[:MAX_EVIDENCE])
        yield Finding(
            message="an inbound id that is not well formed stands in the log as the request's id", evidence=proof
        )
