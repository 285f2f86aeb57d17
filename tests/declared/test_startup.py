from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from readiness.declared.startup import MODEL_EXAMPLE, FetchedModel, fetched_model_of, startup_of
from readiness.exceptions import ConfigError
from readiness.target import Target
from readiness.target_file import load_target

HEAD = "name: shop\ncompose: {files: [compose.yaml]}\nservice: api\n"


def read(folder: Path, text: str) -> Target:
    (folder / "compose.yaml").write_text("services: {api: {image: x}}\n")
    (folder / "readiness.yaml").write_text(HEAD + text)
    return load_target(folder / "readiness.yaml")


def test_a_model_is_read_as_its_owner_writes_it(tmp_path: Path) -> None:
    target = read(tmp_path, MODEL_EXAMPLE + "\n")
    assert fetched_model_of(target) == FetchedModel(
        service="embeddings",
        hub_variable="HF_ENDPOINT",
        cache="/data/models",
        files={"/org/model/resolve/main/model.safetensors": "models/model.safetensors"},
    )
    assert startup_of(target).script == ()


def test_a_model_that_is_none_needs_a_reason(tmp_path: Path) -> None:
    target = read(tmp_path, "startup: {model: none}\nwhy: {startup.model: it is part of the image}\n")
    assert fetched_model_of(target) is None
    assert target.declined == {"startup.model": "it is part of the image"}
    with pytest.raises(ConfigError):
        read(tmp_path, "startup: {model: none}\n")


@pytest.mark.parametrize(
    "change",
    [{"files": {}}, {"files": {"no-slash": 4096}}, {"files": {"/w": 10}}, {"hub_env": "no variable"}, {"x": 1}],
)
def test_what_is_no_model_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    model = {"hub_env": "HUB", "cache": "/models", "files": {"/w": 4096}, **change}
    with pytest.raises(ConfigError):
        read(tmp_path, yaml.safe_dump({"startup": {"model": model}}))


def test_without_a_section_there_is_neither() -> None:
    assert fetched_model_of(Target(name="shop", folder="")) is None
    assert startup_of(Target(name="shop", folder="")).script == ()
