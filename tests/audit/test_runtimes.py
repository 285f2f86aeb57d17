from __future__ import annotations

from pathlib import Path

import pytest

from readiness.audit.runtimes import choose_runtime
from readiness.audit.settings import Settings
from readiness.exceptions import ConfigError
from readiness.runtime import engine
from readiness.target import Target
from readiness.target_file import load_target

COMPOSE = "services: {api: {image: x}}\n"


@pytest.fixture(autouse=True)
def an_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "available", lambda: None)


def settings(*, keep: bool, runtime: str = "auto") -> Settings:
    return Settings(
        rootdir="/x",
        profile="production",
        target=None,
        url=None,
        demo=None,
        runtime=runtime,
        report="/x/reports",
        formats=(),
        min_grade=None,
        record=None,
        replay=None,
        keep=keep,
        allow=(),
        own_hosts=(),
    )


def target(folder: Path, scaling: str) -> Target:
    (folder / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    file = folder / "readiness.yaml"
    processes = "processes: {api: {command: [sleep, '1']}}"
    file.write_text(f"name: shop\ncompose: {{files: [compose.yaml]}}\n{processes}\n{scaling}", encoding="utf-8")
    return load_target(file)


def test_a_stack_that_would_keep_the_engine_in_a_swarm_is_not_kept(tmp_path: Path) -> None:
    asked = target(tmp_path, "scaling:\n  engine: swarm\n")
    with pytest.raises(ConfigError, match="swarm and --readiness-keep exclude each other") as caught:
        choose_runtime(settings(keep=True), asked)
    assert (Path(str(caught.value.file)).name, caught.value.line) == ("readiness.yaml", 5)
    assert "leave out --readiness-keep" in caught.value.hint
    assert choose_runtime(settings(keep=False), asked) == "compose"
    assert choose_runtime(settings(keep=True, runtime="process"), asked) == "process", "no engine, no swarm"


@pytest.mark.parametrize(
    "scaling", ["", "scaling: {engine: compose}\n", "scaling: none\nwhy: {scaling: it holds the lock}\n"]
)
def test_every_other_stack_may_be_kept(scaling: str, tmp_path: Path) -> None:
    assert choose_runtime(settings(keep=True), target(tmp_path, scaling)) == "compose"
