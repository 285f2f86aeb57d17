"""The start script gives up on a service that never becomes healthy, names it, and fails."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.startup import StartScriptRuns
from readiness.starting.scripted import (
    evidence_of,
    is_machines,
    not_all_here,
    not_asking,
    require_run,
    too_busy,
    unnamed,
    went_on_asking,
)
from readiness.target import Target


@dataclass(frozen=True, kw_only=True)
class GivingUpLimits:
    """How late the script may give up."""

    margin_seconds: float = 10.0  # the ledger's figure


@check(
    id="startup.health_polling_timeout",
    category=Category.STARTUP,
    severity=Severity.LOW,
    title="The start script gives up on a service that is never healthy, names it, and fails",
    why="A deployment otherwise hangs, or goes on as if the stack were up; nobody learns which service it was.",
    source="Claims ledger, startup.health_polling_timeout (aistack): exit code not 0 within 10 s of the limit, its name said",
    remediation="Bound the loop by a limit, print what is not healthy then, and exit 1.",
    seeds=("aistack",),
    defects=("start-script-succeeds-anyway", "start-script-says-nothing"),
)
def check_health_polling_timeout(start_script_runs: StartScriptRuns, target: Target, limits: GivingUpLimits) -> Verdict:
    """Judge the script's end and output beside a stack in which one service fails every health check."""
    fact = start_script_runs
    run = require_run(target, fact, fact.failing, "failing")
    if run.lacked:
        raise not_all_here(fact, run)
    if run.asked == 0 or (run.exit_code != 0 and not went_on_asking(run)):
        raise not_asking(fact, run)
    if run.exit_code == 0 and fact.is_waited_for:
        raise Inconclusive(
            f"{fact.script} ended with 0, but others wait for {fact.never}: where it is never healthy, `docker compose up` "
            "fails by itself, which the audit's answer to the script does not"
        )
    measured = (Measurement(name="until the script gave up", value=round(run.seconds, 3), unit="s"),)
    messages = []
    allowed = fact.limit_seconds + limits.margin_seconds
    is_busy = is_machines(run, allowed)
    if (run.exit_code is None or run.seconds > allowed) and not is_busy:
        how = "had not given up" if run.exit_code is None else "gave up"
        messages.append(f"it {how} after {run.seconds:.0f} s; its limit was {fact.limit_seconds:g} s")
    if run.exit_code == 0:
        messages.append(f"it ended with 0, although {fact.never} never became healthy")
    if run.exit_code is not None and unnamed([fact.never], run):
        messages.append(f"it does not name {fact.never}, which never became healthy")
    if is_busy and not messages:
        raise too_busy(fact, run)
    if not messages and fact.healthy is not None and fact.healthy.exit_code != 0:
        raise Inconclusive(
            f"{fact.script} did not end well beside the healthy stack either, so its failure shows nothing"
        )
    findings = tuple(Finding(message=f"{fact.script}: {text}", evidence=evidence_of(fact, run)) for text in messages)
    summary = f"{fact.script} gave up after {run.seconds:.1f} s (limit {fact.limit_seconds:g} s) and named {fact.never}"
    return Verdict(findings=findings, measured=measured, summary="" if findings else summary)
