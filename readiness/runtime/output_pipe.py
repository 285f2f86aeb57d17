"""What a program says, through a pipe, of which the last is kept.

A pipe and no file: a program that opens ``/dev/stderr`` again would cut a file, and a file may fill the disk.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from typing import Self

__all__ = ["OutputPipe"]

KEPT_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
#: For whoever holds the pipe open after the program has ended; nobody should.
END_SECONDS = 5.0


class OutputPipe:
    """Reads for as long as the block lasts.

    Attributes:
        end: the descriptor to write to.
    """

    def __init__(self) -> None:
        self._read_end, self.end = os.pipe()
        self._kept: deque[bytes] = deque()
        self._bytes = 0
        self._thread = threading.Thread(target=self._read, name="readiness output", daemon=True)

    def __enter__(self) -> Self:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Read what is left."""
        with contextlib.suppress(OSError):
            os.close(self.end)
        self._thread.join(END_SECONDS)

    def text(self) -> str:
        """The last 4 MiB of what was said, once the block has ended."""
        return b"".join(self._kept)[-KEPT_BYTES:].decode("utf-8", "replace")

    def _read(self) -> None:
        try:
            while chunk := os.read(self._read_end, CHUNK_BYTES):
                self._kept.append(chunk)
                self._bytes += len(chunk)
                while self._bytes - len(self._kept[0]) > KEPT_BYTES:
                    self._bytes -= len(self._kept.popleft())
        finally:
            os.close(self._read_end)
