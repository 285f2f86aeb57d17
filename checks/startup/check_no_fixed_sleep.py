"""No start script waits for a fixed time where it could ask."""

from __future__ import annotations

from readiness import Category, Evidence, Finding, Measurement, NotApplicable, Severity, Verdict, check
from readiness.facts.startup import StartScripts
from readiness.starting.sleeps import Place

#: Shorter ones decide nothing.
SHORTEST_SECONDS = 1.0


@check(
    id="startup.no_fixed_sleep",
    category=Category.STARTUP,
    severity=Severity.LOW,
    title="Start scripts ask whether something is ready; none waits for a fixed time",
    why="A fixed wait is too short on the day that matters and too long on all others.",
    source="Claims ledger, startup.no_fixed_sleep (aistack)",
    remediation="Wait in a loop that asks (`until pg_isready; do sleep 1; done`), or by `depends_on: service_healthy`.",
    seeds=("aistack",),
    defects=("sleeps-before-start",),
)
def check_no_fixed_sleep(start_scripts: StartScripts) -> Verdict:
    """Judge every ``sleep`` that stands neither in a loop nor in a branch, of all scripts that start something."""
    scripts = start_scripts.scripts
    if not scripts:
        raise NotApplicable("no start script and no shell command was found in the target's folder and its model")
    findings = [
        Finding(
            message=f"{script.path} waits for a fixed time: {sleep.text}",
            evidence=(Evidence(source=f"{script.path}:{sleep.line}, {script.why}", text=sleep.text),),
        )
        for script in scripts
        for sleep in script.sleeps
        if sleep.place == Place.FIXED and (sleep.seconds is None or sleep.seconds >= SHORTEST_SECONDS)
    ]
    polling = sum(sleep.place == Place.LOOP for script in scripts for sleep in script.sleeps)
    measured = [
        Measurement(name="start scripts", value=len(scripts), unit="count"),
        Measurement(name="waits in loops", value=polling, unit="count"),
    ]
    names = ", ".join(script.path for script in scripts[:6])
    return Verdict(findings=findings, measured=measured, summary=f"read: {names}")
