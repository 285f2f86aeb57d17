"""Requests in flight when the stop signal comes complete with their full answer."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.draining.judging import UNAVAILABLE, evidence_of, is_full, open_at_signal, stop_of
from readiness.draining.timeline import timeline
from readiness.facts.drain import DrainRuns, Fate, Kind, Stop, Tracked

LIMITED = 429
SUPPLY = (
    "record:\n  create: {method: POST, path: /notes, json: {text: x}, as: user, id: id}\n"
    "slow: {path: '/slow?seconds=5', seconds: 5}\n"
    "drain:\n  stream: {path: /notes/export, as: user}"
)


@dataclass(frozen=True, kw_only=True)
class InFlightLimits:
    """When a refusal of what was half sent is a clean one."""

    # Who has not sent everything and is told so at once can send it again elsewhere.
    refusal_seconds: float = 2.0


@check(
    id="drain.inflight_completes",
    category=Category.DRAIN,
    severity=Severity.HIGH,
    title="Requests in flight complete after the stop signal",
    why="Every deployment stops the service: a request that is cut off then is an error that a user sees.",
    source="Kubernetes documentation, Pod lifecycle, termination of Pods; claims ledger, drain.inflight_completes",
    remediation="On the stop signal stop accepting, finish what is open, and only then end; give the server's own "
    "graceful timeout more time than the slowest request takes.",
    seeds=("brainda", "brain"),
    defects=("drain-cuts-requests", "drain-cuts-streams", "exit-at-once"),
)
def check_inflight_completes(drain_runs: DrainRuns, limits: InFlightLimits) -> Verdict:
    """Judge the fate of every request that was open when the signal came."""
    stop = stop_of(drain_runs)
    # Whom a limiter refuses was not in flight, whatever happens to the service.
    held = tuple(r for r in open_at_signal(stop) if r.status != LIMITED)
    if not held:
        reason = "; ".join(drain_runs.not_done.values()) or "no request was in flight"
        raise Inconclusive(f"nothing was in flight: {reason}", supply=SUPPLY)

    def is_refused(request: Tracked) -> bool:
        is_half = request.kind in {Kind.WRITE, Kind.UPLOAD} and request.status == UNAVAILABLE
        return is_half and request.fate is Fate.FINISHED and request.ended_seconds <= limits.refusal_seconds

    finished = tuple(r for r in held if is_full(r, drain_runs.control))
    refused = tuple(r for r in held if is_refused(r))
    lost = tuple(r for r in held if r not in finished and r not in refused)
    if lost and not stop.is_taken_on and all(_is_unseen(r) for r in lost):
        raise Inconclusive(
            f"{len(lost)} of {len(held)} requests had no answer, and when the signal came new connections still waited: "
            "the service may not have seen them",
            supply="a machine with less to do",
        )
    if not finished and not lost:
        raise Inconclusive(f"all {len(refused)} requests were half sent and refused at once", supply=SUPPLY)
    charts = (timeline(drain_runs.service, stop, drain_runs.control),)
    measured = (
        Measurement(name="in flight", value=len(held), unit="count"),
        Measurement(name="finished", value=len(finished), unit="count"),
    )
    if lost:
        message = (
            f"{len(lost)} of {len(held)} requests in flight got no full answer after {stop.ending.signal}; "
            f"{stop.ending.words}"
        )
        finding = Finding(message=message, evidence=evidence_of(lost))
        return Verdict(findings=(finding,), measured=measured, credit=len(finished) / len(held), charts=charts)
    last = max(r.ended_seconds for r in finished)
    summary = (
        f"{len(finished)} of {len(held)} requests in flight finished, the last {last:.1f} s after the signal{_writes(stop)}"
        f"{f'; no more because: {drain_runs.fewer}' if drain_runs.fewer else ''}"
    )
    return Verdict(measured=measured, summary=summary, charts=charts)


def _is_unseen(request: Tracked) -> bool:
    """As a request ends that a server closes its port on before it has taken it on."""
    return request.fate is Fate.RESET and request.status is None


def _writes(stop: Stop) -> str:
    """What became of the writes, which another check judges."""
    told = [written.is_there for written in stop.written if written.is_there is not None]
    return f", {told.count(False)} of {len(told)} acknowledged writes lost" if told else ""
