from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.instruments.faults import Faults
from readiness.instruments.journal import Journal, UndoKind
from readiness.runtime import Capability, ServiceState


@dataclass
class FakeStack:
    """Services with a state each; remembers what was done, and what the journal held open at that moment."""

    journal: Path
    states: dict[str, str] = field(default_factory=lambda: {"db": "running", "cache": "running"})
    done: list[str] = field(default_factory=list)
    open_before: list[int] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    capabilities: frozenset[Capability] = frozenset(Capability)
    runtime: str = "fake"

    def state(self, service: str) -> ServiceState:
        if not self.states[service]:
            raise StackError(f"{service} has no container")
        return ServiceState(service=service, status=self.states[service], instance="1", started_at="")

    def stop(self, service: str) -> None:
        self._do("stop", service, "exited")

    def start(self, service: str) -> None:
        self._do("start", service, "running")

    def pause(self, service: str) -> None:
        self._do("pause", service, "paused")

    def unpause(self, service: str) -> None:
        if self.states[service] != "paused":
            raise StackError(f"{service} is not paused")
        self._do("unpause", service, "running")

    def recreate(self, service: str) -> None:
        self._do("recreate", service, "running")

    def signal(self, service: str, signal: str) -> None:
        self._do(f"signal {signal}", service, "exited")

    def signal_past_engine(self, service: str, signal: str, *, everyone: bool = False) -> None:
        whom = " everyone" if everyone else ""
        self._do(f"past the engine {signal}{whom}", service, "exited" if signal == "KILL" else "running")

    def _do(self, what: str, service: str, state: str) -> None:
        self.open_before.append(len(Journal(self.journal).pending()))
        self.done.append(f"{what} {service}")
        if f"{what} {service}" in self.broken:
            raise StackError(f"cannot {what} {service}")
        self.states[service] = state


def silent(what: str, *, at_most_seconds: float | None = None) -> None:
    assert what


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    return FakeStack(journal=tmp_path / "journal.jsonl")


@pytest.fixture
def faults(stack: FakeStack) -> Faults:
    return Faults(stack, journal=stack.journal, progress=silent)  # type: ignore[arg-type]  # as much as is used


def pending(stack: FakeStack) -> list[tuple[UndoKind, str]]:
    return [(undo.kind, undo.service) for undo in Journal(stack.journal).pending()]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_stopped_service_is_down_in_the_block_and_back_behind_it(stack: FakeStack, faults: Faults) -> None:
    with faults.stopped("db", at_most_seconds=60) as fault:
        assert stack.states["db"] == "exited"
        assert fault.is_in_force
        assert fault.services == ("db",)
    assert stack.states["db"] == "running"
    assert stack.done == ["stop db", "start db"]
    assert not fault.is_in_force
    assert not fault.expired


def test_undo_is_on_disk_before_the_fault_and_closed_after_it(stack: FakeStack, faults: Faults) -> None:
    with faults.stopped("db", at_most_seconds=60):
        assert stack.open_before == [1]
        assert pending(stack) == [(UndoKind.START, "db")]
    assert pending(stack) == []


def test_several_services_come_back_in_reverse(stack: FakeStack, faults: Faults) -> None:
    with faults.stopped_all("db", "cache", at_most_seconds=60):
        assert set(stack.states.values()) == {"exited"}
    with faults.paused_all("db", "cache", at_most_seconds=60):
        assert set(stack.states.values()) == {"paused"}
    assert stack.done == [
        "stop db", "stop cache", "start cache", "start db", "pause db", "pause cache", "unpause cache", "unpause db",
    ]  # fmt: skip


def test_recreated_service_runs_behind_the_block(stack: FakeStack, faults: Faults) -> None:
    with faults.recreated("db"):
        stack.states["db"] = "exited"
    assert stack.done == ["recreate db", "start db"]


def test_a_service_whose_recreation_left_no_instance_comes_back(stack: FakeStack, faults: Faults) -> None:
    def remove_only(service: str) -> None:
        stack.states[service] = ""
        raise StackError(f"{service} could not be recreated")

    stack.recreate = remove_only  # type: ignore[method-assign]
    stack.broken = {"start db"}
    with pytest.raises(StackError, match="could not be recreated"), faults.recreated("db"):
        pytest.fail("the block was entered")
    assert pending(stack) == [(UndoKind.START, "db")]
    stack.broken.clear()
    faults.undo_all()
    assert stack.done == ["start db", "start db"]
    assert (stack.states["db"], pending(stack)) == ("running", [])


