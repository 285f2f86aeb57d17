from __future__ import annotations

from pathlib import Path

import pytest

from readiness import cli
from readiness.facts.model import ServiceModel, StackModel
from readiness.runtime.compose import ComposeRuntime
from readiness.starter import starter_yaml
from readiness.target import Compose, Discovery, Entry, Probe, ProbeKind, Role, Target
from readiness.target_file import load_target

COMPOSE = "services: {api: {build: .}, db: {image: 'postgres:16'}}\n"
FOUND = Target(
    name="on",
    folder="/srv/shop",
    compose=Compose(files=("compose.yaml",)),
    service="api",
    entries=(Entry(name="proxy", service="api", port=8443, base="/api", https=True),),
    roles={Role.APP: ("api",), Role.DB: ("db", "replica: 2")},
    probes={
        ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/ready"),
        ProbeKind.LIVE: Probe(kind=ProbeKind.LIVE, path="/live", service="api", port=9090),
    },
    discovered=(Discovery(key="service", value="api", reason="one line\n# waivers: [injected]"),),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def test_what_was_found_reads_back_as_it_was_found(folder: Path) -> None:
    (folder / "readiness.yaml").write_text(starter_yaml(FOUND))
    target = load_target(folder / "readiness.yaml")
    assert (target.name, target.compose, target.service) == (FOUND.name, FOUND.compose, FOUND.service)
    assert (target.entries, target.roles, target.probes) == (FOUND.entries, FOUND.roles, FOUND.probes)


def test_reasons_are_comments_of_one_line() -> None:
    lines = starter_yaml(FOUND).splitlines()
    assert lines[lines.index("service: api") - 1] == "# one line # waivers: [injected]"


def test_nothing_found_is_a_valid_start_too(folder: Path) -> None:
    (folder / "readiness.yaml").write_text(starter_yaml(Target(name="shop", folder=str(folder))))
    assert load_target(folder / "readiness.yaml").name == "shop"


class TestInit:
    @pytest.fixture(autouse=True)
    def _model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        model = StackModel(
            services={
                "api": ServiceModel(
                    name="api", image="shop-api", published=("8000:8000",), depends_on={"db": "service_healthy"}
                ),
                "db": ServiceModel(name="db", image="postgres:16"),
            }
        )
        monkeypatch.setattr(ComposeRuntime, "model", lambda self: model)

    def test_writes_what_discovery_finds(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["init", str(folder)]) == 0
        assert capsys.readouterr().out == f"{folder / 'readiness.yaml'}\n"
        target = load_target(folder / "readiness.yaml")
        assert target.service == "api"
        assert target.roles[Role.DB] == ("db",)

    def test_never_overwrites(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "readiness.yaml").write_text("name: mine\n")
        assert cli.main(["init", str(folder)]) == 4
        assert "is already there" in capsys.readouterr().err
        assert (folder / "readiness.yaml").read_text() == "name: mine\n"

    def test_says_what_it_looked_for_where_there_is_no_stack(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["init", str(tmp_path)]) == 4
        assert "compose.yaml" in capsys.readouterr().err
