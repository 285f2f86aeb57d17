"""Every container of the stack ends by itself when it is stopped."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.stack_stop import StackRestart, StoppedService

#: 128 + SIGKILL.
KILLED = 137


@check(
    id="drain.all_containers",
    category=Category.DRAIN,
    severity=Severity.MEDIUM,
    title="Every container of the stack ends by itself within its grace period when it is stopped",
    why="What is killed finishes nothing: stores recover at their next start, workers and proxies cut what they were doing.",
    source="Claims ledger, drain.all_containers (brainda); Docker documentation, docker container stop",
    remediation=(
        "Let the main process be process 1 and handle the stop signal (exec in start scripts, or init: true), name the "
        "signal it knows (stop_signal), and set stop_grace_period above what it needs."
    ),
    seeds=("brainda",),
    defects=("worker-ignores-signals", "signal-ignored", "shutdown-never-ends", "signal-kept-by-shell"),
)
def check_all_containers(stack_restart: StackRestart) -> Verdict:
    """Judge each service that ran when it was stopped; one that had ended before needs no stop."""
    running = [each for each in stack_restart.stopped if each.was == "running"]
    rest = [f"{each.service} was {each.was}" for each in stack_restart.stopped if each.was and each.was != "running"]
    findings = [finding for each in running if (finding := _finding(each))]
    doubts = [f"{each.service}: {each.problem}" for each in stack_restart.stopped if each.problem]
    doubts += [f"{e.service}: no exit code is known" for e in running if e.exit_code is None and not e.problem]
    if doubts and not findings:
        raise Inconclusive("; ".join(doubts))
    if not running:
        raise NotApplicable(f"nothing ran that could be stopped: {'; '.join(rest) or 'there is no service'}")
    ends = ", ".join(f"{e.service} {e.seconds:.1f} s ({e.exit_code})" for e in running)
    return Verdict(
        findings=findings,
        measured=[
            Measurement(name="services stopped", value=len(running), unit="count"),
            Measurement(name="slowest stop", value=max(each.seconds for each in running), unit="s"),
        ],
        summary="; ".join([f"stopped in order: {ends}", *rest]),
        credit=round(1 - len(findings) / len(running), 2),
    )


def _finding(each: StoppedService) -> Finding | None:
    evidence = [
        Evidence(
            source=f"stop of {each.service}",
            text=f"exit code {each.exit_code} after {each.seconds:g} s, grace period {each.grace_seconds:g} s",
        )
    ]
    evidence += [Evidence(source=f"log of {each.service}", text=each.log)] if each.log else []
    # An engine goes on saying so where anything in the container once ran out of memory: the end itself is told by the code.
    if each.exit_code != KILLED:
        return None
    if each.is_oom_killed:
        return Finding(message=f"{each.service} was killed for want of memory", evidence=tuple(evidence))
    how = (
        f"did not end within its grace period of {each.grace_seconds:g} s and was killed"
        if each.seconds >= each.grace_seconds
        else f"was killed {each.seconds:.1f} s after its stop signal, before its grace period had passed"
    )
    return Finding(message=f"{each.service} {how}", evidence=tuple(evidence))
