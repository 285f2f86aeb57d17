"""What is being waited for, on the terminal: workers write lines to the run's folder, the controller prints them."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ProgressLog", "ProgressPrinter", "uncaptured_lines"]

#: Often enough to feel live, rarely enough to cost nothing.
POLL_SECONDS = 0.2


class ProgressLog:
    """A worker's side: one JSON line per message. Implements :class:`readiness.runtime.Progress`."""

    def __init__(self, folder: Path, worker: str) -> None:
        self._path = folder / f"{worker}.jsonl"
        self._worker = worker

    def __call__(self, what: str, *, at_most_seconds: float | None = None) -> None:
        """Say what is under way and how long it may take at most."""
        line = json.dumps({"t": time.monotonic(), "worker": self._worker, "what": what, "at_most": at_most_seconds})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def uncaptured_lines(terminal: Any) -> Callable[[str], None]:
    """A way to print a line while pytest captures the output of a check's set-up.

    Args:
        terminal: pytest's terminal reporter.
    """
    writer = terminal._tw  # noqa: SLF001  # pytest has no public way to its terminal
    try:
        # Capturing redirects the descriptor during each phase of an item; a copy taken now keeps its place.
        output = os.fdopen(os.dup(writer._file.fileno()), "w", encoding="utf-8", errors="replace")  # noqa: SLF001
    except (AttributeError, OSError, ValueError):
        fallback: Callable[[str], None] = terminal.write_line
        return fallback

    def write_line(line: str) -> None:
        # A line of dots may be under way: end it, and make pytest begin a new one.
        start = "\n" if writer.width_of_current_line else ""
        terminal.currentfspath, writer._current_line = None, ""  # noqa: SLF001
        output.write(f"{start}{line}\n")
        output.flush()

    return write_line


class ProgressPrinter:
    """The controller's side: a thread that prints new lines in the order in which they were written."""

    def __init__(self, folder: Path, *, began: float, write_line: Callable[[str], None]) -> None:
        self._folder, self._began, self._write_line = folder, began, write_line
        self._read: dict[Path, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="readiness-progress", daemon=True)

    def start(self) -> None:
        """Begin to print."""
        self._thread.start()

    def close(self) -> None:
        """Print what is left and end; idempotent."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(timeout=5)
            self._print_new()

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self._print_new()

    def _print_new(self) -> None:
        lines = []
        for path in sorted(self._folder.glob("*.jsonl")):
            text = path.read_text(encoding="utf-8")
            complete = text[: text.rfind("\n") + 1]
            lines += [json.loads(line) for line in complete[self._read.get(path, 0) :].splitlines()]
            self._read[path] = len(complete)
        for line in sorted(lines, key=lambda line: line["t"]):
            bound = f" (at most {line['at_most']:.0f} s)" if line["at_most"] else ""
            worker = "" if line["worker"] == "main" else f" {line['worker']}"
            self._write_line(f"readiness {line['t'] - self._began:6.1f} s{worker}  {line['what']}{bound}")
