"""Answers tell how long they took, truthfully."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.declared.logs import process_time_of
from readiness.facts.logs import Asked, RequestLogs
from readiness.logs.server_timing import milliseconds_in
from readiness.logs.values import seconds_in
from readiness.target import Target

FIRST_NOT_SUCCESS = 300
EXAMPLE = "process_time: {header: X-Process-Time, unit: s}"
UNITS = ("s", "ms", "us")


@dataclass(frozen=True, kw_only=True)
class ProcessTimeLimits:
    """How far the told duration may be from the measured one."""

    # The ledger's tenth, for a request of known duration.
    slow_ratio: float = 0.1
    # Clocks and rounding; the client's own time contains the server's.
    above_seconds: float = 0.02
    # Fewer values may be equal by chance, where they are rounded.
    values_at_least: int = 5


@check(
    id="log.process_time",
    category=Category.LOG,
    severity=Severity.LOW,
    title="Every answer tells its duration in X-Process-Time, truthfully",
    why="A caller who sees a slow answer learns whether the service or the way there was slow, unless the figure is made up.",
    source="claims ledger, log.process_time",
    remediation="Take the time in the outermost middleware from the request's arrival to the answer's begin, and send it.",
    seeds=("memorai",),
    defects=("process-time-constant",),
)
def check_process_time(request_logs: RequestLogs, target: Target, limits: ProcessTimeLimits) -> Verdict:
    """Compare the header with what was measured, on quick requests and on one of known least duration."""
    declared = process_time_of(target)
    target.require("process_time", True, example=EXAMPLE)  # may be none
    asked = [a for a in request_logs.asked if a.status is not None]
    if not any(a.purpose == "ok" for a in asked):
        raise Inconclusive("no successful answer was seen", supply="paths:\n  ok: /a/path/answering/200")
    shown = declared.header or "a process time"
    told = [a for a in asked if a.process_time]
    if not told and not declared.header:
        raise Inconclusive("no answer seems to tell a duration", supply=EXAMPLE, undeclared="process_time")
    if not told:
        proof = (Evidence(source=asked[0].label, text=f"without {shown}"),)
        return Verdict(findings=(Finding(message=f"no answer carries {shown}", evidence=proof),))
    # Answers to what the service refuses to parse come from the server in front of it.
    bare = [a for a in asked if not a.process_time and a.purpose != "inbound"]
    findings: list[Finding] = []
    if bare:
        without = tuple(Evidence(source=a.label, text=f"without {shown}") for a in bare[:3])
        findings.append(Finding(message=f"{len(bare)} of {len(asked)} answers lack {shown}", evidence=without))
    units = (declared.unit,) if declared.unit else UNITS
    values = {a: _meanings(a.process_time, units) for a in told}
    if no_number := [a for a in told if not values[a]]:
        proof = (Evidence(source=no_number[0].label, text=no_number[0].process_time[:100]),)
        findings.append(Finding(message=f"{shown} is no number", evidence=proof))
    findings += _too_long(values, limits)
    findings += _constant(values, limits)
    slow = [a for a in values if a.purpose == "slow" and values[a]]
    measured = [
        Measurement(name="told for a slow request", value=round(_nearest(values[a], a.seconds), 4), unit="s")
        for a in slow
    ]
    measured += [Measurement(name="measured for it", value=round(a.seconds, 4), unit="s") for a in slow]
    if not findings:
        _require_truth(slow, values, request_logs, limits)
    return Verdict(
        findings=tuple(findings), measured=tuple(measured), summary="; ".join(m.describe() for m in measured)
    )


def _meanings(told: str, units: tuple[str, ...]) -> tuple[float, ...]:
    """What a header's value may mean, in seconds; Server-Timing names its figures and has a unit of its own."""
    plain = seconds_in(told, units)
    milliseconds = None if plain else milliseconds_in(told)
    return plain if milliseconds is None else seconds_in(milliseconds, ("ms",))


def _nearest(meanings: tuple[float, ...], seconds: float) -> float:
    return min(meanings, key=lambda value: abs(value - seconds))


def _too_long(values: dict[Asked, tuple[float, ...]], limits: ProcessTimeLimits) -> Iterator[Finding]:
    longer = [a for a, told in values.items() if told and min(told) > a.seconds + limits.above_seconds]
    negative = [a for a, told in values.items() if told and max(told) < 0]
    if wrong := longer or negative:
        proof = (
            Evidence(source=wrong[0].label, text=f"told {wrong[0].process_time}, measured {wrong[0].seconds:.4f} s"),
        )
        word = "more time than they took" if longer else "negative times"
        yield Finding(message=f"{len(wrong)} answers tell {word}", evidence=proof)


def _constant(values: dict[Asked, tuple[float, ...]], limits: ProcessTimeLimits) -> Iterator[Finding]:
    """One figure for all, however long they took: a slow one among them."""
    slow = [a for a in values if a.at_least_seconds]
    if slow and len(values) >= limits.values_at_least and len({a.process_time for a in values}) == 1:
        asked = slow[0]
        proof = (Evidence(source=asked.label, text=f"told {asked.process_time}, measured {asked.seconds:.3f} s"),)
        yield Finding(message=f"all {len(values)} answers tell the same time, however long they took", evidence=proof)


def _require_truth(
    slow: list[Asked], values: dict[Asked, tuple[float, ...]], fact: RequestLogs, limits: ProcessTimeLimits
) -> None:
    """Stop a pass that has seen no slow request told as slow.

    Raises:
        Inconclusive: there was none, or the service began to count only when the whole request was there.
    """
    if not slow:
        raise Inconclusive(
            f"no request of known duration was answered: {fact.not_done.get('slow', 'it was refused')}",
            supply="paths:\n  invalid: {method: POST, path: /a/path/that/reads/a/body, json: {}}",
        )
    for asked in slow:
        told = _nearest(values[asked], asked.seconds)
        if abs(told - asked.seconds) > max(limits.slow_ratio * asked.seconds, limits.above_seconds):
            raise Inconclusive(
                f"told {told:.3f} s for a request whose body took {asked.at_least_seconds:g} s of {asked.seconds:.3f} s to come: "
                "a server that reads the whole body first does not count that"
            )
