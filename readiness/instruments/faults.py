"""Faults: services stopped, paused or recreated for a while, and always brought back.

A fault is in the undo journal before it happens, expires by itself, is undone on every way out of its block, and its
undo may be asked for any number of times. What a gatherer saw after its fault expired proves nothing, so a block that
outlives its fault ends with an error.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.instruments.journal import Journal, Undo, UndoKind
from readiness.runtime import Capability

if TYPE_CHECKING:
    from types import FrameType

    from readiness.runtime import Progress, Stack

__all__ = ["Fault", "Faults"]

#: Exit code of a process that SIGTERM ends, as shells count it.
TERMINATED = 128 + signal.SIGTERM
#: A killed process ends within milliseconds; its engine may take a while to say so.
_END_SECONDS, _LOOK_SECONDS = 10.0, 0.02


class Fault:
    """One fault in force. Made by :class:`Faults`.

    Attributes:
        services: what it holds down.
        applied_at: monotonic time when all of ``services`` were down.
        undone_at: monotonic time when the undo began; None while in force.
        expired: it ended by itself, so later observations saw a sound stack.
    """

    def __init__(self, services: tuple[str, ...], undo: Callable[[], None]) -> None:
        self.services = services
        self.applied_at = time.monotonic()
        self.undone_at: float | None = None
        self.expired = False
        self._undo = undo
        self._undone = False
        self._lock = threading.Lock()

    @property
    def is_in_force(self) -> bool:
        """Whether the fault still holds."""
        return self.undone_at is None

    def undo(self) -> None:
        """Bring the services back now; returns when they run again, not when they are ready. Idempotent.

        Raises:
            StackError: a service does not run again; asking once more tries once more.
        """
        with self._lock:
            if not self._undone:
                self.undone_at = self.undone_at or time.monotonic()
                self._undo()
                self._undone = True

    def expire(self) -> None:
        """Undo because time is up; a failure is left to the end of the block, which tries again and reports it."""
        if self.is_in_force:
            self.expired = True
            with contextlib.suppress(StackError):
                self.undo()


class Faults:
    """Disturbs one stack.

    Args:
        stack: what is disturbed.
        journal: path of the undo journal of this stack.
        progress: told about every wait.
    """

    def __init__(self, stack: Stack, *, journal: Path, progress: Progress) -> None:
        self._stack = stack
        self._journal = Journal(journal)
        self._progress = progress

    @contextlib.contextmanager
    def stopped(self, service: str, *, at_most_seconds: float) -> Iterator[Fault]:
        """Stop ``service`` for the block: connections are refused, its name may no longer resolve.

        Args:
            service: one service; a stack with several replicas stops all of them.
            at_most_seconds: the fault ends by itself after so long, counted from the moment it holds.

        Raises:
            UnsupportedError: the runtime cannot.
            GatherError: it was not running before, or the block outlived the fault.
            StackError: it cannot be stopped or brought back.
        """
        with self.stopped_all(service, at_most_seconds=at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def stopped_all(self, *services: str, at_most_seconds: float) -> Iterator[Fault]:
        """Stop several services in the order given; brought back in reverse. Otherwise as :meth:`stopped`."""
        with self._hold(services, Capability.STOP, UndoKind.START, self._stack.stop, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def paused(self, service: str, *, at_most_seconds: float) -> Iterator[Fault]:
        """Freeze ``service`` for the block: connections hang, nothing is refused. Otherwise as :meth:`stopped`."""
        with self.paused_all(service, at_most_seconds=at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def paused_all(self, *services: str, at_most_seconds: float) -> Iterator[Fault]:
        """Freeze several services. Otherwise as :meth:`stopped_all`."""
        with self._hold(services, Capability.PAUSE, UndoKind.UNPAUSE, self._stack.pause, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def recreated(self, service: str, *, at_most_seconds: float = 60.0) -> Iterator[Fault]:
        """Replace ``service`` by a new instance of the same definition; after the block it runs. As :meth:`stopped`."""
        recreate = self._stack.recreate
        with self._hold((service,), Capability.RECREATE, UndoKind.START, recreate, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def crashed(self, service: str, *, at_most_seconds: float = 60.0) -> Iterator[Fault]:
        """SIGKILL the main process as a crash would: a restart policy applies meanwhile. Otherwise as :meth:`stopped`.

        Raises:
            GatherError: it was not seen to have ended.
        """
        with self.crashed_all(service, at_most_seconds=at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def crashed_all(self, *services: str, at_most_seconds: float = 60.0) -> Iterator[Fault]:
        """SIGKILL several main processes at the same moment. Otherwise as :meth:`crashed`."""

        def crash(name: str) -> None:
            # When the last one is in the journal, all are.
            if name == services[-1]:
                with ThreadPoolExecutor(max_workers=len(services)) as pool:
                    list(pool.map(self._crash, services))

        with self._hold(services, Capability.CRASH, UndoKind.START, crash, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def stuck(self, service: str, *, at_most_seconds: float) -> Iterator[Fault]:
        """SIGSTOP the main process alone: unlike a paused service, its container still runs health checks."""

        def stick(name: str) -> None:
            self._stack.signal_past_engine(name, "STOP")

        with self._hold((service,), Capability.CRASH, UndoKind.CONTINUE, stick, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def stuck_all(self, *services: str, at_most_seconds: float) -> Iterator[Fault]:
        """SIGSTOP every process of several services; health checks that begin later run. Otherwise as :meth:`stuck`."""

        def stick(name: str) -> None:
            self._stack.signal_past_engine(name, "STOP", everyone=True)

        with self._hold(services, Capability.CRASH, UndoKind.CONTINUE, stick, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def strained(
        self, service: str, strain: Callable[[str], None], *, at_most_seconds: float = 60.0
    ) -> Iterator[Fault]:
        """Do inside ``service`` what may end it; ``strain`` ends by itself. After the block it runs. As :meth:`stopped`."""
        with self._hold((service,), Capability.EXEC, UndoKind.START, strain, at_most_seconds) as fault:
            yield fault

    @contextlib.contextmanager
    def signalled(self, service: str, signal_name: str, *, at_most_seconds: float = 60.0) -> Iterator[Fault]:
        """Send one signal to the main process; after the block the service runs. Otherwise as :meth:`stopped`."""

        def send(name: str) -> None:
            self._stack.signal(name, signal_name)

        with self._hold((service,), Capability.SIGNAL, UndoKind.START, send, at_most_seconds) as fault:
            yield fault

    def restart(self, service: str) -> None:
        """Leave ``service`` running anew, whatever its state: a sound stack for the next observation.

        Raises:
            StackError: it cannot be stopped or started.
        """
        undo = Undo(kind=UndoKind.START, service=service)
        with _sigterm_exits(), _always(lambda: self._restore(undo)):
            self._journal.intend(undo)
            if self._stack.state(service).is_running:
                self._stack.stop(service)

    def undo_all(self) -> None:
        """Take back everything that is still open in the journal, newest first; for the end of a run, or a new start.

        Raises:
            GatherError: something does not come back; everything else was taken back all the same.
        """
        problems = []
        for undo in reversed(self._journal.pending()):
            try:
                self._restore(undo, anew=True)
            except StackError as error:
                problems.append(f"{undo.service}: {error}")
        if problems:
            raise GatherError(f"after the faults these services did not come back: {'; '.join(problems)}")

    @contextlib.contextmanager
    def _hold(
        self,
        services: tuple[str, ...],
        capability: Capability,
        kind: UndoKind,
        apply: Callable[[str], None],
        at_most_seconds: float,
    ) -> Iterator[Fault]:
        self._require(capability, services)
        undos = [Undo(kind=kind, service=service) for service in services]
        self._progress(f"{' and '.join(services)}: {capability}", at_most_seconds=at_most_seconds)
        begun: list[Undo] = []
        is_broken_off = True

        def take_back() -> None:
            problems: list[StackError] = []
            for undo in reversed(begun.copy()):
                try:
                    self._restore(undo, anew=is_broken_off)
                    begun.remove(undo)
                except StackError as error:
                    # The others come back all the same.
                    problems.append(error)
            if problems:
                raise problems[0]

        with _sigterm_exits(), _always(take_back):
            for undo in undos:
                # Before the journal, so that an interruption between the two still takes back.
                begun.append(undo)
                self._journal.intend(undo)
                apply(undo.service)
            fault = Fault(services, take_back)
            timer = threading.Timer(at_most_seconds, fault.expire)
            timer.daemon = True
            timer.start()
            try:
                with _always(fault.undo):
                    is_broken_off = False
                    try:
                        yield fault
                    except BaseException:
                        is_broken_off = True
                        raise
            finally:
                timer.cancel()
        if fault.expired:
            raise GatherError(
                f"{' and '.join(services)} came back by itself after {at_most_seconds:g} s, before the observation was over"
            )

    def _crash(self, service: str) -> None:
        before = self._stack.state(service).started_at
        self._stack.signal_past_engine(service, "KILL")
        # The process ends a moment later: an undo that came sooner would take it for running, and start nothing.
        deadline = time.monotonic() + _END_SECONDS
        while (state := self._stack.state(service)).is_running and state.started_at == before:
            if time.monotonic() > deadline:
                raise GatherError(f"{service} still ran {_END_SECONDS:g} s after SIGKILL")
            time.sleep(_LOOK_SECONDS)

    def _require(self, capability: Capability, services: tuple[str, ...]) -> None:
        if capability not in self._stack.capabilities:
            raise UnsupportedError(
                capability, runtime=self._stack.runtime, hint="audit a throw-away stack with --readiness-target"
            )
        for service in services:
            state = self._stack.state(service)
            if not state.is_running:
                raise GatherError(f"{service} is {state.status} already, so a fault of it would show nothing")

    def _restore(self, undo: Undo, *, anew: bool = False) -> None:
        """Bring one service back, whatever happened to it meanwhile, and close its entry.

        Args:
            undo: what to take back.
            anew: whoever was interrupted while a service was asked to end finds it running still, and leaves it to end a
                moment later: such a one is stopped first.
        """
        if undo.kind is UndoKind.UNPAUSE:
            try:
                self._stack.unpause(undo.service)
            except StackError:
                # Never was paused, is no longer, or has died: the state below decides.
                if self._stack.state(undo.service).status == "paused":
                    raise
        if undo.kind is UndoKind.CONTINUE and self._is_running(undo.service):
            self._stack.signal_past_engine(undo.service, "CONT", everyone=True)
        if anew and undo.kind is UndoKind.START and self._is_running(undo.service):
            # One that cannot be stopped at all runs, which is all that is wanted.
            with contextlib.suppress(StackError, UnsupportedError):
                self._stack.stop(undo.service)
        if not self._is_running(undo.service):
            self._stack.start(undo.service)
        self._journal.done(undo)

    def _is_running(self, service: str) -> bool:
        """Whether it runs; one of which there is no instance does not, and starting it makes one."""
        try:
            return self._stack.state(service).is_running
        except StackError:
            # An engine that does not answer says so again to whoever starts it.
            return False


@contextlib.contextmanager
def _always(undo: Callable[[], None]) -> Iterator[None]:
    """Run ``undo`` on every way out; its failure never hides why the block ended."""
    try:
        yield
    except BaseException as reason:
        try:
            undo()
        except StackError as error:
            reason.add_note(f"and the fault could not be undone: {error}")
        raise
    undo()


@contextlib.contextmanager
def _sigterm_exits() -> Iterator[None]:
    """Let SIGTERM unwind the block instead of ending the process on the spot.

    Only where nobody has decided otherwise, and only in the main thread: Python allows handlers nowhere else.
    """
    is_free = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_free:
        yield
        return

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
