"""The directory of the sets in a throw-away copy: listed, and what lies in it damaged, aged, set aside and put back.

Everything here is done where the commands run, and only where that is nobody's but the copy's: for commands of this
machine, in the folder of the run's that they see in their directory's place.
"""

from __future__ import annotations

import os
import string
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from readiness.backup.sets import BackupSet, sets_of
from readiness.exceptions import GatherError, ReadinessError, StackError
from readiness.facts.backup import SetFile
from readiness.facts.backup_upkeep import Mode
from readiness.facts.probe_body import mask
from readiness.instruments.owners_backup import OwnersBackup
from readiness.runtime import Completed, Stack

__all__ = ["DAMAGES", "Shelf", "filled", "listed_files", "require_own", "run_here", "shelf_of"]

SHELL_SECONDS = 60.0
MAX_TEXT_BYTES = 65536
#: A home that is nearer to the root is nobody's copy.
OWN_DEPTH = 3
#: Way -> what is done to the file ``$1``. Sixteen bytes in the middle are overwritten where a bit would do: a script of
#: sh has no way to read the byte and turn one, and it must not be the same afterwards.
DAMAGES = {
    "cut to half": 'size=$(stat -c %s "$1") && dd if="$1" of="$1.cut" bs=1 count=0 2>/dev/null && '
    'head -c $((size / 2)) "$1" >"$1.cut" && cat "$1.cut" >"$1" && rm -f "$1.cut"',
    "changed in the middle": 'size=$(stat -c %s "$1") && printf "%s" "READINESS-DAMAGE" | '
    'dd of="$1" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null',
    "emptied": ': >"$1"',
    "missing": 'rm -f "$1"',
}
_ASIDE = 'aside=$(mktemp -d) && cd "$1" && shift && for path; do mkdir -p "$aside/$(dirname "$path")" && '
_ASIDE += 'cp -p "$path" "$aside/$path" || exit 1; done && printf %s "$aside"'
_BACK = 'cp -p "$2" "$1/$3"'
_COPY = (
    'cd "$1" && old=$2 new=$3 when=$4 && shift 4 && for path; do '
    'to=$(printf %s "$path" | sed "s|$old|$new|g") && mkdir -p "$(dirname "$to")" && cp -p "$path" "$to" || exit 1; done; '
    'for path; do to=$(printf %s "$path" | sed "s|$old|$new|g"); TZ=UTC touch -t "$when" "$to" || exit 1; '
    'while to=$(dirname "$to"); [ "$to" != . ]; do TZ=UTC touch -t "$when" "$to"; done; done'
)
_MODES = 'cd "$1" && find . -exec stat -c "%a %u %g %F|%n" {} + | head -n 5000'
_REMOVE = 'cd "$1" && shift && for path; do rm -f "$path" && rmdir -p "$(dirname "$path")" 2>/dev/null; done; true'
_PLANT = 'cd "$1" && printf "%s\\n" "kept by the audit" >"$2" && TZ=UTC touch -t "$3" "$2"'
_READ = 'head -c "$2" "$1"'
_SUMS = 'cd "$1" && shift && md5sum "$@"'


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """The sets of one copy.

    Attributes:
        owners: how commands are run there.
        directory: where the sets are.
    """

    owners: OwnersBackup
    directory: str
    _set_name: str = field(default="", repr=False)

    def files(self) -> tuple[SetFile, ...]:
        """Everything in the directory.

        Raises:
            GatherError, StackError: it cannot be listed.
        """
        return self.owners.files("" if self._is_here else self.directory)

    def sets(self) -> tuple[BackupSet, ...]:
        """The sets in it, by name. Raises as :meth:`files` does."""
        return self.sets_in(self.files())

    def sets_in(self, files: Sequence[SetFile]) -> tuple[BackupSet, ...]:
        """The sets in a listing; a report beside them is none, whatever date its name has."""
        report = self.owners.backup.report
        beside = {f.path for f in files if report and "/" not in f.path and PurePosixPath(f.path).match(report)}
        return sets_of([file for file in files if file.path not in beside], self._set_name)

    def set(self, name: str) -> BackupSet:
        """One of them.

        Raises:
            GatherError: it is not there, or the directory cannot be listed.
        """
        found = next((each for each in self.sets() if each.name == name), None)
        if found is None:
            raise GatherError(f"the set {name} is not in {self.directory} any more")
        return found

    def shell(self, script: str, *words: str) -> str:
        """What a script of ours prints where the commands run; masked, for whoever is told that it failed.

        Raises:
            GatherError: it ended with another code than 0.
            StackError: it cannot be run.
        """
        done = self._run(script, words)
        if done.exit_code != 0:
            shown = mask(done.output, dict(self.owners.secrets)).strip()[-200:]
            raise GatherError(f"{self.directory} of {self.owners.backup.run} could not be prepared: {shown}")
        return done.output

    def read(self, path: str) -> str:
        """The beginning of a file below the directory, as text, secrets and all. Raises as :meth:`shell` does."""
        return self.shell(_READ, f"{self.directory}/{path}", str(MAX_TEXT_BYTES))

    def damage(self, path: str, way: str) -> None:
        """Do to a file what :data:`DAMAGES` says. Raises as :meth:`shell` does."""
        self.shell(DAMAGES[way], f"{self.directory}/{path}")

    def set_aside(self, files: Sequence[SetFile]) -> str:
        """Copy files to a folder of their own, outside the directory; its name. Raises as :meth:`shell` does."""
        return self.shell(_ASIDE, self.directory, *(file.path for file in files)).strip()

    def put_back(self, aside: str, path: str) -> None:
        """Bring one file back as it was set aside. Raises as :meth:`shell` does."""
        self.shell(_BACK, self.directory, f"{aside}/{path}", path)

    def forget(self, aside: str) -> None:
        """Remove a folder that files were set aside in; what cannot be removed goes with the copy."""
        if PurePosixPath(aside).name.startswith("tmp."):  # as mktemp calls it: nothing else is ever removed whole
            try:
                self.shell('rm -rf "$1"', aside)
            except ReadinessError:
                return

    def age(self, good: BackupSet, *, days: float, now: datetime) -> str:
        """Make a copy of a set that was written so many days ago, by its name and its times; the copy's name.

        Raises:
            GatherError, StackError: it cannot be made, or its name would be that of a set that is there.
        """
        moment = now - timedelta(days=days)
        name = moment.strftime(self._set_name)
        if not self._set_name or any(each.name == name for each in self.sets()):
            raise GatherError(f"no set can be called {name or 'by its age'}")
        self.shell(_COPY, self.directory, good.name, name, _touched(moment), *(file.path for file in good.files))
        return name

    def plant(self, name: str, *, days: float, now: datetime) -> None:
        """Write a small file that is no set, and as old. Raises as :meth:`shell` does."""
        self.shell(_PLANT, self.directory, name, _touched(now - timedelta(days=days)))

    def remove(self, *sets: BackupSet) -> None:
        """Remove sets, and the folders that were theirs. Raises as :meth:`shell` does."""
        paths = [file.path for each in sets for file in each.files]
        if paths:
            self.shell(_REMOVE, self.directory, *paths)

    def sums(self, files: Sequence[SetFile]) -> dict[str, str]:
        """MD5 of each file's content. Raises as :meth:`shell` does."""
        if not files:
            return {}
        lines = self.shell(_SUMS, self.directory, *(file.path for file in files)).splitlines()
        return {line[34:].strip(): line[:32] for line in lines if len(line) > 34}  # noqa: PLR2004  # as md5sum writes

    def modes(self) -> tuple[Mode, ...]:
        """Who may read what, the directory itself first. Raises as :meth:`shell` does."""
        found = []
        for line in self.shell(_MODES, self.directory).splitlines():
            state, _, path = line.partition("|")
            mode, owner, group, kind = state.split(" ", 3)
            found.append(
                Mode(
                    path=path.removeprefix("./"),
                    mode=mode.zfill(4),
                    owner=int(owner),
                    group=int(group),
                    is_folder=kind == "directory",
                )
            )
        return tuple(sorted(found, key=lambda each: "" if each.path == "." else each.path))

    @property
    def _is_here(self) -> bool:
        return self.owners.backup.is_on_host

    def _run(self, script: str, words: Sequence[str]) -> Completed:
        command = ["sh", "-c", script, "sh", *words]
        if self._is_here:
            return run_here(command, folder=Path(self.directory))
        return self.owners.stack.execute(self.owners.backup.run, command, timeout_seconds=SHELL_SECONDS)


