"""The start script is run beside two copies, and what it does there is kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.startup import StartScriptRuns
from readiness.gather import gatherer_meta, start_script_runs
from readiness.runtime import Capability, RanBeside, ServiceState, Variant
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

PASSWORD = "a-long-password-of-the-copy"


@dataclass
class Copy:
    """A stack, and what programs beside it do."""

    health: dict[str, str | None] = field(
        default_factory=lambda: {"api": "healthy", "db": "healthy", "worker": "healthy"}
    )
    capabilities: frozenset[Capability] = frozenset(Capability)
    runtime: str = "compose"
    problem: str = ""
    more: str = ""
    ran: list[tuple[tuple[str, ...], dict[str, str], float]] = field(default_factory=list)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.health)

    def state(self, service: str) -> ServiceState:
        return ServiceState(service=service, status="running", instance="1", started_at="", health=self.health[service])

    def environment(self, service: str) -> Mapping[str, str]:
        return {"DATABASE_PASSWORD": PASSWORD}

    def run_beside(self, command: Sequence[str], *, variables: Mapping[str, str], timeout_seconds: float) -> RanBeside:
        self.ran.append((tuple(command), dict(variables), timeout_seconds))
        if self.problem:
            raise StackError(self.problem)
        is_well = set(self.health.values()) <= {"healthy", None}
        output = f"connecting with {PASSWORD}\nworker: {'healthy' if is_well else 'unhealthy'}\n" + self.more
        code = 0 if is_well else 1
        return RanBeside(
            exit_code=code,
            seconds=1.25,
            output=output,
            asked_seconds=0.5,
            asked_at=(0.25, 1.0),
            fixed_names={"api": "the-front"},
            lacked=("sudo", f"{PASSWORD}: not found"),
            refused=("docker rm: no",),
        )


def gather(stack: Copy, second: Copy | None = None, **startup: Any) -> tuple[StartScriptRuns, list[Variant]]:
    given: list[Variant] = []

    @contextlib.contextmanager
    def variants(variant: Variant) -> Iterator[Copy]:
        given.append(variant)
        if second is None:
            raise Inconclusive("variant never: no room")
        yield second

    class Runtime:
        def model(self) -> StackModel:
            services = {
                "api": ServiceModel(name="api", depends_on={"db": "service_healthy"}),
                "db": ServiceModel(name="db"),
                "worker": ServiceModel(name="worker", depends_on={"db": "service_healthy"}),
            }
            return StackModel(services=services)

    target = Target(
        name="shop",
        folder="shop",
        roles={Role.WORKER: ("worker",), Role.APP: ("api",)},
        extra={"startup": startup} if startup else {},
    )
    meta = gatherer_meta(start_script_runs.start_script_runs._get_wrapped_function())  # type: ignore[attr-defined]  # pytest's
    assert meta is not None
    fact = meta.function(
        target=target, stack=stack, runtime=Runtime(), variants=variants, progress=lambda *_, **__: None
    )
    assert decode(StartScriptRuns, json.loads(json.dumps(encode(fact)))) == fact
    return fact, given


def test_the_script_is_run_beside_the_stack_and_one_that_is_never_healthy() -> None:
    first, second = Copy(), Copy(health={"api": "healthy", "db": "healthy", "worker": "unhealthy"})
    fact, given = gather(first, second, script=["./up.sh", "-v"], env={"limit_seconds": "UP_SECONDS"})
    assert (fact.script, fact.checked, fact.never, fact.limit_seconds) == (
        "./up.sh -v", ("api", "db", "worker"), "worker", 10.0,
    )  # fmt: skip
    assert not fact.is_waited_for
    assert [(v.health_checks, v.wait, v.may_fail) for v in given] == [({"worker": ("false",)}, False, True)]
    assert first.ran == [(("./up.sh", "-v"), {}, 40.0)]
    assert second.ran == [(("./up.sh", "-v"), {"UP_SECONDS": "10"}, 30.0)]
    assert fact.healthy is not None
    assert fact.failing is not None
    assert (fact.healthy.exit_code, fact.failing.exit_code) == (0, 1)
    assert fact.failing.lines[1] == "worker: unhealthy"
    assert fact.failing.refused == ("docker rm: no",)
    assert (fact.failing.named, fact.failing.asked_seconds) == (("worker",), 0.5)
    assert (fact.failing.asked, fact.failing.asked_last_seconds) == (2, 1.0)
    assert fact.failing.lacked == ("sudo", "***: not found")
    assert PASSWORD not in str(fact)


def test_a_service_is_named_also_by_a_line_that_is_not_kept() -> None:
    fact, _ = gather(Copy(more="shop_db: healthy\n" + "all the rest\n" * 500), Copy(), script="./up.sh")
    assert fact.healthy is not None
    assert "worker" not in "".join(fact.healthy.lines)
    assert fact.healthy.named == ("db", "worker")


def test_that_others_wait_for_it_is_told() -> None:
    fact, _ = gather(Copy(health={"db": "healthy"}), Copy(health={"db": "unhealthy"}), script="./up.sh")
    assert (fact.never, fact.is_waited_for) == ("db", True)


def test_a_service_is_named_by_the_name_of_its_container() -> None:
    fact, _ = gather(Copy(more="the-front: healthy\n"), Copy(), script="./up.sh")
    assert fact.healthy is not None
    assert fact.healthy.named == ("api", "worker")


def test_without_a_variable_its_own_limit_is_waited_for() -> None:
    second = Copy()
    fact, _ = gather(Copy(), second, script="./up.sh", limit_seconds=60)
    assert (second.ran[0][1], second.ran[0][2], fact.limit_seconds) == ({}, 80.0, 60.0)


def test_nothing_is_run_where_no_script_is_declared() -> None:
    stack = Copy()
    fact, given = gather(stack)
    assert (fact.not_done, stack.ran, given) == ({"script": "no start script is declared"}, [], [])


def test_nothing_is_run_without_an_engine() -> None:
    stack = Copy(capabilities=frozenset({Capability.EXEC}))
    with pytest.raises(Inconclusive, match="needs an engine"):
        gather(stack, script="./up.sh")
    assert stack.ran == []


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        ({"api": None}, "no service has a health check"),
        ({"api": "healthy", "db": "starting"}, "db not healthy at rest"),
    ],
)
def test_nothing_is_run_beside_a_stack_that_shows_nothing(health: dict[str, str | None], reason: str) -> None:
    stack = Copy(health=health)
    fact, given = gather(stack, script="./up.sh")
    assert (fact.not_done, stack.ran, given) == ({"healthy": reason}, [], [])


def test_a_machine_that_cannot_confine_it_is_told() -> None:
    fact, _ = gather(Copy(problem="unshare cannot be run"), script="./up.sh")
    assert fact.healthy is not None
    assert fact.healthy.problem == "unshare cannot be run"
    assert fact.failing is None
    assert fact.not_done == {"failing": "variant never: no room"}
