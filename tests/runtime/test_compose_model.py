from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from readiness.exceptions import ConfigError
from readiness.facts.model import HealthCheck, ModelGaps, Resources
from readiness.runtime.compose_model import (
    OwnersModel,
    closure,
    generated_value,
    needs_of,
    resolve,
    seconds_of,
    stack_model,
)
from readiness.runtime.engine import Commands, Finished
from readiness.target import Compose, Target

needs_compose = pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command (no engine)")

Resolve = Callable[..., OwnersModel]


@pytest.fixture
def resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resolve:
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "somebody-elses")
    monkeypatch.setenv("COMPOSE_FILE", "/nowhere.yaml")

    def run(text: str, *, files: tuple[str, ...] = ("compose.yaml",), **options: object) -> OwnersModel:
        (folder / "compose.yaml").write_text(text, encoding="utf-8")
        target = Target(name="shop", folder=str(folder), compose=Compose(files=files, **options))  # type: ignore[arg-type]
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        return resolve(target, run_id="r1", scratch=work / "model", commands=Commands("r1", work))

    return run


@needs_compose
def test_missing_variables_are_filled_the_same_for_every_service_and_said(resolved: Resolve, tmp_path: Path) -> None:
    owners = resolved(
        "services:\n"
        "  api: {image: 'shop:${TAG}', environment: {P: '${DB_PASSWORD:?set it}', E: '${EMPTY_URL}', D: '${X:-d}'}}\n"
        "  db: {image: pg, environment: {P: '${DB_PASSWORD}'}, ports: ['${DB_PORT}:5432'], cpus: '${CPUS}'}\n"
    )
    services = owners.model["services"]
    assert services["api"]["environment"]["P"] == services["db"]["environment"]["P"]
    assert services["api"]["environment"]["P"].isalnum()
    assert services["api"]["environment"]["D"] == "d"
    assert services["api"]["environment"]["E"] == ""
    assert services["api"]["image"] == "shop:latest"
    assert services["db"]["ports"][0]["published"] == "5432"
    said = " ".join(change.what for change in owners.changes)
    for name in ("TAG", "DB_PASSWORD", "EMPTY_URL", "DB_PORT", "CPUS"):
        assert f"variable {name} " in said
    assert services["db"]["environment"]["P"] not in said
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["compose.yaml"]


@needs_compose
def test_missing_env_files_are_stood_in_for_and_those_that_exist_are_read(resolved: Resolve, tmp_path: Path) -> None:
    (tmp_path / "shop" / "there.env").write_text("A=1\n", encoding="utf-8")
    owners = resolved(
        "services:\n"
        "  api: {image: x, env_file: [there.env, gone.env, {path: optional.env, required: false}]}\n"
        "  other: {image: x, env_file: '${NAME:-also}.env'}\n"
    )
    assert owners.model["services"]["api"]["environment"] == {"A": "1"}
    said = [(change.service, change.what) for change in owners.changes]
    assert ("api", "env_file gone.env does not exist: an empty one stands in") in said
    assert any(service == "other" and "does not exist" in what for service, what in said)
    assert not any("optional" in what for _, what in said)


@needs_compose
def test_declared_env_file_profiles_and_services_are_obeyed(resolved: Resolve, tmp_path: Path) -> None:
    (tmp_path / "shop" / ".env.production").write_text("TAG=9\n", encoding="utf-8")
    text = (
        "services:\n"
        "  api: {image: 'x:${TAG}', profiles: [extra], depends_on: [db]}\n"
        "  db: {image: pg}\n"
        "  ui: {image: ui}\n"
    )
    owners = resolved(text, env_file=".env.production", profiles=("extra",), services=("api",))
    assert set(owners.model["services"]) == {"api", "db"}
    assert owners.model["services"]["api"]["image"] == "x:9"
    with pytest.raises(ConfigError, match="names nobody, which the compose files do not have"):
        resolved(text, services=("nobody",))
    assert any("gone.env does not exist" in c.what for c in resolved(text, env_file="gone.env").changes)


