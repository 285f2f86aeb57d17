"""A crash heals itself."""

from __future__ import annotations

from collections.abc import Iterator

from readiness import Category, Evidence, Finding, Inconclusive, Severity, Verdict, check
from readiness.containers.recovering import RecoveryLimits, is_crowded, recovery_of
from readiness.facts.container_trials import ContainerCrashes, Crash


@check(
    id="compose.restart_on_crash",
    category=Category.COMPOSE,
    severity=Severity.HIGH,
    title="A crashed container restarts by itself, becomes healthy, and the stack serves again",
    why="A policy in a file is a promise; what counts is that the service is back before anybody has to get up.",
    source="Claims ledger, compose.restart_on_crash; Docker documentation, Start containers automatically",
    remediation="restart: unless-stopped, and a start that does not stumble over what a crash leaves (lock files, sockets, pid files).",
    seeds=("brainda",),
    defects=("worker-not-restarted", "api-stumbles-over-its-crash"),
)
def check_restart_on_crash(container_crashes: ContainerCrashes, limits: RecoveryLimits) -> Verdict:
    """Judge each main process that was killed behind its engine's back, as a crash is."""
    load = container_crashes.load_per_cpu
    told = [crash for crash in container_crashes.crashes if not crash.problem]
    doubts = [f"{crash.service}: {crash.problem}" for crash in container_crashes.crashes if crash.problem]
    doubts += [f"{service}: {why}" for service, why in container_crashes.not_done.items() if "no more than" in why]
    # One whose stack does not serve yet has not come back either.
    slow = [
        c for c in told if is_crowded(load, None if c.serving_seconds is None else c.well_seconds, c.status, limits)
    ]
    doubts += [f"{c.service} was not back in time, and this machine was too busy to tell" for c in slow]
    judged = [crash for crash in told if crash not in slow]
    findings = [finding for crash in judged for finding in _judge(crash)]
    measured = tuple(recovery_of(c.service, c.well_seconds, limits) for c in judged if c.well_seconds is not None)
    if not findings and all(m.is_within for m in measured) and (doubts or not told):
        if doubts:
            raise Inconclusive("; ".join(doubts))
        reason = "no container's main process runs, so none could be killed"
        raise Inconclusive(
            reason, supply="a container that stays up: compose.no_restart_loop tells of those that do not"
        )
    alone = [f"{service}: {why}" for service, why in container_crashes.not_done.items()]
    names = ", ".join(crash.service for crash in told)
    summary = "; ".join([f"killed{'' if findings else ' and back'}: {names}", *alone])
    credit = 1 - len({f.message.split()[0] for f in findings}) / len(told) if findings else 0.0
    return Verdict(findings=tuple(findings), measured=measured, summary=summary, credit=max(0.0, credit))


def _judge(crash: Crash) -> Iterator[Finding]:
    text = f"policy {crash.restart}; {crash.watched_seconds:.0f} s after the kill: {crash.status}"
    text += f", exit code {crash.exit_code}" if crash.exit_code is not None else ""
    proofs = [Evidence(source=f"docker inspect of {crash.service}", text=text)]
    proofs += [Evidence(source=f"log of {crash.service}", text=crash.log)] if crash.log else []
    if crash.back_seconds is None:
        yield Finding(message=f"{crash.service} stays down after a crash", evidence=tuple(proofs))
    elif crash.well_seconds is None:
        what = "its health check stays red" if crash.has_health_check else "it does not keep running"
        message = f"{crash.service} restarts after a crash, but {what}"
        yield Finding(message=message, evidence=tuple(proofs))
    elif crash.serving_seconds is None:
        yield Finding(message=f"{crash.service} is back, but the stack does not serve", evidence=tuple(proofs))
