"""The start script returns as soon as every service is healthy, and says how far each one is."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Finding, Measurement, Severity, Verdict, check
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
class PollingLimits:
    """How long the script may take after the last service has become healthy."""

    seconds: float = 10.0  # the ledger's figure


@check(
    id="startup.health_polling",
    category=Category.STARTUP,
    severity=Severity.LOW,
    title="The start script asks how healthy the services are, says so of each, and returns when all are",
    why="A script that waits for a fixed time is too early on the day that matters, and too late on all others.",
    source="Claims ledger, startup.health_polling (aistack): within 10 s of the last healthy event, progress per service",
    remediation="Ask `docker compose ps` in a loop, print a line when a service's health changes, end when all are healthy.",
    seeds=("aistack",),
    defects=("start-script-sleeps", "start-script-says-nothing"),
)
def check_health_polling(start_script_runs: StartScriptRuns, target: Target, limits: PollingLimits) -> Verdict:
    """Judge the script's end and output beside a stack that is healthy already."""
    fact = start_script_runs
    run = require_run(target, fact, fact.healthy, "healthy")
    measured = (Measurement(name="until the script returned", value=round(run.seconds, 3), unit="s"),)
    messages = []
    is_busy = is_machines(run, limits.seconds)
    if run.exit_code not in {None, 0}:
        messages.append(f"it failed with {run.exit_code}, although every service was healthy")
    elif run.exit_code is None and not is_busy:
        messages.append(f"it had not returned after {run.seconds:.0f} s, although every service was healthy")
    elif run.seconds > limits.seconds and not is_busy:
        messages.append(
            f"it returned after {run.seconds:.1f} s, although every service was healthy ({limits.seconds:g} s are allowed)"
        )
    silent = unnamed(fact.checked, run)
    if silent and run.exit_code is not None:
        messages.append(f"it says nothing of {', '.join(silent)}")
    if messages and run.lacked:
        raise not_all_here(fact, run)
    # One answer is no asking in a loop: what came after it may be anything.
    is_bad_end = run.exit_code != 0
    if run.asked == 0 or (is_bad_end and (run.asked == 1 or not went_on_asking(run))):
        raise not_asking(fact, run)
    if is_busy and not messages:
        raise too_busy(fact, run)
    findings = tuple(Finding(message=f"{fact.script}: {text}", evidence=evidence_of(fact, run)) for text in messages)
    summary = f"{fact.script} returned after {run.seconds:.1f} s and named {', '.join(fact.checked)}"
    return Verdict(findings=findings, measured=measured, summary="" if findings else summary)
