from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from readiness.audit.hooks import ControllerHooks
from readiness.runtime import swarm
from readiness.target import Target


class Guard:
    """Of a run that could not leave its swarm; notes its own end."""

    def __init__(self, order: list[str]) -> None:
        self.order = order

    def close(self, *, keep: bool) -> None:
        self.order.append(f"the guard ends, keep={keep}")


@pytest.mark.parametrize(
    ("engine", "runtime", "said"),
    [
        ("swarm", "compose", ["readiness: still in it", "readiness: leave it"]),
        ("swarm", "process", []),
        ("compose", "compose", []),
    ],
)
def test_a_swarm_that_outlives_the_run_is_told_after_its_guard_has_ended(
    engine: str, runtime: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(swarm, "notice", lambda run_id: ("still in it", "leave it"))
    terminal = SimpleNamespace(write_line=lambda line, **_: order.append(line))
    target = Target(name="shop", folder="/x", extra={"scaling": {"engine": engine}})
    run = SimpleNamespace(id="r1", runtime=runtime, target=target, settings=SimpleNamespace(keep=False))
    hooks: Any = object.__new__(ControllerHooks)
    hooks._run, hooks._guard = run, Guard(order)
    hooks._reporter = SimpleNamespace(close=lambda: None)
    hooks._reaping = SimpleNamespace(join=lambda seconds: None)
    hooks._config = SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=lambda name: terminal))
    hooks.pytest_unconfigure()
    assert order == ["the guard ends, keep=False", *said]
