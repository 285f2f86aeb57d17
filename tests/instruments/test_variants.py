from __future__ import annotations

from dataclasses import dataclass

import pytest

from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.start import FailureCause, ServiceStart, StackStart
from readiness.instruments.variants import Variants
from readiness.runtime import Capability, Variant
from readiness.verdict import Inconclusive


@dataclass
class FakeStack:
    report: StackStart
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True


@dataclass
class FakeRuntime:
    answer: FakeStack | Exception

    def start(self, variant: Variant, *, progress: object) -> FakeStack:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def silent(what: str, *, at_most_seconds: float | None = None) -> None:
    assert what


def variants(answer: FakeStack | Exception) -> Variants:
    return Variants(FakeRuntime(answer), progress=silent)  # type: ignore[arg-type]  # as much as is used


def report(*services: ServiceStart, problem: str = "") -> StackStart:
    is_up = all(s.is_ready for s in services) and not problem
    return StackStart(runtime="fake", is_up=is_up, seconds=1.0, services=services, problem=problem)


UP = report(ServiceStart(service="api", state="running", is_ready=True))
DOWN = report(
    ServiceStart(
        service="api",
        state="absent",
        is_ready=False,
        cause=FailureCause.DEPENDENCY_NOT_HEALTHY,
        needs=("db",),
    ),
    ServiceStart(
        service="db", state="exited", is_ready=False, cause=FailureCause.MISSING_VARIABLE, detail="PASSWORD is not set"
    ),
)


def test_stack_is_there_in_the_block_and_removed_behind_it() -> None:
    fake = FakeStack(UP)
    with variants(fake)(Variant(name="small")) as stack:
        assert stack is fake  # type: ignore[comparison-overlap]  # the fake stands for one
        assert not fake.is_closed
    assert fake.is_closed


def test_stack_is_removed_when_the_block_fails() -> None:
    fake = FakeStack(UP)
    with pytest.raises(KeyboardInterrupt), variants(fake)(Variant()):
        raise KeyboardInterrupt
    assert fake.is_closed


def test_variant_that_does_not_come_up_is_inconclusive_with_the_root_cause() -> None:
    fake = FakeStack(DOWN)
    with (
        pytest.raises(
            Inconclusive, match=r"^variant small does not come up: db: missing variable: PASSWORD is not set$"
        ),
        variants(fake)(Variant(name="small")),
    ):
        pytest.fail("there is no stack to use")
    assert fake.is_closed


def test_engines_own_words_come_first() -> None:
    fake = FakeStack(report(problem="no space left on device"))
    with pytest.raises(Inconclusive, match="no space left"), variants(fake)(Variant()):
        pytest.fail("there is no stack to use")


def test_stack_that_nobody_waits_for_is_handed_over_as_it_is() -> None:
    fake = FakeStack(DOWN)
    with variants(fake)(Variant(wait=False)) as stack:
        assert not stack.report.is_up
    assert fake.is_closed


def test_runtime_that_cannot_is_inconclusive_and_says_what_can() -> None:
    error = UnsupportedError(Capability.TMPFS, runtime="process", hint="run with --readiness-runtime=compose")
    with pytest.raises(Inconclusive, match="needs mount a small disk") as caught, variants(error)(Variant()):
        pytest.fail("there is no stack to use")
    assert caught.value.supply == "run with --readiness-runtime=compose"


def test_trouble_of_the_machine_is_not_hidden() -> None:
    with pytest.raises(StackError, match="no engine"), variants(StackError("no engine"))(Variant()):
        pytest.fail("there is no stack to use")
