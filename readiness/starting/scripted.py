"""What the checks of start scripts share: what stops a judgement. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from readiness.declared.startup import STARTUP_EXAMPLE, startup_of
from readiness.facts.startup import ScriptRun, StartScriptRuns
from readiness.target import Target
from readiness.verdict import Evidence, Inconclusive

__all__ = [
    "evidence_of",
    "is_machines",
    "names_in",
    "not_all_here",
    "not_asking",
    "require_run",
    "too_busy",
    "unnamed",
    "went_on_asking",
]

#: A shell says so of a program that this machine has not, or may not run.
_NO_PROGRAM = frozenset({126, 127})
#: Two rounds of the ledger's five seconds: who asks less often than that has gone on to something else.
STILL_SECONDS = 10.0
_ASK = "let the script wait by what `docker compose ps` or `docker inspect` tells of the services' health"


def require_run(target: Target, fact: StartScriptRuns, run: ScriptRun | None, part: str) -> ScriptRun:
    """The run, where it shows something.

    Raises:
        NotApplicable: the owner declared that there is no start script.
        Inconclusive: none is declared, or it could not be run as the owner runs it.
    """
    target.require("startup", startup_of(target).script, example=STARTUP_EXAMPLE)
    if run is None:
        raise Inconclusive(fact.not_done.get(part) or fact.not_done.get("healthy", "the start script was not run"))
    if run.problem:
        raise Inconclusive(f"{fact.script} could not be run confined: {run.problem[:300]}")
    if run.refused:
        raise Inconclusive(
            f"{fact.script} asked for what the audit does not answer, so it ran otherwise than it does for its owner: "
            f"{run.refused[0]}",
            supply="let the script ask `docker compose ps` or `docker inspect`, of no project, file or container but its own",
        )
    if run.exit_code in _NO_PROGRAM:
        last = run.lines[-1] if run.lines else f"exit code {run.exit_code}"
        raise Inconclusive(f"{fact.script} needs a program that it does not find: {last}")
    return run


def not_all_here(fact: StartScriptRuns, run: ScriptRun) -> Inconclusive:
    """Why a run is not judged that tried what is not there."""
    return Inconclusive(
        f"{fact.script} was run where it can harm nothing, and what it tried is not there: {'; '.join(run.lacked)[:300]}",
        supply=f"{_ASK}: nothing can be reached over the network here, and only the target's folder is seen",
    )


def went_on_asking(run: ScriptRun) -> bool:
    """Whether the script asked how healthy the services are until it ended; it is not told in older recordings."""
    if run.asked is None:
        return True
    return run.asked_last_seconds is not None and run.seconds - run.asked_last_seconds <= STILL_SECONDS


def not_asking(fact: StartScriptRuns, run: ScriptRun) -> Inconclusive:
    """Why nothing is made of what a script did that did not ask."""
    if run.asked_last_seconds is None:
        how = "it never asked the engine how healthy a service is"
    else:
        how = f"it asked the engine last after {run.asked_last_seconds:.1f} s"
    end = "still ran" if run.exit_code is None else f"ended with {run.exit_code}"
    return Inconclusive(
        f"{fact.script} {end} after {run.seconds:.1f} s, and {how}: what it went by is not known", supply=_ASK
    )


def unnamed(services: Iterable[str], run: ScriptRun) -> list[str]:
    """The services that the script's output does not name."""
    named = names_in("\n".join(run.lines), services) if run.named is None else run.named
    return [name for name in services if name not in named]


def names_in(text: str, services: Iterable[str]) -> tuple[str, ...]:
    """The services that a text names, also as part of a container's name: ``shop-db-1``, ``shop_db``."""
    return tuple(s for s in services if re.search(rf"(?<![^\W_]){re.escape(s)}(?![^\W_])", text))


def is_machines(run: ScriptRun, limit_seconds: float) -> bool:
    """Whether the run was within the limit but for the time that the audit's own answers took."""
    return run.seconds - run.asked_seconds <= limit_seconds < run.seconds


def too_busy(fact: StartScriptRuns, run: ScriptRun) -> Inconclusive:
    """Why nothing is made of such a run."""
    return Inconclusive(
        f"this machine was too busy to tell: of the {run.seconds:.1f} s of {fact.script}, {run.asked_seconds:.1f} s "
        "were spent on the engine's answers",
        supply="run the audit on a machine that is less busy",
    )


def evidence_of(fact: StartScriptRuns, run: ScriptRun) -> tuple[Evidence, ...]:
    """How the run ended, and what it said."""
    how = "was ended" if run.exit_code is None else f"exit code {run.exit_code}"
    said = "\n".join(run.lines[-12:]) or "(no output)"
    return (Evidence(source=f"{fact.script}: {how} after {run.seconds:.1f} s", text=said[:600]),)
