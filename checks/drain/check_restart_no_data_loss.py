"""What was acknowledged before a restart of the whole stack is there afterwards."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.declared.jobs import JOBS_EXAMPLE
from readiness.declared.record import RECORD_EXAMPLE
from readiness.facts.stack_stop import Kept, StackRestart
from readiness.target import Role, Target

#: Fewer acknowledged ones could all have been written long before the stop.
LEAST_RECORDS, LEAST_JOBS = 10, 2


@check(
    id="drain.restart_no_data_loss",
    category=Category.DRAIN,
    severity=Severity.CRITICAL,
    title="A restart of every service loses no acknowledged record and no queued job",
    why="Whoever was told that something is stored or will be done relies on it; a restart happens at every update.",
    source="Claims ledger, drain.restart_no_data_loss (brainda, brain)",
    remediation=(
        "Answer only after the commit, keep the queue in a store that writes to disk (Redis: appendonly yes, a named "
        "volume), and acknowledge a job only when it is done."
    ),
    seeds=("brainda", "brain"),
    defects=("worker-drops-job", "worker-starts-afresh", "redis-without-persistence"),
)
def check_restart_no_data_loss(stack_restart: StackRestart, target: Target) -> Verdict:
    """Judge records and jobs, as far as the stack has them."""
    records, jobs = stack_restart.records, stack_restart.jobs
    has_jobs = bool(target.extra.get("jobs")) or bool(target.services_of(Role.WORKER))
    if "record" in target.declined and ("jobs" in target.declined or not has_jobs):
        raise NotApplicable(f"nothing is kept: record: none, because {target.declined['record']}")
    if stack_restart.problem:
        raise Inconclusive(f"the stack did not serve again after the restart: {stack_restart.problem}")
    tried = [kept for kept in (records, jobs) if not kept.reason]
    findings = [finding for kept in tried if (finding := _finding(kept))]
    if not findings:
        if "record" not in target.declined:
            _require(records, LEAST_RECORDS, example=RECORD_EXAMPLE)
        if has_jobs and "jobs" not in target.declined:
            _require(jobs, LEAST_JOBS, example=JOBS_EXAMPLE)
    counts = " and ".join(f"{kept.acknowledged} {kept.what}" for kept in tried)
    return Verdict(
        findings=findings,
        measured=[
            *(Measurement(name=f"{k.what} acknowledged", value=k.acknowledged, unit="count") for k in tried),
            Measurement(name="until it served again", value=stack_restart.back_seconds, unit="s"),
        ],
        summary=""
        if findings
        else f"{len(stack_restart.stopped)} services were stopped and started: {counts} were there again",
    )


def _require(kept: Kept, least: int, *, example: str) -> None:
    if kept.reason:
        raise Inconclusive(kept.reason, supply=example, undeclared=kept.undeclared)
    if kept.unread:
        raise Inconclusive(f"{len(kept.unread)} {kept.what} could not be looked at afterwards: {kept.unread[0].answer}")
    if kept.acknowledged < least or not kept.late:
        raise Inconclusive(
            f"{kept.acknowledged} {kept.what} were acknowledged before the restart, {kept.late} of them shortly before: "
            f"too few to tell"
        )


def _finding(kept: Kept) -> Finding | None:
    if not kept.lost:
        return None
    what = "not done after the restart" if kept.what == "jobs" else "not there after the restart"
    return Finding(
        message=f"{len(kept.lost)} of {kept.acknowledged} acknowledged {kept.what} are {what}",
        evidence=tuple(Evidence(source=f"{kept.what[:-1]} {lost.id}", text=lost.answer) for lost in kept.lost[:5]),
    )
