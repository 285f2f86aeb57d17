"""A program of the owner's that is run beside a copy, confined, with the copy's state to read."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from readiness.runtime import RanBeside
from readiness.runtime.confine import SHARED, confined
from readiness.runtime.docker_stand_in import Answer, DockerStandIn, Question, understood
from readiness.runtime.engine import Commands
from readiness.runtime.lacking import PROGRAMS_PATH, lacked, offer
from readiness.runtime.owners_words import Known, OwnersWords

if TYPE_CHECKING:
    from readiness.runtime.engine import Finished

__all__ = ["ANSWER_SECONDS", "JOINED", "environment_of", "run_beside", "without_colours"]

ANSWER_SECONDS = 30.0
#: Both streams as one, in the order in which they were written.
JOINED = ("sh", "-c", 'exec "$@" 2>&1', "sh")
#: ECMA-48: colours and other control sequences, a terminal's title, and the choice of a character set.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Z])")


def run_beside(
    command: Sequence[str],
    *,
    folder: Path,
    run_id: str,
    work: Path,
    project: str,
    variables: Mapping[str, str],
    own: OwnersWords,
    fixed_names: Mapping[str, str],
    containers: Callable[[], Collection[Known]],
    compose: Callable[[Sequence[str]], Finished],
    timeout_seconds: float,
) -> RanBeside:
    """Run ``command`` in a layer above ``folder``; nothing of it, and nothing that it wrote, is left afterwards.

    Args:
        command: looked for where the program finds its own.
        folder: what it sees as its folder.
        run_id: of what is started.
        work: the run's folder.
        project: the copy's name.
        variables: on top of the few that it gets.
        own: how the owner calls what it is a copy of.
        fixed_names: service -> name of its container, where the owner chose it.
        containers: the copy's at this moment.
        compose: asks ``docker compose`` about the copy.
        timeout_seconds: then it is ended, with all that it has started.

    Raises:
        StackError: this machine has no ``unshare``.
    """
    refused: list[str] = []
    asked_at: list[float] = []
    commands = Commands(run_id, work)

    def ask(cwd: str, words: Sequence[str]) -> Answer:
        known = containers()
        question = understood(words, project=project, containers=known, own=own, cwd=cwd)
        if isinstance(question, str):
            refused.append(question)
            return Answer(exit_code=125, stderr=f"readiness: {question}\n")
        answer = _asked(question)
        if question.is_of_health:
            asked_at.append(time.monotonic())
        stdout, stderr = (own.told(text, project=project, containers=known) for text in (answer.stdout, answer.stderr))
        return Answer(exit_code=answer.exit_code, stdout=stdout, stderr=stderr)

    def _asked(question: Question) -> Answer:
        if question.compose:
            done = compose(question.compose)
        elif question.docker:
            done = commands.run(["docker", *question.docker], cwd=work, timeout_seconds=ANSWER_SECONDS)
        else:
            return Answer(exit_code=0)
        return Answer(
            exit_code=125 if done.exit_code is None else done.exit_code, stdout=done.stdout, stderr=done.stderr
        )

    place = Path(tempfile.mkdtemp(prefix="beside-", dir=work))
    try:
        for name in ("root", "shared"):
            (place / name).mkdir()
        environment = environment_of(variables, own, project=project)
        whole = confined([*JOINED, *command], place=place / "root", folder=folder, shared=place / "shared")
        with DockerStandIn(place / "shared", ask) as stand_in:
            offer(place / "shared")
            began = time.monotonic()
            done = Commands(run_id, work, environment=environment).run(
                whole, cwd=place, timeout_seconds=timeout_seconds
            )
            seconds = time.monotonic() - began
        output = without_colours(done.stdout)
        missed = lacked(place / "shared", output)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return RanBeside(
        exit_code=done.exit_code,
        seconds=seconds,
        output=output,
        asked_at=tuple(moment - began for moment in asked_at),
        asked_seconds=min(stand_in.seconds, seconds),
        fixed_names=fixed_names,
        lacked=missed,
        refused=tuple(dict.fromkeys(refused)),
        problem=done.stderr.strip()[-500:],  # the program's own goes with its output
    )


def environment_of(variables: Mapping[str, str], own: OwnersWords, *, project: str) -> dict[str, str]:
    """What a confined program gets: the few that everybody has, and ``variables``."""
    return {
        **variables,
        "PATH": f"{SHARED}/bin:{PROGRAMS_PATH}",
        "HOME": "/home",
        "TMPDIR": "/tmp",  # noqa: S108  # the program's own
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "COMPOSE_PROJECT_NAME": own.projects[0] if own.projects else project,
        **({"COMPOSE_FILE": ":".join(own.files)} if own.files else {}),
    }


def without_colours(output: str) -> str:
    """What a terminal would show of it, in plain text."""
    return _TERMINAL.sub("", output)
