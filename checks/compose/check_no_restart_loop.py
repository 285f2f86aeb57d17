"""Containers that are left alone keep running."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Measurement, Severity, Verdict, check
from readiness.containers.services import long_running
from readiness.facts.container_trials import ContainersAtRest
from readiness.facts.containers import Container
from readiness.facts.model import StackModel


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
def check_no_restart_loop(containers_at_rest: ContainersAtRest, stack_model: StackModel) -> Verdict:
    """Compare two looks at the stack, with nothing disturbed in between."""
    seconds = containers_at_rest.watched_seconds
    later = {container.id: container for container in containers_at_rest.later}
    judged = long_running(containers_at_rest, stack_model)
    findings = [f for before in judged for f in _changes(before, later.get(before.id), seconds)]
    earlier = [f"{c.service} restarted {c.restarts} times before" for c in judged if c.restarts]
    measured = (
        Measurement(name="watched for", value=seconds, unit="s"),
        Measurement(name="containers watched", value=len(judged), unit="count"),
    )
    summary = "; ".join([f"nothing restarted in {seconds:.0f} s", *earlier])
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)


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
