"""Health checks of containers see what they are there to see."""

from __future__ import annotations

import re
from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.container_trials import CommandRun, ContainersAtRest, HealthTrial, HealthTrials
from readiness.facts.containers import Container

#: How the engine says that a command is not in the image.
_ABSENT = re.compile(r"executable file not found|no such file or directory|: not found", re.IGNORECASE)


@check(
    id="compose.healthcheck_truthful",
    category=Category.COMPOSE,
    severity=Severity.HIGH,
    title="A container's health check is green at rest, turns red when the container does nothing any more, and green again",
    why="A check that cannot fail hides a dead service for good; one that cannot pass keeps a sound stack from starting.",
    source="Claims ledger, compose.healthcheck_truthful; Compose specification, healthcheck (interval, timeout, retries)",
    remediation="Let the check ask the program for an answer of its own (a request, a PING), not whether a port or a process exists; call only what the image has.",
    seeds=("memorai", "aistack"),
    defects=("worker-health-check-of-another-port", "worker-health-check-always-green", "api-health-check-of-the-port"),
)
def check_healthcheck_truthful(container_health: HealthTrials, containers_at_rest: ContainersAtRest) -> Verdict:
    """Judge each check's own command, run as the engine runs it, while all processes of its container were stuck.

    The engine's state follows from the command's: so many runs in a row that are not green.
    """
    if not container_health.trials:
        raise NotApplicable("no running container has a health check")
    findings: list[Finding] = []
    doubts: list[str] = []
    measured: list[Measurement] = []
    for trial in container_health.trials:
        container = next((c for c in containers_at_rest.containers if c.service == trial.service), None)
        findings += _judge(trial, container, doubts)
        if trial.red is not None:
            measured.append(Measurement(name=f"{trial.service} red after", value=trial.watched_seconds, unit="s"))
        measured.append(Measurement(name=f"{trial.service} unhealthy within", value=trial.bound_seconds, unit="s"))
    if doubts and not findings:
        raise Inconclusive("; ".join(doubts))
    seen = ", ".join(trial.service for trial in container_health.trials)
    summary = f"their commands were run while everything in the container was stuck: {seen}"
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary)


def _judge(trial: HealthTrial, container: Container | None, doubts: list[str]) -> Iterator[Finding]:
    name = trial.service
    if trial.before is None or not trial.before.is_green:
        is_red = container is not None and container.health == "unhealthy"
        said = trial.problem or _words(trial.before)
        if is_red or _ABSENT.search(trial.problem):
            yield Finding(message=f"the health check of {name} is red at rest", evidence=(_proof(trial, said),))
        else:
            doubts.append(f"{name}: its health check was not green at rest: {said}")
    elif trial.is_restarted:
        doubts.append(f"{name} was restarted meanwhile, so its health check was asked of two programs")
    elif trial.problem:
        doubts.append(f"{name}: {trial.problem}")
    elif trial.red is None and trial.watched_seconds < trial.bound_seconds:
        doubts.append(
            f"{name}: its health check was green for {trial.watched_seconds:.0f} s while everything in it was stuck; "
            f"the engine would say unhealthy after {trial.bound_seconds:.0f} s, which is not waited for"
        )
    elif trial.red is None:
        message = f"the health check of {name} stays green while everything in the container is stuck"
        text = f"after {trial.watched_seconds:.0f} s: {_words(trial.stuck)}"
        yield Finding(message=message, evidence=(_proof(trial, text),))
    elif trial.after is None or not trial.after.is_green:
        message = f"the health check of {name} stays red when the container goes on"
        yield Finding(message=message, evidence=(_proof(trial, _words(trial.after)),))


def _proof(trial: HealthTrial, text: str) -> Evidence:
    return Evidence(source=f"health check of {trial.service}: {trial.test}", text=text)


def _words(run: CommandRun | None) -> str:
    if run is None:
        return "not run"
    code = "not ended in its time" if run.exit_code is None else f"exit code {run.exit_code}"
    return f"{code} after {run.seconds:.1f} s{f': {run.output}' if run.output else ''}"
