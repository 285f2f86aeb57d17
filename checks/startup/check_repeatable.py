"""Every cold start of the stack gets ready, also with a slow store."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.start import StackStart
from readiness.facts.startup import ColdStarts, Started


@dataclass(frozen=True, kw_only=True)
class RepeatLimits:
    """How long a cold start may take, without the building of images, in seconds."""

    busy_seconds: float = 30.0  # whoever took so long before may just have been unlucky with the machine
    seconds: float = 300.0  # a deployment that is not up in five minutes counts as failed; deadlines: hold besides


@check(
    id="startup.repeatable",
    category=Category.STARTUP,
    severity=Severity.MEDIUM,
    title="Repeated cold starts, one with a slow store, all get ready without a restart",
    why="A start that only mostly works fails at night, when everything is slow and nobody looks.",
    source="Claims ledger, startup.repeatable (aistack): every start ready in time, RestartCount 0",
    remediation="Wait for what is needed instead of for time; let no service end because another one is late.",
    seeds=("aistack",),
    defects=("first-start-fails", "starts-before-database"),
)
def check_repeatable(stack_start: StackStart, cold_starts: ColdStarts, limits: RepeatLimits) -> Verdict:
    """Judge the audited stack's start and those of copies with volumes and networks of their own."""
    every = (Started(name="start 1", start=stack_start), *cold_starts.starts)
    findings: list[Finding] = []
    measured: list[Measurement] = []
    doubts: list[str] = []
    for one in every:
        slow = f" with a slow {one.slowed}" if one.slowed else ""
        seconds = round(one.start.seconds - one.start.build_seconds, 2)
        at_most = limits.seconds if one.start.is_up else None
        measured.append(Measurement(name=f"{one.name}{slow}", value=seconds, unit="s", at_most=at_most))
        lost = [service for service in one.start.services if not service.is_ready and service.cause is not None]
        if not one.start.is_up and _is_only_slow(one, stack_start, limits):
            doubts.append(
                f"{one.name}{slow} was not ready after {seconds:.0f} s, and nothing but time was seen to lack"
            )
        elif not one.start.is_up:
            proof = tuple(
                Evidence(source=f"{s.service}: {s.cause}", text="\n".join((s.detail, *s.log_lines[-8:])))
                for s in lost[:3]
            )
            findings.append(Finding(message=f"{one.name}{slow} did not get ready", evidence=proof))
        restarted = [service for service in one.start.services if service.restarts]
        for service in restarted:
            text = f"RestartCount {service.restarts}, exit code {service.exit_code}"
            evidence = (Evidence(source=f"{one.name}{slow}", text=text),)
            times = f"{service.restarts} {'time' if service.restarts == 1 else 'times'}"
            message = f"{one.name}{slow}: {service.service} was restarted {times} on the way"
            findings.append(Finding(message=message, evidence=evidence))
    if doubts and not findings:
        raise Inconclusive("; ".join(doubts), supply="deadlines: {SERVICE: SECONDS}")
    also = f"; {cold_starts.not_slowed}" if cold_starts.not_slowed else ""
    summary = "" if findings else f"{len(every)} cold starts, all ready, no restart{also}"
    return Verdict(findings=findings, measured=measured, summary=summary)


def _is_only_slow(one: Started, first: StackStart, limits: RepeatLimits) -> bool:
    """Whether time ran out for a store that we slowed down, or on a machine that took long before."""
    lost = [s for s in one.start.services if not s.is_ready and s.cause is not None]
    roots = [s for s in lost if not any(other.service in s.needs for other in lost)] or lost
    if any(s.restarts or s.state != "running" for s in roots):
        return False
    if any(s.service == one.slowed for s in roots):
        return True
    return first.seconds - first.build_seconds > limits.busy_seconds
