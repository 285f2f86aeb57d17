"""Everything that a started command has become: its children, its session, and what has left both.

A process is only ever touched when it is proven to be ours: a descendant, a member of a session that we made, or the
bearer of a marker that we put into its environment. Handles carry the time of creation, so a reused number is never hit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["everything_of", "freeze", "kill", "marked", "thaw"]

#: How often the tree is looked at while it changes.
POLL_SECONDS = 0.02
#: A process in an uninterruptible wait stops and dies late; beyond this it is given up.
PATIENCE_SECONDS = 10.0


def everything_of(leader: psutil.Process, *, marker: str) -> list[psutil.Process]:
    """The leader and all that came from it, itself first; those that have ended are left out.

    Args:
        leader: a session leader that we started and have not reaped, so that its number cannot belong to another.
        marker: ``NAME=value`` in the environment of everything that the leader starts.
    """
    table = _table()
    wanted = marker.encode()
    found = {pid for pid, entry in table.items() if leader.pid in {pid, entry.session} or wanted in _environment(pid)}
    children: dict[int, list[int]] = {}
    for pid, entry in table.items():
        children.setdefault(entry.parent, []).append(pid)
    waiting = list(found)
    while waiting:
        new = [child for child in children.get(waiting.pop(), ()) if child not in found]
        found.update(new)
        waiting += new
    others = [pid for pid in found if pid != leader.pid]
    return [*([leader] if leader.pid in found else []), *_handles(others, table)]


def marked(marker: str, *, is_prefix: bool = False) -> list[psutil.Process]:
    """Every process that was started with ``marker`` (or something that begins so) in its environment, but ourselves.

    A process of another user is seen only by root: its environment is not readable, and it is none of ours.
    """
    wanted = marker.encode()
    table = _table()
    found = [
        pid
        for pid in table
        if any(variable == wanted or (is_prefix and variable.startswith(wanted)) for variable in _environment(pid))
    ]
    return _handles(found, table)


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


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One line of the process table: parent, session, and the kernel's start time as text."""

    parent: int
    session: int
    started: str


def _table() -> dict[int, _Entry]:
    """Every living process but ourselves and those that we come from, from one read each: a fault must not take long."""
    found = {pid: entry for pid in psutil.pids() if (entry := _entry(pid)) is not None}
    spared = os.getpid()
    while spared in found:
        spared = found.pop(spared).parent
    return found


def _entry(pid: int) -> _Entry | None:
    """Fields 3, 4, 6 and 22 of proc(5) ``/proc/PID/stat``; the name before them may hold anything."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        if fields and fields[0] not in {"Z", "X"}:
            return _Entry(parent=int(fields[1]), session=int(fields[3]), started=fields[19])
    return None


def _handles(pids: Iterable[int], table: Mapping[int, _Entry]) -> list[psutil.Process]:
    """Handles of those that are still the ones in the table: a number may have gone to another process since."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            entry = _entry(pid)
            if entry is not None and entry.started == table[pid].started:
                found.append(process)
    return found


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
