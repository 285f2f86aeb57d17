"""A stopped service ends by itself, with a clean exit code."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Measurement, Severity, Verdict, check
from readiness.draining.judging import stop_of
from readiness.facts.drain import DrainRuns, Ending

SIGNALS = {"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGUSR1": 10, "SIGUSR2": 12, "SIGTERM": 15, "SIGWINCH": 28}
SIGNALLED = 128


@dataclass(frozen=True, kw_only=True)
class ExitLimits:
    """What is clean."""

    # 0; 143 and 130 for who lets the signal end it; some servers are documented to end with 1 or 2 after a signal.
    clean: tuple[int, ...] = (0, 1, 2, 130, 143)


@check(
    id="drain.exit_code",
    category=Category.DRAIN,
    severity=Severity.MEDIUM,
    title="The service ends by itself within the grace period, with a clean exit code",
    why="A service that has to be killed loses whatever it still held, and its deployments take the whole grace period.",
    source="Claims ledger, drain.exit_code (brainda, brain)",
    remediation="Handle the stop signal, and leave no thread, task or child behind that keeps the process alive.",
    seeds=("brainda", "brain"),
    defects=("signal-ignored", "signal-kept-by-shell", "shutdown-never-ends"),
)
def check_exit_code(drain_runs: DrainRuns, limits: ExitLimits) -> Verdict:
    """Judge the end under load, and the one after a bare signal where it came."""
    stop = stop_of(drain_runs)
    endings = [stop.ending]
    if drain_runs.idle is not None and drain_runs.idle.ending.seconds is not None:
        endings.append(drain_runs.idle.ending)
    findings = tuple(_finding(ending) for ending in endings if not _is_clean(ending, limits))
    seconds = stop.ending.seconds
    measured = (
        (Measurement(name="time to end", value=seconds, unit="s", at_most=stop.ending.grace_seconds),)
        if seconds is not None and not stop.ending.is_killed
        else ()
    )
    words = " and ".join(ending.words for ending in endings)
    return Verdict(
        findings=findings, measured=measured, summary=f"{words}; killed after {stop.ending.grace_seconds:g} s"
    )


def _is_clean(ending: Ending, limits: ExitLimits) -> bool:
    clean = {*limits.clean, SIGNALLED + SIGNALS.get(ending.signal, 15)}
    return not ending.is_killed and ending.exit_code in clean


def _finding(ending: Ending) -> Finding:
    # An engine goes on saying so where anything in the container once ran out of memory: the end itself is told by the code.
    if ending.is_oom_killed and ending.is_killed:
        message = "it was killed because its memory ran out"
    elif ending.is_killed:
        grace = f" {ending.grace_seconds:g} s after {ending.signal}" if ending.grace_seconds is not None else ""
        message = f"it did not end by itself and was killed{grace}"
    else:
        message = f"it ended with exit code {ending.exit_code}, as after a crash"
    return Finding(message=message, evidence=(Evidence(source=f"state after {ending.signal}", text=ending.words),))
