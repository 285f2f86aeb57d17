"""Ctrl-C and SIGTERM: the first ends the run; a second one does not end what that takes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

__all__ = ["Interruption", "cut_before_lineless"]

#: By then whoever presses means it; the run's guard removes what is left.
LAST = 3
TOLD = "readiness: undoing what was disturbed and removing the stack; Ctrl-C once more leaves that to a process in the background"


class Interruption:
    """Turns the first signal into a ``KeyboardInterrupt``, answers the second in words, and the third as the first.

    A disturbance is undone, and the scorecard written, while the interruption unwinds; whoever presses twice because
    nothing seems to happen would cut that short.

    Args:
        tell: prints one line.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._count = 0
        self._before: dict[signal.Signals, object] = {}

    def install(self) -> None:
        """Take the two signals, unless somebody else has decided about them; in the main thread only, as Python wants it."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            if before in {signal.default_int_handler, signal.SIG_DFL}:
                self._before[number] = before
                signal.signal(number, self._arrived)

    def remove(self) -> None:
        """Give the signals back."""
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # as getsignal() gave it
        self._before.clear()

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        self._count += 1
        if self._count not in range(2, LAST):
            raise KeyboardInterrupt
        # Where it arrives in the middle of another line there is no way to print one.
        with contextlib.suppress(RuntimeError, OSError, ValueError):
            self._tell(TOLD)


def cut_before_lineless(traceback: TracebackType | None) -> None:
    """End a traceback before its first frame that has no line; pytest cannot show one, and fails where it tries.

    CPython gives none where a signal arrives at an instruction that belongs to no line of the source.
    """
    while traceback is not None and traceback.tb_next is not None:
        if traceback.tb_next.tb_lineno is None:  # typeshed knows nothing of it
            traceback.tb_next = None
        traceback = traceback.tb_next
