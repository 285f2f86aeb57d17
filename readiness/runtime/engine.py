"""The container engine of this machine: whether it answers, what it can do, and the docker command, bounded."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from readiness.exceptions import StackError
from readiness.runtime.reaper import RUN_VARIABLE, forget_process, register_process

if TYPE_CHECKING:
    import docker

__all__ = ["Commands", "Engine", "Finished", "available", "client_proxies", "connect"]

#: The questions asked by :func:`available` answer in milliseconds; a daemon that hangs must not hold up a test run.
PATIENCE_SECONDS = 5.0
#: What is kept of a command's output, from its end: the last lines say why it failed.
KEPT_BYTES = 4 * 1024 * 1024
#: First API version with a health check's start interval (engine 25).
START_INTERVAL_API = (1, 44)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What the engine says about itself. ``cpus`` is a count, ``address`` its socket."""

    address: str
    api_version: tuple[int, ...]
    cpus: int

    @property
    def has_start_interval(self) -> bool:
        """Whether health checks may ask more often while a container starts."""
        return self.api_version >= START_INTERVAL_API


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command's end; ``exit_code`` is None where it was ended by its deadline or by :meth:`Commands.end_all`."""

    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def is_ok(self) -> bool:
        """Whether it ended by itself with 0."""
        return self.exit_code == 0


class Commands:
    """Runs commands of one run, each in a session of its own, bounded in time and output, known to the reaper.

    Args:
        run_id: put into each command's environment, so that an orphan is recognised.
        work: the run's folder.
        environment: what every command gets; the caller's own where None.
    """

    def __init__(self, run_id: str, work: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**(os.environ if environment is None else environment), RUN_VARIABLE: run_id}
        self._work = work
        self._lock = threading.Lock()
        self._running: set[int] = set()

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        timeout_seconds: float,
        environment: Mapping[str, str] | None = None,
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Finished:
        """Run to the end; at the deadline the whole process group is killed.

        Args:
            command: and its arguments.
            cwd: where it runs.
            timeout_seconds: the deadline.
            environment: on top of what every command gets.
            stdin: a descriptor that it reads; nothing where None. It stays the caller's to close, as the next two.
            stdout: a descriptor that it writes to; the answer has nothing of that.
            stderr: as ``stdout``.

        Raises:
            StackError: the program does not exist.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    list(command),
                    cwd=cwd,
                    env={**self._environment, **(environment or {})},
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=out if stdout is None else stdout,
                    stderr=err if stderr is None else stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise StackError(f"{command[0]} cannot be run: {error}") from error
            with self._lock:
                self._running.add(process.pid)
            register_process(self._work, process.pid)
            try:
                code: int | None = process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                if process.poll() is None:
                    _kill_session(process.pid)
                    process.wait()
                with self._lock:
                    self._running.discard(process.pid)
                forget_process(self._work, process.pid)
            return Finished(exit_code=code if code is None or code >= 0 else None, stdout=_tail(out), stderr=_tail(err))

    def end_all(self) -> None:
        """Kill every command that still runs; their :meth:`run` returns."""
        with self._lock:
            for pid in self._running:
                _kill_session(pid)


def available() -> str | None:
    """None when an engine on this machine answers, else why not, in one sentence. Takes seconds at most."""
    if shutil.which("docker") is None:
        return "the docker command is not installed"
    if _ask(["docker", "compose", "version", "--short"]).exit_code != 0:
        return "docker has no compose plugin (docker compose version fails)"
    try:
        address = _address()
    except StackError as error:
        return str(error)
    answer = _ask(["docker", "version", "--format", "{{.Server.APIVersion}}"])
    if answer.exit_code == 0 and answer.stdout.strip():
        return None
    last = (answer.stderr.strip().splitlines() or ["no answer"])[-1]
    if "permission denied" in answer.stderr.lower():
        return f"this user may not use the engine at {address}: {last}"
    return f"no engine answers at {address}: {last}"


def client_proxies(folder: Path | None = None) -> tuple[str, ...]:
    """The variables by which the docker command sends every container to a proxy, as its user configured it.

    Args:
        folder: of the command's configuration; where the command itself looks, if None.
    """
    place = folder or Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        configured = json.loads((place / "config.json").read_text(encoding="utf-8"))
        kinds = {kind for proxies in configured.get("proxies", {}).values() for kind in proxies}
    except (OSError, ValueError, AttributeError, TypeError):
        return ()
    names = [f"{kind}_proxy" for kind in ("http", "https", "ftp", "all") if f"{kind}Proxy" in kinds]
    return tuple(spelled for name in names for spelled in (name, name.upper()))


def connect(*, timeout_seconds: float = 60.0) -> tuple[docker.DockerClient, Engine]:
    """A client of the same engine that the docker command talks to.

    Raises:
        StackError: none answers.
    """
    import docker  # noqa: PLC0415  # 0.2 s; never at import of this package
    import docker.errors  # noqa: PLC0415

    address = _address()
    try:
        client = docker.DockerClient(base_url=address, timeout=int(timeout_seconds))
        version, info = client.version(), client.info()
    except (docker.errors.DockerException, OSError) as error:
        raise StackError(f"no engine answers at {address}: {error}") from error
    api_version = tuple(int(part) for part in str(version.get("ApiVersion", "1.24")).split("."))
    return client, Engine(address=address, api_version=api_version, cpus=int(info.get("NCPU", 1)))


def _address() -> str:
    """Where the docker command finds its engine: the SDK knows the variable, but not the command's contexts.

    Raises:
        StackError: the engine is on another machine, where neither ports on 127.0.0.1 nor mounts of ours exist.
    """
    address = os.environ.get("DOCKER_HOST", "")
    if not address:
        answer = _ask(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
        address = answer.stdout.strip() if answer.exit_code == 0 else ""
    address = address or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        raise StackError(f"the engine at {address} is not on this machine; only a local one is used")
    return address


def _ask(command: Sequence[str]) -> Finished:
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finished(exit_code=None, stdout="", stderr=str(error))
    return Finished(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def _kill_session(leader: int) -> None:
    """SIGKILL the session of a command of ours; docker puts its plugins into process groups of their own.

    The leader was not waited for, so its number cannot belong to anybody else.
    """
    import psutil  # noqa: PLC0415  # only where something has to be ended

    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                os.kill(pid, signal.SIGKILL)


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - KEPT_BYTES))
    return file.read().decode("utf-8", "replace")
