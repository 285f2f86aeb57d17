"""A leak stays inside its container."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.containers.recovering import RecoveryLimits, is_crowded, recovery_of
from readiness.containers.services import joined, size
from readiness.facts.container_trials import MemoryTrial, MemoryTrials


@check(
    id="compose.memory_limit_contains",
    category=Category.COMPOSE,
    severity=Severity.MEDIUM,
    title="What takes more memory than its container may have is killed, nothing else is, and the container is well again",
    why="Without it one leak makes the host kill whatever is largest, which is usually the database.",
    source="Claims ledger, compose.memory_limit_contains; Docker documentation, Resource constraints",
    remediation="Set a memory limit per service; let the container's first process be the program itself, or one that ends with it.",
    seeds=("brainda",),
    defects=("api-outlived-by-its-shell",),
)
def check_memory_limit_contains(container_memory: MemoryTrials, limits: RecoveryLimits) -> Verdict:
    """Judge each container with a limit in which a program took more; the others are named."""
    trials = container_memory.trials
    if not trials:
        raise NotApplicable("no container has a memory limit that could cut anything (see compose.limits_set)")
    told = [trial for trial in trials if not trial.problem]
    untried = [f"{trial.service}: {trial.problem}" for trial in trials if trial.problem]
    if not told:
        raise Inconclusive(f"no memory limit could be tried: {'; '.join(untried)}")
    load = container_memory.load_per_cpu
    slow = [t for t in told if is_crowded(load, t.well_seconds, t.status, limits)]
    judged = [trial for trial in told if trial not in slow]
    findings = [finding for trial in judged for finding in _judge(trial)]
    measured = tuple(recovery_of(t.service, t.well_seconds, limits) for t in judged if t.well_seconds is not None)
    if slow and not findings and all(m.is_within for m in measured):
        names = joined(trial.service for trial in slow)
        raise Inconclusive(f"{names} was not well again in time, and this machine was too busy to tell")
    killed = "; ".join(
        f"{t.service} at {size(t.limit_bytes)}" + (f" ({t.victim} killed after it)" if t.victim else "") for t in told
    )
    summary = "; ".join([f"cut: {killed}", *(f"not tried: {words}" for words in untried)])
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)


def _judge(trial: MemoryTrial) -> Iterator[Finding]:
    limit = size(trial.limit_bytes)
    source = f"a program in {trial.service} that takes {size(trial.asked_bytes)}"
    if not trial.is_cut:
        proof = Evidence(source=source, text="ended by itself with all that it asked for")
        yield Finding(message=f"{trial.service} takes more memory than its limit of {limit}", evidence=(proof,))
    if trial.disturbed:
        proof = Evidence(source=source, text=f"restarted or not running afterwards: {joined(trial.disturbed)}")
        message = f"memory that runs out in {trial.service} takes {joined(trial.disturbed)} along"
        yield Finding(message=message, evidence=(proof,))
    if trial.well_seconds is None:
        what = (
            f"{trial.victim} was killed, as the kernel kills what leaks" if trial.victim else "the program was killed"
        )
        said = f"; its health check: exit code {trial.last.exit_code} {trial.last.output}" if trial.last else ""
        text = f"{what}; {trial.watched_seconds:.0f} s later: {trial.status}{said}"
        proof = Evidence(source=source, text=text)
        yield Finding(message=f"{trial.service} does not recover from memory that ran out", evidence=(proof,))
