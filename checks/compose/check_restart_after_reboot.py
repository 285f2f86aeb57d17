"""The stack survives the loss of its machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.containers.recovering import RecoveryLimits, is_crowded, recovery_of
from readiness.containers.services import is_one_shot_by_model
from readiness.facts.container_trials import Crash
from readiness.facts.everything_ended import EverythingEnded
from readiness.facts.model import StackModel

#: Docker documentation, Start containers automatically: ``on-failure`` "doesn't restart the container if the daemon
#: restarts".
RETURNING = frozenset({"always", "unless-stopped"})


@dataclass(frozen=True, kw_only=True)
class RebootLimits(RecoveryLimits):
    """How long the stack may be away after everything ended at once."""

    well_within_seconds: float = 120.0  # twice the ledger's figure for one container: everybody waits for somebody


@check(
    id="compose.restart_after_reboot",
    category=Category.COMPOSE,
    severity=Severity.HIGH,
    title="The stack comes back by itself when all of it ended at once, as after a reboot",
    why="A reboot for an update happens at night, and starts everything at the same time: depends_on holds for up alone.",
    source="Claims ledger, compose.restart_after_reboot; Docker documentation, Start containers automatically",
    remediation="restart: unless-stopped for every service, and a start that waits for what it needs instead of giving up.",
    seeds=("brainda",),
    defects=("worker-not-restarted", "proxy-gives-up-without-its-api"),
)
def check_restart_after_reboot(
    everything_ended: EverythingEnded, stack_model: StackModel, limits: RebootLimits
) -> Verdict:
    """Judge policies and the way back together; the engine itself is not restarted, which the summary says."""
    judged = [crash for crash in everything_ended.crashes if not is_one_shot_by_model(crash.service, stack_model)]
    load = everything_ended.load_per_cpu
    slow = [crash for crash in judged if is_crowded(load, crash.well_seconds, crash.status, limits)]
    told = [crash for crash in judged if not crash.problem and crash not in slow]
    findings = [finding for crash in told for finding in _judge(crash)]
    if not findings and (len(told) < len(judged) or not told):
        doubts = [f"{crash.service}: {crash.problem}" for crash in judged if crash.problem]
        doubts += [f"{c.service} was not well again in time, and this machine was too busy to tell" for c in slow]
        raise Inconclusive("; ".join(doubts) or "no container's main process runs, so none could be killed")
    if not findings and everything_ended.was_serving and everything_ended.serving_seconds is None:
        text = f"{everything_ended.watched_seconds:.0f} s after the kill, with every container well"
        proof = Evidence(source="the stack's ordinary request", text=text)
        findings.append(Finding(message="every container is back, but the stack does not serve", evidence=(proof,)))
    measured = [recovery_of(c.service, c.well_seconds, limits) for c in told if c.well_seconds is not None]
    if (served := everything_ended.serving_seconds) is not None:
        measured.append(Measurement(name="stack serves again after", value=served, unit="s"))
    names = ", ".join(crash.service for crash in told)
    back = "" if findings else " and back"
    summary = f"killed within {everything_ended.spread_seconds:.1f} s{back}: {names}; the engine itself went on"
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary)


def _judge(crash: Crash) -> Iterator[Finding]:
    text = f"policy {crash.restart}; {crash.watched_seconds:.0f} s after everything ended: {crash.status}"
    text += f", exit code {crash.exit_code}" if crash.exit_code is not None else ""
    proofs = [Evidence(source=f"docker inspect of {crash.service}", text=text)]
    proofs += [Evidence(source=f"log of {crash.service}", text=crash.log)] if crash.log else []
    if crash.restart not in RETURNING:
        yield Finding(
            message=f"{crash.service} is not started after a reboot ({crash.restart})", evidence=tuple(proofs)
        )
    elif crash.back_seconds is None:
        yield Finding(message=f"{crash.service} stays down when everything ended at once", evidence=tuple(proofs))
    elif crash.well_seconds is None:
        what = "its health check stays red" if crash.has_health_check else "it does not keep running"
        message = f"{crash.service} starts without what it needs, and {what} when that is there again"
        yield Finding(message=message, evidence=tuple(proofs))
