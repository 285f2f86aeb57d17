"""Containers that are left alone keep running."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.containers.services import long_running
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.containers import Container
from readiness.facts.model import StackModel
from readiness.facts.start import StackStart

#: Exit codes from here on are those of signals, which may have been ours.
SIGNALLED = 128
#: Of a moment in ISO 8601: the engine writes it more exactly in one place than in another.
TO_THE_SECOND = 19


@check(
    id="compose.no_restart_loop",
    category=Category.COMPOSE,
    severity=Severity.HIGH,
    title="No container ends or restarts while nothing disturbs it",
    why="A container that dies and comes back looks up in every list, and drops what it was doing each time.",
    source="Claims ledger, compose.no_restart_loop; Docker documentation, docker inspect (RestartCount, State.OOMKilled)",
    remediation="Read the container's last lines before each end: docker logs --tail 50 NAME; cure that, not the policy.",
    seeds=("brainda", "aistack"),
    defects=("worker-restarts-by-itself",),
)
def check_no_restart_loop(
    containers_at_rest: ContainersAtRest, stack_model: StackModel, stack_start: StackStart
) -> Verdict:
    """Compare two looks at the stack, with nothing disturbed in between; what a safe copy lacks is not held against it."""
    seconds = containers_at_rest.watched_seconds
    later = {container.id: container for container in containers_at_rest.later}
    first = {service.service: service.started_at for service in stack_start.services}
    lacking = {change.service: change for change in stack_start.refused if change.service}
    judged = long_running(containers_at_rest, stack_model)
    findings: list[Finding] = []
    doubts: list[str] = []
    for before in judged:
        seen = [*_gone(before, first.get(before.service, "")), *_changes(before, later.get(before.id), seconds)]
        change = lacking.get(before.service)
        if change is None:
            findings += seen
        elif seen:
            doubts.append(f"{seen[0].message}, and a safe copy lacks something of it: {change.what} ({change.why})")
    if doubts and not findings:
        supply = next((change.supply for change in lacking.values() if change.supply), "")
        raise Inconclusive("; ".join(doubts), supply=supply)
    earlier = [f"{c.service} restarted {c.restarts} times before" for c in judged if c.restarts]
    measured = (
        Measurement(name="watched for", value=seconds, unit="s"),
        Measurement(name="containers watched", value=len(judged), unit="count"),
    )
    summary = "" if findings else "; ".join([f"nothing restarted in {seconds:.0f} s", *earlier])
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)


def _gone(before: Container, first_started: str) -> Iterator[Finding]:
    """One that had crashed in its first life, before anybody looked or disturbed anything."""
    is_first = bool(first_started) and before.started_at[:TO_THE_SECOND] == first_started[:TO_THE_SECOND]
    if before.status == "exited" and 0 < before.exit_code < SIGNALLED and is_first and not before.restarts:
        text = f"started {before.started_at}, finished {before.finished_at}, exit code {before.exit_code}"
        proof = Evidence(source=f"docker inspect of {before.service}", text=text)
        yield Finding(
            message=f"{before.service} had ended by itself with exit code {before.exit_code}", evidence=(proof,)
        )


def _changes(before: Container, after: Container | None, seconds: float) -> Iterator[Finding]:
    if after is None:
        proof = Evidence(source=f"container {before.id[:12]}", text="not there any more")
        yield Finding(message=f"{before.service} was replaced within {seconds:.0f} s", evidence=(proof,))
        return
    text = (
        f"restarts {before.restarts}, then {after.restarts}; started {before.started_at}, then {after.started_at}; "
        f"{before.status}, then {after.status}; last exit code {after.exit_code}"
    )
    proof = Evidence(source=f"docker inspect of {before.service}", text=text)
    count = after.restarts - before.restarts
    if count > 0 or after.started_at != before.started_at:
        times = "once" if count <= 1 else f"{count} times"
        yield Finding(message=f"{before.service} restarted {times} in {seconds:.0f} s", evidence=(proof,))
    elif before.status != after.status:
        yield Finding(message=f"{before.service} was {before.status}, then {after.status}", evidence=(proof,))
    if after.is_oom_killed and not before.is_oom_killed:
        yield Finding(message=f"{before.service} ran out of memory", evidence=(proof,))
