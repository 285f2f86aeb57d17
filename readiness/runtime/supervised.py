"""One command under supervision: started in a session of its own, known by its pid to the reaper, ended to the last child.

As under a container engine, the main process is the service: when it ends, everything it has started ends too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from readiness.exceptions import StackError
from readiness.facts.start import FailureCause
from readiness.runtime import process_tree
from readiness.runtime.log_pipe import LogPipe
from readiness.runtime.reaper import Owner, forget_process, register_process

__all__ = ["SERVICE_VARIABLE", "Launch", "SpawnError", "Supervised", "Usage"]

#: In the environment of everything that a service starts, so that what has lost its parent is found.
SERVICE_VARIABLE = "READINESS_SERVICE"
POLL_SECONDS = 0.02
#: Docker's default between the stop signal and SIGKILL.
GRACE_SECONDS = 10.0


class SpawnError(StackError):
    """The command could not be started at all; ``cause`` says why."""

    def __init__(self, message: str, *, cause: FailureCause) -> None:
        self.cause = cause
        super().__init__(message)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What is run: the command, its whole environment, and the folder it is run in.

    Attributes:
        marker: value of :data:`SERVICE_VARIABLE`, unlike any other of this machine.
    """

    service: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    marker: str
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = GRACE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a service's processes use together: resident memory, processor seconds so far, their number."""

    rss_bytes: int
    cpu_seconds: float
    processes: int


