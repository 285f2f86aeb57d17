"""Everything that a started command has become: its children, its session, and what has left both.

A process is only ever touched when it is proven to be ours: a descendant, a member of a session that we made, or the
bearer of a marker that we put into its environment. Handles carry the time of creation, so a reused number is never hit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

__all__ = ["everything_of", "freeze", "kill", "marked", "thaw"]

#: How often the tree is looked at while it changes.
POLL_SECONDS = 0.02
#: A process in an uninterruptible wait stops and dies late; beyond this it is given up.
PATIENCE_SECONDS = 5.0


def everything_of(leader: psutil.Process, *, marker: str) -> list[psutil.Process]:
    """The leader and all that came from it, itself first; those that have ended are left out.

    Args:
        leader: a session leader that we started and have not reaped, so that its number cannot belong to another.
        marker: ``NAME=value`` in the environment of everything that the leader starts.
    """
    table = _table()
    wanted = marker.encode()
    found = {
        pid: process
        for pid, process in table.items()
        if pid == leader.pid or _session(pid) == leader.pid or wanted in _environment(pid)
    }
    children: dict[int, list[psutil.Process]] = {}
    for process in table.values():
        with contextlib.suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process)
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.pid not in found:
                found[child.pid] = child
                waiting.append(child.pid)
    return sorted(filter(_is_alive, found.values()), key=lambda process: process.pid != leader.pid)


def marked(marker: str, *, is_prefix: bool = False) -> list[psutil.Process]:
    """Every process that was started with ``marker`` (or something that begins so) in its environment, but ourselves.

    A process of another user is seen only by root: its environment is not readable, and it is none of ours.
    """
    wanted = marker.encode()
    return [
        process
        for pid, process in _table().items()
        if any(variable == wanted or (is_prefix and variable.startswith(wanted)) for variable in _environment(pid))
    ]


def freeze(tree: Callable[[], list[psutil.Process]]) -> bool:
    """SIGSTOP everything, whatever it starts meanwhile too; false where something did not stop in time.

    A stopped process starts nothing, so once all that is known has stopped and one more look finds nobody new, the
    tree stays frozen.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        moving = [process for process in tree() if not _has_stopped(process)]
        if not moving:
            return True
        _send(moving, signal.SIGSTOP)
        _await(_has_stopped, moving)
    return False


def thaw(processes: Iterable[psutil.Process]) -> None:
    """SIGCONT, the youngest first: a parent that wakes finds its children awake."""
    _send(reversed(list(processes)), signal.SIGCONT)


def kill(tree: Callable[[], list[psutil.Process]]) -> list[psutil.Process]:
    """SIGKILL everything until nothing is left; returns what would not die.

    It is frozen first, so that nothing can get away by starting another process in between.
    """
    freeze(tree)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := tree()) and time.monotonic() < deadline:
        _send(left, signal.SIGKILL)
        _await(_has_ended, left)
    return left


def _table() -> dict[int, psutil.Process]:
    """Every process but ourselves and those that we come from."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {}
    for pid in psutil.pids():
        if pid not in spared:
            with contextlib.suppress(psutil.Error):
                found[pid] = psutil.Process(pid)
    return found


def _session(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def _environment(pid: int) -> frozenset[bytes]:
    with contextlib.suppress(OSError):
        return frozenset(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    return frozenset()


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        # Already gone, or no longer ours to signal (it changed its user): the caller's next look tells.
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    return False


def _has_stopped(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() == psutil.STATUS_STOPPED
    return True


def _has_ended(process: psutil.Process) -> bool:
    return not _is_alive(process)


def _await(condition: Callable[[psutil.Process], bool], processes: Iterable[psutil.Process]) -> None:
    """Wait a short while for all of ``processes``; the caller looks again anyway."""
    deadline = time.monotonic() + 0.2
    while not all(map(condition, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
