from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from readiness.exceptions import ConfigError
from readiness.runtime.process import ProcessRuntime
from readiness.target import Compose, ProcessSpec, Target


def make(processes: dict[str, ProcessSpec], **target: Any) -> ProcessRuntime:
    declared = Target(name="shop", folder="/target", processes=processes, **target)
    return ProcessRuntime(declared, run_id="run", work=Path("/nowhere"))


def server(**changes: Any) -> ProcessSpec:
    return ProcessSpec(**{"command": ("serve", "{port}"), "port": 8000, **changes})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ProcessSpec(command=("run", "{prot}")), r"processes\.api: unknown placeholder \{prot\}; there are \{port\}"),
        (ProcessSpec(command=("run", "{port}")), "declares no port"),
        (ProcessSpec(command=("run", "{port:db}")), "service 'db' declares no port"),
        (ProcessSpec(command=("run",), port=80), "neither command nor env uses"),
        (ProcessSpec(command=("run",), state=("data",)), "would write to your own files"),
        (ProcessSpec(command=("run", "{state}"), state=("../data",)), "not a path below"),
        (ProcessSpec(command=("run", "{state}"), state=("/data",)), "not a path below"),
        (ProcessSpec(command=("run",), ready="/ready"), "needs a port"),
        (ProcessSpec(command=("run",), after=("db",)), "no service 'db'"),
        (ProcessSpec(command=("run",), after=("api",)), "circle"),
        (ProcessSpec(command=("run",), install=("make", "{state}")), "runs once per run"),
        (ProcessSpec(command=("run",), stop_signal="TERM"), "is no signal"),
        (ProcessSpec(command=()), "is empty"),
    ],
)
def test_mistakes_are_named_before_anything_starts(spec: ProcessSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make({"api": spec}, file="readiness.yaml")
    assert caught.value.file == "readiness.yaml"


def test_service_names_cannot_leave_the_folder() -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        make({"../x": server()})


def test_settings_of_unknown_services_are_mistakes_unless_a_compose_file_may_have_them() -> None:
    with pytest.raises(ConfigError, match="no service 'ui' in processes"):
        make({"api": server()}, environment={"ui": {}})
    assert make({"api": server()}, environment={"ui": {}}, compose=Compose(files=("compose.yaml",)))


def test_model_names_variables_but_no_values() -> None:
    model = make({"db": server(), "api": server(after=("db",), env={"KEY": "hush", "PORT": "{port}"})}).model()
    assert model.services["api"].environment == ("KEY", "PORT")
    assert model.services["api"].depends_on == {"db": "service_healthy"}
    assert model.services["api"].ports == (8000,)
