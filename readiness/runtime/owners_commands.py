"""A backup or restore program of the owner's, run confined beside a copy, with the copy's engine and ports to work on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from readiness.exceptions import StackError
from readiness.runtime import Endpoint, RanBeside
from readiness.runtime.beside import JOINED, environment_of, without_colours
from readiness.runtime.confine import FOLDER, REFUSED, confined
from readiness.runtime.docker_acts import DockerActs
from readiness.runtime.docker_calls import DockerCalls
from readiness.runtime.docker_doing import Copied
from readiness.runtime.engine import Commands, Finished
from readiness.runtime.lacking import lacked, offer
from readiness.runtime.output_pipe import OutputPipe
from readiness.runtime.owners_mounts import OwnersMounts
from readiness.runtime.owners_words import OwnersWords
from readiness.runtime.port_relays import PortRelays
from readiness.runtime.ports import LOOPBACK

__all__ = ["CopysEngine", "directory_inside", "kept_folder", "of_this_machine", "run_owners"]

#: What the program has asked for ends with it; this is for where that fails, and later, so that it never sees it.
LATER_SECONDS = 30.0
#: From the folder in which the commands run.
_FROM = ("sh", "-c", 'cd "$1" && shift && exec "$@"', "sh")


@dataclass(frozen=True, kw_only=True)
class CopysEngine:
    """What the docker command of the program's works on.

    Attributes:
        copied: what of the copy can be named, at this moment.
        compose: does what is said behind ``docker compose`` to the copy, in so many seconds.
        labels: for whoever removes what a dead run left.
    """

    copied: Callable[[], Copied]
    compose: Callable[[Sequence[str], float], Finished]
    labels: Mapping[str, str]


def directory_inside(directory: str, *, folder: Path) -> str:
    """Where a confined program finds the directory that its owner calls so: absolute, or below the target's folder.

    Raises:
        StackError: it is the folder itself, or above it: what is in its place would hide the program.
    """
    path = place_inside(directory, folder=folder)
    if path == FOLDER or FOLDER.startswith(f"{path.rstrip('/')}/") or folder.is_relative_to(path):
        raise StackError(f"{directory!r} is no directory of its own for backups")
    return path


def run_owners(
    command: Sequence[str],
    *,
    folder: Path,
    run_id: str,
    work: Path,
    project: str,
    variables: Mapping[str, str],
    own: OwnersWords,
    kept: Mapping[str, Path],
    cwd: str,
    stdin: str,
    engine: CopysEngine | None,
    ports: Mapping[int, Callable[[], Endpoint]],
    timeout_seconds: float,
    mounts: OwnersMounts | None = None,
) -> RanBeside:
    """Run ``command`` in a layer above ``folder``; of what it wrote only what is in its directory is left.

    Args:
        command: looked for where the program finds its own.
        folder: what it sees as its folder.
        run_id: of what is started.
        work: the run's folder.
        project: the copy's name.
        variables: on top of the few that it gets.
        own: how the owner calls what it is a copy of.
        kept: directories of the backups, as the owner calls them -> the folders of the run's that it finds there.
        cwd: where the program is run: absolute, or below the target's folder.
        stdin: what it reads.
        engine: what its docker command works on; None where there is none.
        ports: of the loopback, as the program calls them -> where each leads.
        timeout_seconds: then it is ended, with all that it has started.
        mounts: folders that services share with the machine.

    Raises:
        StackError: this machine has no ``unshare``, or the directory can be in no place of its own.
    """
    bound = {directory_inside(name, folder=folder): path for name, path in kept.items()}
    bound |= mounts.bound if mounts is not None else {}
    try:
        place = Path(tempfile.mkdtemp(prefix="owners-", dir=work))
    except OSError as error:
        raise StackError(f"the run's folder cannot be written: {error}") from error
    commands = Commands(run_id, work)
    acts: DockerActs | None = None
    try:
        for name in ("root", "shared", "disk"):
            (place / name).mkdir()
        shared = place / "shared"
        whole = confined(
            [*JOINED, *_FROM, place_inside(cwd, folder=folder), *command],
            place=place / "root",
            folder=folder,
            shared=shared,
            disk=place / "disk",
            bound=dict(sorted(bound.items())),  # those that are in others come behind them
            ports=sorted(ports),
        )
        began = time.monotonic()
        with contextlib.ExitStack() as held:
            held.enter_context(PortRelays(shared, ports))
            if engine is not None:
                acts = DockerActs(
                    commands=commands,
                    cwd=work,
                    copied=engine.copied,
                    compose=engine.compose,
                    own=own,
                    folder=str(folder),
                    labels=engine.labels,
                    ends=began + timeout_seconds + LATER_SECONDS,
                )
                held.enter_context(DockerCalls(shared, acts.answer))
            offer(shared, has_ports=True)
            held.callback(commands.end_all)
            given = held.enter_context(tempfile.TemporaryFile())
            given.write(stdin.encode())
            given.seek(0)
            said = held.enter_context(OutputPipe())
            done = Commands(run_id, work, environment=environment_of(variables, own, project=project)).run(
                whole, cwd=place, timeout_seconds=timeout_seconds, stdin=given.fileno(), stdout=said.end
            )
            seconds = time.monotonic() - began
        output = without_colours(said.text())
        missed = lacked(shared, output)
    except OSError as error:
        raise StackError(f"the program could not be given its place: {error}") from error
    finally:
        _remove(place)
    return RanBeside(
        exit_code=None if done.exit_code == REFUSED and done.stderr else done.exit_code,
        seconds=seconds,
        output=output,
        lacked=missed,
        refused=tuple(dict.fromkeys(acts.refused)) if acts is not None else (),
        problem=done.stderr.strip()[-500:],  # the program's own goes with its output
    )


def place_inside(path: str, *, folder: Path) -> str:
    """Where a confined program finds a place that its owner calls so."""
    whole = Path(posixpath.normpath(posixpath.join(FOLDER, path)))
    return str(Path(FOLDER) / whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)


def kept_folder(place: Path, directory: str) -> Path:
    """The folder below ``place`` that stands for a directory of the owner's; it is made where it lacks.

    Raises:
        StackError: it cannot be.
    """
    kept = place / hashlib.sha256(posixpath.normpath(directory).encode()).hexdigest()[:16]
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"no place for the backups: {error}") from error
    return kept


def of_this_machine(ports: Sequence[int]) -> dict[int, Callable[[], Endpoint]]:
    """Ports on which the audit itself serves, under the numbers that they have."""

    def leads_to(port: int) -> Callable[[], Endpoint]:
        return lambda: Endpoint(host=LOOPBACK, port=port)

    return {port: leads_to(port) for port in ports}


def _remove(place: Path) -> None:
    """Remove a folder of the run's, whatever rights the program and the kernel's layers left in it."""
    for parent, folders, _ in os.walk(place):
        for name in folders:
            path = Path(parent, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)
