"""Queued jobs survive a restart and a crash of their queue."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.jobs import JOBS_EXAMPLE, jobs_of
from readiness.facts.persistence import JobFate, QueueSurvival
from readiness.persistence.answers import tells_nothing
from readiness.target import Role, Target

ENDS = {
    "stop": "the worker was stopped and started",
    "restart": "the queue's store was restarted",
    "crash": "the queue's store crashed",
}


@check(
    id="persist.queue_survives",
    category=Category.PERSIST,
    severity=Severity.HIGH,
    title="Queued jobs survive a restart and a crash of their queue",
    why="A job that was accepted and is never done is lost work, and nobody is told.",
    source="Claims ledger, persist.queue_survives",
    remediation="Keep the queue on disk (appendonly yes, a named volume), and never let it be evicted (noeviction).",
    seeds=("brainda",),
    defects=("redis-save-points-only", "redis-without-persistence", "redis-evicts-queue", "worker-starts-afresh"),
)
def check_queue_survives(queue_survival: QueueSurvival, target: Target) -> Verdict:
    """Judge the fate of every accepted job, and whether the store may throw waiting jobs away."""
    target.require("jobs", jobs_of(target), example=JOBS_EXAMPLE)
    if not target.services_of(Role.WORKER):
        target.require("roles.worker", None, example="roles: {worker: SERVICE}")
    fact = queue_survival
    if "control" in fact.not_done or "worker" in fact.not_done:
        raise Inconclusive("; ".join(fact.not_done.values()), supply=JOBS_EXAMPLE)
    looked = [why for part, why in fact.not_done.items() if part.startswith("looking into")]
    if not fact.stores:
        if looked:
            raise Inconclusive(f"where jobs wait could not be seen: {'; '.join(looked)}")
        raise NotApplicable("a waiting job was found in no Redis of the stack: its queue is elsewhere")
    findings = [*_lost(fact.jobs), *_evicted(fact)]
    missed = [f"{part}: {why}" for part, why in fact.not_done.items() if part in ENDS]
    missed += [f"job {job.id}: {job.status}" for job in fact.jobs if not job.is_done and tells_nothing(job.status)]
    if not findings and missed:
        raise Inconclusive("; ".join(missed))
    doubled = sum(job.lines >= 2 * fact.control_lines > 0 for job in fact.jobs)
    measured = (
        Measurement(name="jobs done", value=sum(job.is_done for job in fact.jobs), unit="count"),
        Measurement(name="jobs with twice the log lines of one in peace", value=doubled, unit="count"),
    )
    summary = f"{len(fact.jobs)} of {len(fact.jobs)} jobs were done after {', '.join(fact.events)}"
    return Verdict(findings=tuple(findings), measured=measured, summary=summary)


def _lost(jobs: tuple[JobFate, ...]) -> list[Finding]:
    findings = []
    for before, word in ENDS.items():
        asked = [job for job in jobs if job.before == before]
        lost = [job for job in asked if not job.is_done and not tells_nothing(job.status)]
        if lost:
            evidence = tuple(Evidence(source=f"job {job.id}: {job.status}", text=job.last) for job in lost[:3])
            message = f"{len(lost)} of {len(asked)} jobs that were accepted before {word} were never done"
            findings.append(Finding(message=message, evidence=evidence))
    return findings


def _evicted(fact: QueueSurvival) -> list[Finding]:
    """A Redis that is full throws away any key, jobs too, where its policy is one of *allkeys*."""
    findings = []
    for service, settings in fact.settings.items():
        policy, most = settings.get("maxmemory-policy", ""), settings.get("maxmemory", "0")
        if policy.startswith("allkeys-") and most not in {"", "0"}:
            message = f"{service} holds waiting jobs and may throw any of them away: {policy} at {most} bytes"
            findings.append(Finding(message=message))
    return findings