@pytest.mark.parametrize(("state", "steps"), [("running", ["stop db", "start db"]), ("exited", ["start db"])])
def test_restart_leaves_a_running_service(stack: FakeStack, faults: Faults, state: str, steps: list[str]) -> None:
    stack.states["db"] = state
    faults.restart("db")
    assert stack.done == steps
    assert stack.states["db"] == "running"
    assert pending(stack) == []


@pytest.mark.parametrize("reason", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_every_way_out_undoes(stack: FakeStack, faults: Faults, reason: BaseException) -> None:
    with pytest.raises(type(reason)) as caught, faults.paused("db", at_most_seconds=60):
        raise reason
    assert caught.value is reason
    assert stack.states["db"] == "running"
    assert pending(stack) == []


def test_a_service_that_was_asked_to_end_is_not_taken_for_running_when_the_block_is_left(
    stack: FakeStack, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The engine goes on stopping it although nobody waits for that any more.
    def interrupted(_: str) -> None:
        stack.done.append("begin to stop db")
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(stack, "stop", interrupted)
    with pytest.raises(KeyboardInterrupt), faults.stopped("db", at_most_seconds=60):
        pytest.fail("the fault does not hold")
    assert stack.done == ["begin to stop db", "stop db", "start db"]
    assert pending(stack) == []


def test_a_service_that_drains_when_the_block_is_left_is_waited_for(stack: FakeStack, faults: Faults) -> None:
    def interrupt() -> None:
        stack.states["db"] = "running"  # it has not ended yet
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), faults.signalled("db", "SIGTERM", at_most_seconds=60):
        interrupt()
    assert stack.done == ["signal SIGTERM db", "stop db", "start db"]


def test_sigterm_leaves_through_the_undo(stack: FakeStack, faults: Faults) -> None:
    assert threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as caught, faults.stopped("db", at_most_seconds=60):
            terminate()
        assert caught.value.code == 143
        assert stack.states["db"] == "running"
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_handler_of_somebody_else_stays(stack: FakeStack, faults: Faults) -> None:
    def theirs(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        with faults.stopped("db", at_most_seconds=60):
            assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)


def test_fault_that_fails_half_way_is_taken_back(stack: FakeStack, faults: Faults) -> None:
    stack.broken.add("stop cache")
    with pytest.raises(StackError, match="cannot stop cache"), faults.stopped_all("db", "cache", at_most_seconds=60):
        pytest.fail("the fault does not hold")
    assert set(stack.states.values()) == {"running"}
    assert pending(stack) == []


def test_fault_expires_while_the_block_hangs_and_the_observation_is_void(stack: FakeStack, faults: Faults) -> None:
    with pytest.raises(GatherError, match="came back by itself"), faults.stopped("db", at_most_seconds=0.01):
        wait_for(lambda: stack.states["db"] == "running")
    assert stack.done == ["stop db", "start db"]


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    wait_for(lambda: False)


def test_undo_may_be_asked_for_early_and_again(stack: FakeStack, faults: Faults) -> None:
    with faults.stopped("db", at_most_seconds=60) as fault:
        fault.undo()
        undone_at = fault.undone_at
        assert stack.states["db"] == "running"
        fault.undo()
    assert stack.done == ["stop db", "start db"]
    assert fault.undone_at == undone_at


def test_service_that_does_not_come_back_is_reported_and_stays_in_the_journal(stack: FakeStack, faults: Faults) -> None:
    stack.broken.add("start db")
    with pytest.raises(StackError, match="cannot start db"), faults.stopped("db", at_most_seconds=60):
        pass
    assert pending(stack) == [(UndoKind.START, "db")]
    with pytest.raises(GatherError, match="db: cannot start db"):
        faults.undo_all()
    stack.broken.clear()
    faults.undo_all()
    assert stack.states["db"] == "running"
    assert pending(stack) == []


def test_failed_undo_does_not_hide_why_the_block_ended(stack: FakeStack, faults: Faults) -> None:
    stack.broken.add("start db")
    with pytest.raises(ValueError, match="mine") as caught, faults.stopped("db", at_most_seconds=60):
        raise ValueError("mine")
    assert any("could not be undone" in note for note in caught.value.__notes__)


def test_one_service_that_stays_away_does_not_keep_the_others_away(stack: FakeStack, faults: Faults) -> None:
    stack.broken |= {"start cache"}
    with pytest.raises(StackError, match="cannot start cache"), faults.stopped_all("db", "cache", at_most_seconds=60):
        pass
    assert stack.states == {"db": "running", "cache": "exited"}
    assert pending(stack) == [(UndoKind.START, "cache")]


def test_paused_service_that_died_is_started(stack: FakeStack, faults: Faults) -> None:
    with faults.paused("db", at_most_seconds=60):
        stack.states["db"] = "exited"
    assert stack.done == ["pause db", "start db"]
    assert stack.states["db"] == "running"


def test_faults_of_a_dead_run_are_taken_back_by_the_next(stack: FakeStack, faults: Faults) -> None:
    block = faults.stopped_all("db", "cache", at_most_seconds=600)
    fault = block.__enter__()
    Faults(stack, journal=stack.journal, progress=silent).undo_all()  # type: ignore[arg-type]  # as above
    assert stack.done == ["stop db", "stop cache", "start cache", "start db"]
    fault.undo()
    block.__exit__(None, None, None)
    assert stack.done[4:] == []


def test_service_that_is_down_already_shows_nothing(stack: FakeStack, faults: Faults) -> None:
    stack.states["db"] = "exited"
    with pytest.raises(GatherError, match="db is exited already"), faults.stopped("db", at_most_seconds=60):
        pytest.fail("no fault")
    assert stack.done == []


def test_missing_capability_is_named_and_nothing_is_done(stack: FakeStack, faults: Faults) -> None:
    stack.capabilities = frozenset({Capability.STOP})
    with pytest.raises(UnsupportedError, match="pause a service"), faults.paused("db", at_most_seconds=60):
        pytest.fail("no fault")
    assert stack.done == []
    assert pending(stack) == []


def test_a_crash_is_in_the_journal_before_it_happens_and_the_service_runs_afterwards(
    stack: FakeStack, faults: Faults
) -> None:
    with faults.crashed("db"):
        assert stack.states["db"] == "exited"
        assert pending(stack) == [(UndoKind.START, "db")]
    assert stack.open_before[0] == 1
    assert stack.states["db"] == "running"
    assert pending(stack) == []


def test_a_crash_has_happened_when_its_block_begins(
    stack: FakeStack, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter(["running", "running", "running", "exited", "exited", "exited", "running"])

    def state(service: str) -> ServiceState:
        return ServiceState(service=service, status=next(told, "running"), instance="1", started_at="")

    monkeypatch.setattr(stack, "state", state)
    with faults.crashed("db"):
        pass
    # Not taken for running by the undo, which came at once.
    assert stack.done == ["past the engine KILL db", "start db"]


def test_a_main_process_that_is_stuck_goes_on_after_the_block(stack: FakeStack, faults: Faults) -> None:
    with faults.stuck("db", at_most_seconds=5):
        assert pending(stack) == [(UndoKind.CONTINUE, "db")]
    assert stack.done == ["past the engine STOP db", "past the engine CONT everyone db"]
    assert pending(stack) == []


def test_everything_of_several_services_is_stuck_and_goes_on_after_the_block(stack: FakeStack, faults: Faults) -> None:
    with faults.stuck_all("db", "cache", at_most_seconds=5):
        assert pending(stack) == [(UndoKind.CONTINUE, "db"), (UndoKind.CONTINUE, "cache")]
    stop, go = "past the engine STOP everyone", "past the engine CONT everyone"
    assert stack.done == [f"{stop} db", f"{stop} cache", f"{go} cache", f"{go} db"]
    assert pending(stack) == []


def test_a_service_that_ends_by_a_signal_is_started_again(stack: FakeStack, faults: Faults) -> None:
    with faults.signalled("db", "TERM"):
        assert stack.states["db"] == "exited"
    assert stack.done == ["signal TERM db", "start db"]


def test_a_service_that_does_not_bear_the_strain_is_started_again(stack: FakeStack, faults: Faults) -> None:
    def strain(service: str) -> None:
        assert pending(stack) == [(UndoKind.START, service)]
        stack.states[service] = "exited"

    with faults.strained("db", strain):
        assert stack.states["db"] == "exited"
    assert stack.done == ["start db"]
    assert pending(stack) == []


def test_several_crash_when_all_of_them_are_in_the_journal(stack: FakeStack, faults: Faults) -> None:
    with faults.crashed_all("db", "cache"):
        assert set(stack.states.values()) == {"exited"}
    assert stack.open_before[:2] == [2, 2]
    assert set(stack.states.values()) == {"running"}
    assert pending(stack) == []
