"""The owner's commands where they run on this machine: confined beside the copy, with their directory in the run's folder."""

from __future__ import annotations

import dataclasses
import os
import shlex
import stat
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from readiness.declared.backup import Backup
from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.backup import CommandRun, SetFile
from readiness.runtime import Stack
from readiness.runtime.carrying import copy_tree

__all__ = ["carry", "files_in", "run_on_host"]

MOST_REFUSED = 10


def run_on_host(
    backup: Backup,
    stack: Stack,
    command: Sequence[str],
    *,
    timeout_seconds: float,
    stdin: str,
    variables: Mapping[str, str],
    also_ports: Sequence[int],
    masked: Callable[[str], Sequence[str]],
) -> CommandRun:
    """Run one; what goes wrong is in the answer.

    Args:
        backup: says where, and what its directory is; a variable may name another one.
        stack: the copy that it works on.
        command: the backup's own, or a restore's.
        timeout_seconds: then it is ended, which is a problem.
        stdin: what it reads.
        variables: all that it gets on top of the few that everybody has.
        also_ports: of this machine, on which the audit serves what it shall reach.
        masked: an output in lines, without secrets.
    """
    known = CommandRun(
        command=" ".join(masked(shlex.join(command))),
        exit_code=None,
        began=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    named = (backup.directory, variables.get(backup.directory_variable, ""))
    try:
        done = stack.run_owners(
            command,
            variables=variables,
            timeout_seconds=timeout_seconds,
            directories=tuple(dict.fromkeys(name for name in named if name)),
            cwd=backup.cwd,
            stdin=stdin,
            also_ports=also_ports,
        )
    except ReadinessError as error:
        return dataclasses.replace(known, problem=" ".join(masked(str(error)))[:300])
    is_late = done.exit_code is None and not done.problem
    return dataclasses.replace(
        known,
        exit_code=done.exit_code,
        seconds=round(done.seconds, 3),
        lines=tuple(masked(done.output)),
        problem=f"not ended after {timeout_seconds:g} s" if is_late else " ".join(masked(done.problem))[:300],
        refused=tuple(" ".join(masked(text)) for text in done.refused[:MOST_REFUSED]),
        lacked=tuple(" ".join(masked(text)) for text in done.lacked),
    )


def files_in(folder: Path, *, most: int) -> tuple[SetFile, ...]:
    """Every file below ``folder``, by path; links are not followed, and none of them.

    Raises:
        GatherError: it cannot be listed, or there are more than ``most``.
    """
    found: list[SetFile] = []
    try:
        for place, _, names in os.walk(folder):
            for name in names:
                path = Path(place, name)
                status = path.lstat()
                if not stat.S_ISREG(status.st_mode):
                    continue
                found.append(
                    SetFile(
                        path=path.relative_to(folder).as_posix(),
                        size_bytes=status.st_size,
                        mode=f"{stat.S_IMODE(status.st_mode):04o}",
                        modified=float(int(status.st_mtime)),
                    )
                )
                if len(found) > most:
                    raise GatherError(f"more than {most} files are no folder of backups")
    except OSError as error:
        raise GatherError(f"the backups cannot be listed: {error}") from error
    return tuple(sorted(found, key=lambda each: each.path))


def carry(source: Path, to: Path) -> None:
    """Copy what is in one directory of the run's into another.

    Raises:
        GatherError: it cannot be read or written.
    """
    try:
        copy_tree(source, to)
    except OSError as error:
        raise GatherError(f"the backups cannot be carried: {error}") from error