def listed_files(text: str) -> tuple[SetFile, ...]:
    """Files as ``stat -c "%s %a %Y %n"`` lists them, by path."""
    found = []
    for line in text.splitlines():
        size, mode, modified, path = line.split(" ", 3)
        name = path.removeprefix("./")
        found.append(SetFile(path=name, size_bytes=int(size), mode=mode.zfill(4), modified=float(modified)))
    return tuple(sorted(found, key=lambda each: each.path))


def shelf_of(owners: OwnersBackup) -> Shelf:
    """The directory of the sets of a copy.

    Raises:
        GatherError: it is not known, or may be somebody else's than the copy's: then nothing in it is touched.
        StackError: the stack cannot be asked.
    """
    backup, stack = owners.backup, owners.stack
    if backup.is_on_host:
        # The owner's directory is theirs: what their commands see in its place is a folder of the run's.
        return Shelf(owners=owners, directory=str(stack.owners_directory(backup.directory)), _set_name=backup.set_name)
    variables = {**stack.environment(backup.run), **backup.environment}
    directory = variables.get(backup.directory_variable, "") or filled(backup.directory, variables)
    if not directory.startswith("/"):
        raise GatherError("where the sets are is not known")
    require_own(stack, backup.run, directory)
    return Shelf(owners=owners, directory=directory.rstrip("/"), _set_name=backup.set_name)


def run_here(command: Sequence[str], *, folder: Path) -> Completed:
    """Run a script of ours on this machine, in a folder of the run's or in the target's.

    Raises:
        StackError: it did not end.
    """
    names = ("PATH", "HOME", "TMPDIR", "LANG")
    known = {name: os.environ[name] for name in names if name in os.environ}
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            env=known,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SHELL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"{folder} cannot be looked at: {error}") from error
    return Completed(exit_code=done.returncode, output=done.stdout.decode("utf-8", "replace"))


def filled(path: str, variables: Mapping[str, str]) -> str:
    """``${NAME}`` replaced by the service's variable of that name: where a path differs from one runtime to the other."""
    return string.Template(path).safe_substitute(variables) if "${" in path else path


def require_own(stack: Stack, service: str, path: str) -> None:
    """See to it that a path of a service is the copy's own: among processes, that of a container is this machine's.

    Raises:
        GatherError: it may be somebody else's; nothing is to be touched there.
        StackError: the stack cannot be asked.
    """
    if stack.runtime != "process":
        return
    # The services' homes are below the folder that the copy has for itself, each in a folder of its own.
    parents = PurePosixPath(stack.environment(service).get("HOME", "")).parents
    is_own = len(parents) > OWN_DEPTH and ".." not in path.split("/") and PurePosixPath(path).is_relative_to(parents[1])
    if not is_own:
        raise GatherError(f"{path} of {service} is not below the copy's own folder, so nothing in it is touched")


def _touched(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M.%S")
