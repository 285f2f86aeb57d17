"""The owner's backup and restore commands, run where the owner runs them: in a service of the copy, or confined beside it."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from readiness.declared.backup import Backup
from readiness.exceptions import GatherError, ReadinessError
from readiness.facts.backup import CommandRun, SetFile
from readiness.facts.probe_body import mask
from readiness.instruments.owners_on_host import carry, files_in, run_on_host
from readiness.runtime import Stack

__all__ = ["OwnersBackup"]

LINES, LINE_CHARS = 80, 200
#: Sets are listed by programs that every image has; a folder of more files is no folder of backups.
MOST_FILES = 5000
_LIST = 'cd "$1" 2>/dev/null || exit 0; find . -type f -exec stat -c "%s %a %Y %n" {} + | head -n "$2"'
#: Standard input, folder and variables of a command that an engine runs with none of them.
_RUN = 'cd "$1" && given=$2 && shift 2 && printf %s "$given" | env "$@"'


@dataclass(frozen=True, kw_only=True)
class OwnersBackup:
    """Runs the commands against one stack.

    Attributes:
        backup: the declaration.
        stack: the copy that is backed up, or restored into.
        secrets: name -> value, masked in whatever is kept of the output.
    """

    backup: Backup
    stack: Stack
    secrets: Mapping[str, str]

    def run(
        self,
        command: Sequence[str],
        *,
        timeout_seconds: float,
        stdin: str = "",
        variables: Mapping[str, str] | None = None,
        also_ports: Sequence[int] = (),
    ) -> CommandRun:
        """Run it and wait. What goes wrong is in the answer, never raised.

        Args:
            command: the backup's own, or a restore's.
            timeout_seconds: then it is ended, which is a ``problem``.
            stdin: what it reads; nothing is an empty input.
            variables: on top of the declared ones.
            also_ports: of this machine, on which the audit serves: a command on the host is confined, and finds only
                these and the copy's.
        """
        given = {**self.backup.environment, **(variables or {})}
        if self.backup.is_on_host:
            return run_on_host(
                self.backup,
                self.stack,
                command,
                timeout_seconds=timeout_seconds,
                stdin=stdin,
                variables=given,
                also_ports=also_ports,
                masked=self._lines,
            )
        began, moment = time.monotonic(), datetime.now(UTC)
        known = CommandRun(
            command=mask(shlex.join(command), dict(self.secrets))[:LINE_CHARS],
            exit_code=None,
            began=moment.isoformat(timespec="milliseconds"),
        )
        words = ["sh", "-c", _RUN, "sh", self.backup.cwd or "/", stdin]
        words += [*(f"{name}={value}" for name, value in given.items()), *command]
        try:
            done = self.stack.execute(self.backup.run, words, timeout_seconds=timeout_seconds)
        except ReadinessError as error:
            problem = mask(str(error), dict(self.secrets))[:300]
            return dataclasses.replace(known, seconds=round(time.monotonic() - began, 3), problem=problem)
        return dataclasses.replace(
            known,
            exit_code=done.exit_code,
            seconds=round(time.monotonic() - began, 3),
            lines=self._lines(done.output),
        )

    def _lines(self, output: str) -> tuple[str, ...]:
        """The last lines of an output, secrets masked, each cut."""
        lines = mask(output, dict(self.secrets)).splitlines()[-LINES:]
        return tuple(line[:LINE_CHARS] for line in lines)

    def files(self, directory: str = "") -> tuple[SetFile, ...]:
        """Everything in the directory, by path; nothing where there is no such directory.

        Raises:
            GatherError: it cannot be listed.
        """
        if self.backup.is_on_host:
            return files_in(self.stack.owners_directory(directory or self.backup.directory), most=MOST_FILES)
        where = directory or self.backup.directory
        words = ["sh", "-c", _LIST, "sh", where, str(MOST_FILES)]
        done = self.stack.execute(self.backup.run, words)
        if done.exit_code != 0:
            raise GatherError(f"{where} in {self.backup.run} cannot be listed: {done.output.strip()[-200:]}")
        found = []
        for line in done.output.splitlines():
            size, mode, modified, path = line.split(" ", 3)
            name = path.removeprefix("./")
            found.append(SetFile(path=name, size_bytes=int(size), mode=mode.zfill(4), modified=float(modified)))
        return tuple(sorted(found, key=lambda each: each.path))

    def carry_to(self, other: OwnersBackup, *, folder: Path) -> None:
        """Bring the directory to another stack, as it is, through a folder of the run's.

        Raises:
            StackError: it cannot be read or written.
            GatherError: neither can it on this machine.
        """
        if self.backup.is_on_host:
            own, others = (each.stack.owners_directory(each.backup.directory) for each in (self, other))
            carry(own, others)
            return
        self.stack.copy_out(self.backup.run, self.backup.directory, folder)
        other.stack.copy_in(other.backup.run, folder, other.backup.directory)