@needs_compose
def test_secrets_and_configs_from_variables_get_their_values(resolved: Resolve, tmp_path: Path) -> None:
    (tmp_path / "shop" / ".env").write_text("API_TOKEN=from-the-file\n", encoding="utf-8")
    owners = resolved(
        "services:\n  api: {image: x, secrets: [token, other], configs: [greeting]}\n"
        "secrets:\n  token: {environment: API_TOKEN}\n  other: {environment: OTHER_TOKEN}\n"
        "configs:\n  greeting: {environment: API_TOKEN}\n"
    )
    assert owners.model["secrets"]["token"] == {"content": "from-the-file"}
    assert owners.model["configs"]["greeting"] == {"content": "from-the-file"}
    assert owners.model["secrets"]["other"]["content"] == generated_value("OTHER_TOKEN", run_id="r1")[1]


@needs_compose
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("services:\n  api:\n    image: x\n    imagee: y\n", 4, "imagee"),
        ("services:\n  api:\n    image: x\n    ports: nope\n", 4, "services.api.ports"),
        ("services:\n  api:\n  image: x\n bad\n", 3, "yaml"),
        ("services:\n  api: {image: x, depends_on: [db]}\n", None, "depends on undefined service"),
    ],
)
def test_unreadable_project_is_an_error_in_composes_own_words(
    resolved: Resolve, text: str, line: int | None, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(text)
    assert caught.value.line == line
    assert str(caught.value.file).endswith("compose.yaml")
    assert words in caught.value.message


def test_missing_compose_file_is_an_error(tmp_path: Path) -> None:
    commands = Commands("r1", tmp_path)
    for compose in (None, Compose(files=())):
        with pytest.raises(ConfigError, match="no compose file"):
            resolve(
                Target(name="x", folder=str(tmp_path), compose=compose), run_id="r", scratch=tmp_path, commands=commands
            )
    target = Target(name="x", folder=str(tmp_path), compose=Compose(files=("gone.yaml",)))
    with pytest.raises(ConfigError, match=r"gone\.yaml: this compose file does not exist"):
        resolve(target, run_id="r", scratch=tmp_path, commands=commands)


class Stubborn(Commands):
    """Compose as it never is: it misses one more variable each time."""

    def __init__(self, work: Path) -> None:
        super().__init__("r1", work)
        self.asked = 0

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        timeout_seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        self.asked += 1
        if "--no-interpolate" in command:
            return Finished(exit_code=0, stdout=json.dumps({"services": {}}), stderr="")
        return Finished(exit_code=1, stdout="", stderr=f"required variable V{self.asked} is missing a value: x")


def test_asking_compose_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
    target = Target(name="x", folder=str(tmp_path), compose=Compose(files=("compose.yaml",)))
    commands = Stubborn(tmp_path)
    with pytest.raises(ConfigError, match="required variable"):
        resolve(target, run_id="r", scratch=tmp_path / "s", commands=commands)
    assert commands.asked < 100


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DB_PASSWORD", "a secret"),
        ("OPENAI_API_KEY", "a secret"),
        ("HTTP_PORT", "a port"),
        ("APP_TAG", "a version"),
        ("POSTGRES_USER", "a name"),
        ("DATA_DIR", "a folder"),
        ("PUBLIC_URL", "an address"),
        ("KEYBOARD", "a value"),
        ("DBPORT", "a port"),
    ],
)
def test_generated_values_suit_the_name_and_stay_the_same_within_a_run(name: str, kind: str) -> None:
    found, value = generated_value(name, run_id="r1")
    assert found == kind
    assert generated_value(name, run_id="r1") == (kind, value)
    assert kind != "a secret" or generated_value(name, run_id="r2")[1] != value


def test_model_holds_what_was_declared() -> None:
    model = {
        "services": {
            "api": {
                "image": "shop:1",
                "build": {"context": "/shop"},
                "command": ["sh", "-c", "echo $$HOME"],
                "environment": {"B": "secret", "A": None},
                "ports": [
                    {"target": 8000, "published": "80", "host_ip": "0.0.0.0", "protocol": "tcp"},  # noqa: S104
                    {"target": 53, "protocol": "udp"},
                ],
                "expose": ["9090"],
                "depends_on": {"db": {"condition": "service_healthy"}},
                "deploy": {"restart_policy": {"condition": "any"}},
                "healthcheck": {"test": ["CMD-SHELL", "curl $$X"], "interval": "1m30s", "start_period": "500ms"},
            },
            "db": {"image": "pg", "restart": "always", "healthcheck": {"disable": True}},
        }
    }
    found = stack_model(model, files=("compose.yaml",))
    api, db = found.services["api"], found.services["db"]
    assert api.command == ("sh", "-c", "echo $HOME")
    assert api.environment == ("A", "B")
    assert api.ports == (8000, 53, 9090)
    assert api.published == ("0.0.0.0:80->8000", "any->53/udp")
    assert api.depends_on == {"db": "service_healthy"}
    assert (api.restart, db.restart) == ("always", "always")
    assert api.health_check == HealthCheck(
        test=("curl $X",), is_shell=True, interval_seconds=90.0, start_period_seconds=0.5
    )
    assert db.health_check is None
    assert found.files == ("compose.yaml",)


