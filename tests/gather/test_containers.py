"""What containers do under faults, seen by gatherers on a stack that only pretends to have containers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.containers import Container
from readiness.facts.model import HealthCheck, ServiceModel, StackModel
from readiness.gather import container_health, container_memory, container_wells, everything_ended
from readiness.gather.container_cpu import cpu_trial, usage_of
from readiness.gather.container_crashes import crash_of
from readiness.gather.container_health import bound_seconds, rounds_of, try_round
from readiness.gather.container_memory import memory_trial
from readiness.gather.container_wells import Wells, require_containers, run_health_check
from readiness.gather.containers import control_group
from readiness.instruments.faults import Faults
from readiness.runtime import Capability, Completed, ServiceState
from readiness.target import Target
from readiness.verdict import NotApplicable

CHECK = HealthCheck(test=("ask", "me"), interval_seconds=0.2, timeout_seconds=0.1, retries=2)
MODEL = StackModel(
    services={
        "proxy": ServiceModel(name="proxy", urls={"api": ("http",)}),
        "api": ServiceModel(name="api", depends_on={"db": "service_healthy"}),
        "worker": ServiceModel(name="worker", depends_on={"db": "service_healthy"}),
        "db": ServiceModel(name="db"),
    }
)
NO_TARGET = Target(name="shop", folder="shop")


@dataclass
class Pretended:
    """One service with a state; what is run inside is answered by ``run``."""

    run: Callable[[Sequence[str]], Completed] = lambda _: Completed(exit_code=0, output="")
    restart: str = "unless-stopped"
    runtime: str = "compose"
    capabilities: frozenset[Capability] = frozenset(Capability)
    services: tuple[str, ...] = ("api",)
    status: str = "running"
    starts: int = 1
    is_stuck: bool = False
    comes_back: bool = True
    ran: list[list[str]] = field(default_factory=list)

    def state(self, service: str) -> ServiceState:
        return ServiceState(service=service, status=self.status, instance="1", started_at=f"start {self.starts}")

    def start(self, service: str) -> None:
        assert service in self.services
        self.status, self.starts = "running", self.starts + 1

    def signal_past_engine(self, service: str, signal: str, *, everyone: bool = False) -> None:
        assert service in self.services
        if signal == "KILL":
            assert not everyone
            self.status = "exited"
            if self.comes_back and self.restart != "no":
                self.start(service)
        else:
            assert everyone
            self.is_stuck = signal == "STOP"

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        assert service in self.services
        self.ran.append(list(command))
        if self.status != "running":
            raise StackError("it does not run")
        if self.is_stuck and command[0] == "ask" and timeout_seconds == CHECK.timeout_seconds:
            time.sleep(timeout_seconds)
            raise StackError("not ended in time")
        return self.run(command)

    def logs(self, service: str, *, tail: int) -> str:
        assert service in self.services
        return "last words"[:tail]


def container(stack: Pretended, check: HealthCheck | None = CHECK) -> Container:
    return Container(
        service="api",
        number=1,
        id="1",
        image="api",
        status="running",
        health_check=check,
        restart=stack.restart,
        memory_bytes=64 * 1024**2,
    )


def silent(what: str, *, at_most_seconds: float | None = None) -> None:
    assert what


def faults_of(stack: Pretended, folder: Path) -> Faults:
    return Faults(stack, journal=folder / "journal.jsonl", progress=silent)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("SETTLED_SECONDS", 0.05), ("POLL_SECONDS", 0.01), ("RUN_EVERY_SECONDS", 0.02)):
        monkeypatch.setattr(container_wells, name, seconds)
    monkeypatch.setattr(container_health, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(container_health, "RECOVERY_SECONDS", 0.3)
    monkeypatch.setattr(container_memory, "SETTLE_SECONDS", 0.01)
    monkeypatch.setattr(container_memory, "WATCH_SECONDS", 0.5)
    monkeypatch.setattr("readiness.gather.container_crashes.WATCH_SECONDS", 0.5)


def test_processes_are_no_containers_and_a_running_system_is_not_looked_into() -> None:
    with pytest.raises(NotApplicable, match="local processes"):
        require_containers(Pretended(runtime="process"))  # type: ignore[arg-type]
    attached = Pretended(runtime="attached", capabilities=frozenset())
    with pytest.raises(UnsupportedError, match="container"):
        require_containers(attached)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "cpus", "memory"),
    [
        ("memory 67108864\ncpu 50000 100000\nmachine 2048\nprocessors 4\n", 0.5, 67108864),
        ("memory max\ncpu max 100000\nmachine 2048\nprocessors 4\n", None, None),
        ("memory 67108864\nquota 150000\nperiod 100000\nmachine 2048\nprocessors 4\n", 1.5, 67108864),
        ("memory 9223372036854771712\nquota -1\nperiod 100000\nmachine 2048\nprocessors 4\n", None, None),
    ],
    ids=["version 2", "version 2 without limits", "version 1", "version 1 without limits"],
)
def test_both_versions_of_control_groups_are_read(said: str, cpus: float | None, memory: int | None) -> None:
    group = control_group(Pretended(run=lambda _: Completed(exit_code=0, output=said)), "api")  # type: ignore[arg-type]
    assert (group.cpus, group.memory_bytes, group.problem) == (cpus, memory, "")
    assert (group.machine_cpus, group.machine_memory_bytes) == (4, 2048 * 1024)


def test_an_image_without_a_shell_and_a_hidden_control_group_are_problems_and_no_missing_limits() -> None:
    def no_shell(_: Sequence[str]) -> Completed:
        raise StackError('exec: "sh": executable file not found in $PATH')

    assert "executable file not found" in control_group(Pretended(run=no_shell), "api").problem  # type: ignore[arg-type]
    hidden = Pretended(run=lambda _: Completed(exit_code=0, output="processors 4\n"))
    assert "no control group" in control_group(hidden, "api").problem  # type: ignore[arg-type]


def test_a_health_check_is_run_as_its_engine_runs_it() -> None:
    stack = Pretended()
    assert run_health_check(stack, "api", CHECK).is_green  # type: ignore[arg-type]
    shell = replace(CHECK, test=("ask | grep yes",), is_shell=True)
    run_health_check(stack, "api", shell)  # type: ignore[arg-type]
    assert stack.ran == [["ask", "me"], ["/bin/sh", "-c", "ask | grep yes"]]
    stack.is_stuck = True
    late = run_health_check(stack, "api", CHECK)  # type: ignore[arg-type]
    assert (late.exit_code, late.is_green) == (None, False)
    stack.status = "exited"
    with pytest.raises(StackError, match="does not run"):
        run_health_check(stack, "api", CHECK)  # type: ignore[arg-type]


def test_a_container_without_a_health_check_is_well_when_it_keeps_running() -> None:
    stack = Pretended()
    wells = Wells(stack=stack, service="api", check=None, since=time.monotonic())  # type: ignore[arg-type]
    assert wells.wait(at_most_seconds=1, is_back=lambda s, _: s == "running", is_lost=lambda _: False) is not None
    stack.status = "exited"
    began = time.monotonic()
    lost = Wells(stack=stack, service="api", check=None, since=began)  # type: ignore[arg-type]
    assert lost.wait(at_most_seconds=30, is_back=lambda s, _: s == "running", is_lost=lambda s: s == "exited") is None
    assert lost.back_seconds is None
    assert time.monotonic() - began < 5  # not waited for to the end


def test_services_that_need_each_other_are_never_stuck_at_once() -> None:
    rounds = rounds_of(("proxy", "api", "worker", "db"), MODEL)
    assert rounds == [("proxy", "worker"), ("api",), ("db",)]
    assert rounds_of(("api", "search"), MODEL) == [("api", "search")]


def test_a_check_that_hangs_with_its_container_is_red_and_green_again_afterwards(tmp_path: Path) -> None:
    stack = Pretended()
    (trial,) = try_round([container(stack)], stack=stack, faults=faults_of(stack, tmp_path))  # type: ignore[arg-type]
    assert trial.before is not None
    assert trial.before.is_green
    assert trial.red is not None
    assert trial.red.exit_code is None
    assert trial.after is not None
    assert trial.after.is_green
    assert not stack.is_stuck
    assert trial.bound_seconds == bound_seconds(CHECK) == pytest.approx(0.6)


def test_a_check_that_stays_green_is_asked_for_its_whole_time(tmp_path: Path) -> None:
    stack = Pretended()
    liar = replace(CHECK, test=("exit 0",), is_shell=True)
    (trial,) = try_round([container(stack, liar)], stack=stack, faults=faults_of(stack, tmp_path))  # type: ignore[arg-type]
    assert trial.red is None
    assert trial.watched_seconds >= trial.bound_seconds
    assert trial.stuck is not None
    assert trial.stuck.is_green


def test_nothing_is_stuck_where_the_check_is_red_at_rest(tmp_path: Path) -> None:
    stack = Pretended(run=lambda _: Completed(exit_code=1, output="refused"))
    (trial,) = try_round([container(stack)], stack=stack, faults=faults_of(stack, tmp_path))  # type: ignore[arg-type]
    assert trial.before is not None
    assert (trial.before.output, trial.red, trial.stuck) == ("refused", None, None)
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_container_that_restarted_meanwhile_is_told(tmp_path: Path) -> None:
    stack = Pretended()

    def run(_: Sequence[str]) -> Completed:
        if stack.is_stuck:
            stack.starts += 1
            return Completed(exit_code=1, output="")
        return Completed(exit_code=0, output="")

    stack.run = run
    check = replace(CHECK, timeout_seconds=0.2)
    (trial,) = try_round([container(stack, check)], stack=stack, faults=faults_of(stack, tmp_path))  # type: ignore[arg-type]
    assert trial.is_restarted


@pytest.mark.parametrize(
    ("restart", "comes_back", "is_back"),
    [("unless-stopped", True, True), ("no", True, False), ("always", False, False)],
)
def test_a_crash_is_followed_until_the_container_is_well(
    tmp_path: Path, restart: str, comes_back: bool, is_back: bool
) -> None:
    stack = Pretended(restart=restart, comes_back=comes_back)
    faults = faults_of(stack, tmp_path)
    crash = crash_of(container(stack), target=NO_TARGET, stack=stack, http=None, faults=faults)  # type: ignore[arg-type]
    assert (crash.back_seconds is not None, crash.well_seconds is not None) == (is_back, is_back)
    assert crash.log == ("" if is_back else "last words"[:5])
    assert stack.status == "running"  # whatever its policy, it runs again afterwards


def test_when_everything_ended_one_that_stays_red_takes_no_time_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everything_ended, "WATCH_SECONDS", 0.6)
    stack = Pretended(services=("proxy", "api"))

    def run(command: Sequence[str]) -> Completed:
        is_red = command[-1] == "proxy" and stack.starts > 1
        return Completed(exit_code=int(is_red), output="")

    stack.run = run
    proxy = replace(container(stack, replace(CHECK, test=("ask", "proxy"))), service="proxy")
    fact = everything_ended.end_everything(
        {"proxy": proxy, "api": container(stack)},
        target=NO_TARGET,
        stack=stack,  # type: ignore[arg-type]
        http=None,  # type: ignore[arg-type]
        faults=faults_of(stack, tmp_path),
    )
    ways = {crash.service: (crash.back_seconds is not None, crash.well_seconds is not None) for crash in fact.crashes}
    assert ways == {"proxy": (True, False), "api": (True, True)}
    assert (fact.was_serving, fact.serving_seconds) == (False, None)


def test_an_engine_that_forbids_it_ends_the_look(tmp_path: Path) -> None:
    stack = Pretended(capabilities=frozenset(Capability) - {Capability.CRASH})
    faults = faults_of(stack, tmp_path)
    with pytest.raises(UnsupportedError):
        crash_of(container(stack), target=NO_TARGET, stack=stack, http=None, faults=faults)  # type: ignore[arg-type]


def machine(fill: Completed, kill: str = "", *, available: int = 8 * 1024**2, tools: str = "tools yes\n") -> Pretended:
    def run(command: Sequence[str]) -> Completed:
        script = command[2] if command[0] == "sh" else ""
        if "MemAvailable" in script:
            return Completed(exit_code=0, output=f"available {available}\nswap 0\n{tools}")
        if "oom_score_adj" in script:
            return fill
        return Completed(exit_code=0, output=kill)

    return Pretended(run=run)


@pytest.mark.parametrize(
    ("fill", "is_cut", "problem"),
    [
        (Completed(exit_code=0, output="Killed\nended 137\n"), True, ""),
        (Completed(exit_code=137, output=""), True, ""),
        (Completed(exit_code=0, output="ended 0\n"), False, ""),
        (Completed(exit_code=0, output="tail: memory exhausted\nended 1\n"), False, "memory exhausted"),
    ],
)
def test_a_program_that_takes_too_much_is_cut_or_not(
    tmp_path: Path, fill: Completed, is_cut: bool, problem: str
) -> None:
    stack = machine(fill, "killed gunicorn\n")
    trial = memory_trial(container(stack), stack=stack, faults=faults_of(stack, tmp_path), model=MODEL)  # type: ignore[arg-type]
    assert trial.is_cut is is_cut
    assert problem in trial.problem
    assert bool(trial.problem) is bool(problem)
    assert (trial.asked_bytes, trial.victim) == (int(64 * 1024**2 * 1.2), "gunicorn")
    assert trial.well_seconds is not None


def test_nothing_is_killed_where_nothing_brings_it_back(tmp_path: Path) -> None:
    stack = machine(Completed(exit_code=0, output="ended 137\n"), "killed gunicorn\n")
    stack.restart = "no"
    trial = memory_trial(container(stack), stack=stack, faults=faults_of(stack, tmp_path), model=MODEL)  # type: ignore[arg-type]
    assert (trial.is_cut, trial.victim) == (True, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"available": 1024}, "too little memory"), ({"tools": ""}, "neither a shell with head and tail")],
)
def test_memory_is_taken_only_from_a_machine_that_can_spare_it(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    stack = machine(Completed(exit_code=0, output="ended 137\n"), **options)  # type: ignore[arg-type]
    with pytest.raises(StackError, match=words):
        memory_trial(container(stack), stack=stack, faults=faults_of(stack, tmp_path), model=MODEL)  # type: ignore[arg-type]
    large = replace(container(stack), memory_bytes=2 * 1024**3)
    enough = machine(Completed(exit_code=0, output="ended 137\n"))
    with pytest.raises(StackError, match="more than is taken from this machine"):
        memory_trial(large, stack=enough, faults=faults_of(enough, tmp_path), model=MODEL)  # type: ignore[arg-type]
    assert not any("oom_score_adj" in " ".join(command) for command in [*stack.ran, *enough.ran])


def test_what_busy_loops_used_is_the_kernels_count_over_the_kernels_time() -> None:
    assert usage_of("used 1000000\nat 10.00\nused 3000000\nat 14.00\n") == 0.5
    for said in ("", "used 1\nat 1.0\n", "used 1\nat 1.0\nused 2\nat 1.0\n"):
        with pytest.raises(StackError, match="could not be read"):
            usage_of(said)


def test_busy_loops_run_once_for_each_processor_and_only_there(tmp_path: Path) -> None:
    def run(command: Sequence[str]) -> Completed:
        is_burning = "while :" in command[2]
        output = (
            "used 0\nat 1.0\nused 2000000\nat 5.0\n" if is_burning else "memory 1\ncpu 50000 100000\nprocessors 4\n"
        )
        return Completed(exit_code=0, output=output)

    stack = Pretended(run=run)
    limited = replace(container(stack), cpus=0.5)
    trial = cpu_trial(
        limited,
        target=NO_TARGET,
        stack=stack,  # type: ignore[arg-type]
        http=None,  # type: ignore[arg-type]
        faults=faults_of(stack, tmp_path),
        model=MODEL,
    )
    assert (trial.used_cpus, trial.machine_cpus, trial.limit_cpus) == (0.5, 4, 0.5)
    assert (trial.rest_p95_seconds, trial.requests) == (None, 0)
    burns = [command for command in stack.ran if "while :" in command[2]]
    assert [command[-2] for command in burns] == ["4"]
