"""The undo journal: what has been done to a stack and how to take it back, on disk before it is done.

One JSON object per line, appended and synced. A run that dies half way leaves its open entries here, and whoever
comes next can take them back. One journal belongs to one stack.
"""

from __future__ import annotations

import enum
import json
import os
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from readiness.exceptions import RecordingError

__all__ = ["Journal", "Undo", "UndoKind"]


class UndoKind(enum.StrEnum):
    """How a fault is taken back."""

    START = "start"
    UNPAUSE = "unpause"
    CONTINUE = "continue"


@dataclass(frozen=True, kw_only=True)
class Undo:
    """One intended undo: bring ``service`` back by ``kind``. ``entry`` identifies it in the journal."""

    kind: UndoKind
    service: str
    entry: str = field(default_factory=lambda: uuid.uuid4().hex)


class Journal:
    """Appends to, and reads, one journal file; safe between threads.

    Args:
        path: the file; its folder must exist, the file need not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def intend(self, undo: Undo) -> None:
        """Write down how to take back what is about to be done; returns when it is on disk."""
        self._append({"intend": undo.entry, "kind": undo.kind, "service": undo.service})

    def done(self, undo: Undo) -> None:
        """Write down that it has been taken back (or never was done)."""
        self._append({"done": undo.entry})

    def pending(self) -> tuple[Undo, ...]:
        """What is still to be taken back, oldest first.

        A last line without its end is what a death while writing leaves; nothing had been done for it yet.

        Raises:
            RecordingError: a complete line is not ours: file and line are named.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        open_entries: dict[str, Undo] = {}
        for number, line in enumerate(text.splitlines(keepends=True), start=1):
            if not line.endswith("\n"):
                break
            try:
                entry = json.loads(line)
                if "done" in entry:
                    open_entries.pop(entry["done"], None)
                else:
                    undo = Undo(kind=UndoKind(entry["kind"]), service=entry["service"], entry=entry["intend"])
                    open_entries[undo.entry] = undo
            except (ValueError, KeyError, TypeError) as error:
                raise RecordingError(f"{self._path}:{number}: not an entry of the undo journal: {error}") from error
        return tuple(open_entries.values())

    def _append(self, entry: dict[str, str]) -> None:
        line = (json.dumps(entry) + "\n").encode()
        with self._lock:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
