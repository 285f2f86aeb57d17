"""What the checks of start scripts share: what stops a judgement. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from readiness.declared.startup import STARTUP_EXAMPLE, startup_of
from readiness.facts.startup import ScriptRun, StartScriptRuns
from readiness.target import Target
from readiness.verdict import Evidence, Inconclusive

__all__ = ["evidence_of", "is_machines", "names_in", "require_run", "too_busy", "unnamed"]

#: A shell says so of a program that this machine has not, or may not run.
_NO_PROGRAM = frozenset({126, 127})


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
            supply="let the script find project and files in COMPOSE_PROJECT_NAME and COMPOSE_FILE, without options",
        )
    if run.exit_code in _NO_PROGRAM:
        last = run.lines[-1] if run.lines else f"exit code {run.exit_code}"
        raise Inconclusive(f"{fact.script} needs a program that it does not find: {last}")
    return run


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