class Supervised:
    """Runs one command, again and again where asked. Safe between threads.

    Args:
        launch: what to run.
        work: the run's folder, where every process is registered for the reaper.
    """

    def __init__(self, launch: Launch, *, work: Path) -> None:
        self.launch = launch
        self.log = LogPipe()
        self._work = work
        self._lock = threading.RLock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._leader: psutil.Process | None = None
        self._started_at = self._finished_at = ""
        self._exit_code: int | None = None
        self._is_paused = self._is_alive = False

    @property
    def status(self) -> str:
        """``created``, ``running``, ``paused`` or ``exited``."""
        with self._lock:
            if self._popen is None:
                return "created" if self._exit_code is None else "exited"
            if self._observe() is not None:
                self._settle()
                return "exited"
            return "paused" if self._is_paused else "running"

    @property
    def exit_code(self) -> int | None:
        """The last exit code as shells and engines count it: 128 + n after signal n; None while it runs."""
        return self._exit_code if self.status == "exited" else None

    @property
    def started_at(self) -> str:
        """When the present or last process was started: UTC, ISO 8601; empty before the first start."""
        return self._started_at

    @property
    def finished_at(self) -> str:
        """When the last process was seen to have ended: UTC, ISO 8601; empty before the first end."""
        return self._finished_at

    def start(self) -> None:
        """Start the command unless it runs; returns when the process exists.

        Raises:
            SpawnError: it cannot be executed.
        """
        with self._lock:
            if self.status in {"running", "paused"}:
                return
            command = self.launch.command
            writer = self.log.open()
            try:
                self._popen = subprocess.Popen(
                    command,
                    cwd=self.launch.folder,
                    env=dict(self.launch.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=writer,
                    stderr=writer,
                    start_new_session=True,
                    preexec_fn=_deaf_no_longer if _ignored() else None,  # noqa: PLW1509  # two system calls, no lock
                )
            except (OSError, ValueError) as error:
                raise _spawn_error(command, self.launch.folder, error) from error
            finally:
                os.close(writer)
            self._exit_code, self._is_paused, self._is_alive = None, False, True
            register_process(self._work, self._popen.pid)
            self._leader = psutil.Process(self._popen.pid)
            self._started_at = datetime.fromtimestamp(self._leader.create_time(), UTC).isoformat()

    def stop(self) -> None:
        """The stop signal to the main process, SIGKILL to everything after the grace period. Idempotent.

        Raises:
            StackError: something would not die.
        """
        with self._lock:
            self.ask_to_stop()
            self.wait(self.launch.grace_seconds)
            self._settle()

    def ask_to_stop(self) -> None:
        """Send the stop signal and return at once."""
        with self._lock:
            if self._popen is not None and self._observe() is None:
                if self._is_paused:
                    self.unpause()
                self._signal_main(self.launch.stop_signal)

    def wait(self, seconds: float) -> int | None:
        """Wait for the main process to end; its exit code, or None where it still runs or never did."""
        deadline = time.monotonic() + seconds
        while self.status in {"running", "paused"} and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return self.exit_code

    def send(self, number: signal.Signals, *, everyone: bool = False) -> None:
        """Send a signal to the main process, and with ``everyone`` to all that came from it.

        Raises:
            StackError: it does not run.
        """
        with self._lock:
            self._require_running()
            self._signal_main(number)
            for process in self.tree() if everyone else ():
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)

    def pause(self) -> None:
        """Freeze the whole tree, what it is just starting included.

        Raises:
            StackError: it does not run, or a process would not stop (nothing stays frozen then).
        """
        with self._lock:
            self._require_running()
            if not process_tree.freeze(self.tree):
                process_tree.thaw(self.tree())
                raise StackError(f"{self.launch.service} could not be frozen: a process of it waits for the kernel")
            self._is_paused = True

    def unpause(self) -> None:
        """Undo :meth:`pause`; idempotent."""
        with self._lock:
            if self._popen is not None:
                process_tree.thaw(self.tree())
            self._is_paused = False

    def tree(self) -> list[psutil.Process]:
        """The main process and everything that came from it and still lives."""
        with self._lock:
            if self._leader is None:
                return []
            return process_tree.everything_of(self._leader, marker=self._marker)

    def usage(self) -> Usage:
        """What the tree uses right now; zeros where nothing runs."""
        rss_bytes, cpu_seconds, count = 0, 0.0, 0
        for process in self.tree():
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                rss_bytes += process.memory_info().rss
                cpu_seconds += times.user + times.system
                count += 1
        return Usage(rss_bytes=rss_bytes, cpu_seconds=cpu_seconds, processes=count)

    def keep(self, log: Path) -> Owner | None:
        """Let the process outlive this one: what it writes goes on to the file ``log``, and nothing can be done to it any more.

        Returns:
            The leader of its session; None where nothing was started.
        """
        with self._lock:
            self.log.hand_over(log)
            leader = None if self._popen is None else Owner.of(self._popen.pid)
            if self._popen is not None:
                # Nobody waits for it, by intention; without a code its handle complains.
                self._popen.returncode = 0
                forget_process(self._work, self._popen.pid)
            self._popen = self._leader = None
            return leader

    def close(self) -> None:
        """SIGKILL to everything, and end the log; idempotent.

        Raises:
            StackError: something would not die.
        """
        try:
            with self._lock:
                self._settle()
        finally:
            self.log.close()

    @property
    def _marker(self) -> str:
        return f"{SERVICE_VARIABLE}={self.launch.marker}"

    def _require_running(self) -> None:
        if (status := self.status) not in {"running", "paused"}:
            raise StackError(f"{self.launch.service} does not run: {status}")

    def _signal_main(self, number: signal.Signals) -> None:
        # Not reaped yet, so the number is still ours; a zombie takes the signal silently.
        if self._popen is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._popen.pid, number)

    def _observe(self) -> int | None:
        """The main process's exit code without reaping it, so that its number stays ours while others are looked for."""
        if self._popen is None:
            return self._exit_code
        found = os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        if self._is_alive:
            self._is_alive, self._finished_at = False, datetime.now(UTC).isoformat()
        return found.si_status if found.si_code == os.CLD_EXITED else 128 + found.si_status

    def _settle(self) -> None:
        """End whatever is left of the present process and take its exit code."""
        popen, leader = self._popen, self._leader
        if popen is None:
            return
        # A death between Popen and the registration leaves no handle: the unreaped number is proof enough.
        self._leader = leader or psutil.Process(popen.pid)
        left = process_tree.kill(self.tree)
        self._exit_code = self._observe()
        if left:
            raise StackError(f"{self.launch.service}: these would not die: {[p.pid for p in left]}")
        code = popen.wait()
        if self._exit_code is None:
            # Its first thread had ended, so it was no more in the table, and another one had not: no end to observe yet.
            self._is_alive, self._finished_at = False, datetime.now(UTC).isoformat()
            self._exit_code = code if code >= 0 else 128 - code
        self._popen = self._leader = None
        self._is_paused = False
        forget_process(self._work, popen.pid)


def _ignored() -> list[signal.Signals]:
    """The stop signals that this process ignores, as every command does that a shell put into its background."""
    return [number for number in (signal.SIGINT, signal.SIGQUIT) if signal.getsignal(number) is signal.SIG_IGN]


def _deaf_no_longer() -> None:
    """In the child: a service is to hear its stop signal, however the audit was started."""
    for number in _ignored():
        signal.signal(number, signal.SIG_DFL)


def _spawn_error(command: Sequence[str], folder: str, error: OSError | ValueError) -> SpawnError:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.ENOENT and not Path(folder).is_dir():
        return SpawnError(f"the folder {folder} does not exist", cause=FailureCause.MISSING_FILE)
    if code in {errno.ENOENT, errno.ENOTDIR}:
        return SpawnError(f"executable file not found: {command[0]}", cause=FailureCause.COMMAND_NOT_FOUND)
    if code in {errno.EACCES, errno.EPERM}:
        return SpawnError(f"may not be executed: {command[0]}", cause=FailureCause.PERMISSION)
    if code in {errno.ENOMEM, errno.EAGAIN}:
        return SpawnError(f"this machine cannot start it now: {error}", cause=FailureCause.HOST_CANNOT)
    return SpawnError(f"{command[0]} cannot be executed: {error}", cause=FailureCause.UNKNOWN)