def test_of_urls_in_variables_only_scheme_and_service_are_kept() -> None:
    urls = {
        "DATABASE_URL": "postgresql+asyncpg://shop:p$$w@db:5432/shop",
        "CELERY": "broker=redis://cache:6379/0, results=rediss://:other-secret@cache/1",
        "ELSEWHERE": "https://api.example.com/db",
        "NONE": None,
    }
    model = {"services": {"api": {"environment": urls}, "db": {}, "cache": {}}}
    found = stack_model(model, files=())
    assert found.services["api"].urls == {"db": ("postgresql+asyncpg",), "cache": ("redis", "rediss")}
    assert found.services["db"].urls == {}


def test_durations_are_read() -> None:
    assert seconds_of("1h2m3s", 0) == 3723
    assert seconds_of("250ms", 0) == 0.25
    assert seconds_of(2_000_000_000, 0) == 2
    assert seconds_of(None, 30) == 30


def test_needs_are_followed_through_every_kind_and_in_circles() -> None:
    services = {
        "a": {"depends_on": {"b": {}}, "links": ["c:alias"]},
        "b": {"network_mode": "service:d"},
        "c": {"volumes_from": ["e:ro", "container:x"]},
        "d": {"pid": "service:a"},
        "e": {},
        "f": {},
    }
    assert needs_of(services["a"]) == ("b", "c")
    assert needs_of(services["c"]) == ("e",)
    assert closure(services, ["a"]) == {"a", "b", "c", "d", "e"}
    assert closure(services, ["nobody"]) == set()


@needs_compose
def test_what_compose_would_miss_is_told_apart(resolved: Resolve, tmp_path: Path) -> None:
    text = (
        "services:\n"
        "  api: {image: 'shop:${TAG}', environment: {P: '${DB_PASSWORD:?set it}', D: '${X:-d}', S: '${SET}'}, env_file: [gone.env]}\n"
    )
    assert resolved(text).gaps == ModelGaps(required=("DB_PASSWORD",), unset=("SET", "TAG"), env_files=("gone.env",))
    (tmp_path / "shop" / ".env").write_text("SET=1\nDB_PASSWORD=x\n", encoding="utf-8")
    assert resolved(text).gaps == ModelGaps(env_file=".env", unset=("TAG",), env_files=("gone.env",))
    (tmp_path / "shop" / "production.env").write_text("TAG=1\nSET=1\nDB_PASSWORD=x\n", encoding="utf-8")
    declared = resolved(text, env_file="production.env").gaps
    assert declared == ModelGaps(env_file="production.env", env_files=("gone.env",))
    assert resolved(text, env_file="absent.env").gaps.env_file == ""


@needs_compose
def test_limits_and_reservations_are_read_from_both_places(resolved: Resolve) -> None:
    owners = resolved(
        "services:\n"
        "  new: {image: x, deploy: {resources: {limits: {cpus: '0.5', memory: 64M}, reservations: {cpus: '0.1', memory: 32M}}}}\n"
        "  old: {image: x, cpus: 1.5, mem_limit: 128m, mem_reservation: 64m}\n"
        "  none: {image: x}\n"
    )
    services = stack_model(owners.model).services
    mib = 1024**2
    assert services["new"].resources == Resources(
        cpus=0.5, memory_bytes=64 * mib, reserved_cpus=0.1, reserved_memory_bytes=32 * mib
    )
    assert services["old"].resources == Resources(cpus=1.5, memory_bytes=128 * mib, reserved_memory_bytes=64 * mib)
    assert services["none"].resources == Resources()
