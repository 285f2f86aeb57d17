"""What a process writes to its standard output and error: read as it comes, stamped line by line, bounded.

A pipe and not a file, because a file that a program opens again through ``/dev/stdout`` would be cut, and because
only a reader knows when a line arrived.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import subprocess
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["MAX_TEXT_BYTES", "LogPipe"]

#: What one call hands out at most.
MAX_TEXT_BYTES = 1024 * 1024
#: What is kept per service; older lines go first.
KEPT_BYTES = 4 * 1024 * 1024
#: A longer line is cut into several.
MAX_LINE_BYTES = 16 * 1024
CHUNK_BYTES = 64 * 1024
#: Big enough that a service never waits for this reader while Python is busy elsewhere; the kernel's usual maximum.
PIPE_BYTES = 1024 * 1024
#: How soon a reader notices that it shall end although somebody still holds the other end.
STOP_POLL_MS = 250

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LogPipe:
    """The log of one service over all its processes; safe between threads."""

    def __init__(self) -> None:
        self._lines: deque[tuple[datetime, bytes]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._heir: Path | None = None
        self._readers: list[threading.Thread] = []

    def open(self) -> int:
        """A new pipe's end to write to, for one process; the caller closes its copy after the start."""
        read_end, write_end = os.pipe()
        # Refused beyond the user's share of pipe memory: the usual 64 KiB will do then.
        with contextlib.suppress(OSError):
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        # A process that has dropped its privileges may open /dev/stdout again, as under a container engine.
        os.fchmod(write_end, 0o622)  # nosec B103  # the pipe is reachable through its own process alone
        reader = threading.Thread(target=self._read, args=(read_end,), daemon=True, name="readiness-log")
        self._readers = [r for r in self._readers if r.is_alive()] + [reader]
        reader.start()
        return write_end

    def text(self, *, since: datetime | None = None, tail: int = 1000) -> str:
        """The last ``tail`` lines that arrived at or after ``since`` (aware), colours removed, at most 1 MiB."""
        with self._lock:
            lines = list(self._lines)
        kept: deque[str] = deque()
        size = 0
        for arrived, line in reversed(lines):
            size += len(line) + 1
            if len(kept) >= tail or size > MAX_TEXT_BYTES or (since is not None and arrived < since):
                break
            kept.appendleft(_COLOUR.sub("", line.decode("utf-8", "replace")))
        return "\n".join(kept)

    def settle(self, *, seconds: float = 0.5) -> None:
        """Wait until everything written by processes that have ended is here."""
        for reader in self._readers:
            reader.join(seconds)

    def clear(self) -> None:
        """Forget what was read: a new instance begins."""
        with self._lock:
            self._lines.clear()
            self._bytes = 0

    def hand_over(self, file: Path) -> None:
        """Let a process of its own write what comes from now on to ``file``, so that the writers may outlive this one."""
        self._heir = file
        self.close()

    def close(self) -> None:
        """End the readers, also where an escaped process still holds the other end."""
        self._stop.set()
        self.settle(seconds=2.0)

    def _read(self, read_end: int) -> None:
        rest = b""
        poll = select.poll()
        poll.register(read_end, select.POLLIN | select.POLLHUP)
        try:
            while not self._stop.is_set():
                if not poll.poll(STOP_POLL_MS):
                    continue
                chunk = os.read(read_end, CHUNK_BYTES)
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > MAX_LINE_BYTES:
                    lines, rest = [*lines, rest], b""
                self._keep(lines)
            if self._heir is not None:
                _leave_to_cat(read_end, self._heir)
        finally:
            os.close(read_end)
            if rest:
                self._keep([rest])

    def _keep(self, lines: list[bytes]) -> None:
        now = datetime.now(UTC)
        with self._lock:
            for line in lines:
                whole = line.removesuffix(b"\r")
                for at in range(0, max(1, len(whole)), MAX_LINE_BYTES):
                    piece = whole[at : at + MAX_LINE_BYTES]
                    self._lines.append((now, piece))
                    # An empty line costs memory too.
                    self._bytes += len(piece) + 64
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._lines.popleft()[1]) + 64


def _leave_to_cat(read_end: int, file: Path) -> None:
    """It ends by itself when the last writer does."""
    with file.open("ab") as log:
        heir = subprocess.Popen(["cat"], stdin=read_end, stdout=log, stderr=subprocess.DEVNULL, start_new_session=True)
    # Nobody waits for it, by intention; without a code its handle complains.
    heir.returncode = 0
