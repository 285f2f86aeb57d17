"""Small stacks that start, and small stacks that do not: what the start report says of each service."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from readiness.exceptions import StackError
from readiness.facts.start import FailureCause, ServiceStart, StackStart
from readiness.runtime import Endpoint, Variant
from readiness.runtime.compose import ComposeRuntime, ComposeStack
from readiness.runtime.reaper import LABEL_RUN
from readiness.target import Compose, Entry, Provide, Target

pytestmark = pytest.mark.docker

STACKS = Path(__file__).parent / "stacks"

Start = Callable[..., ComposeStack]


def _quiet(what: str, *, at_most_seconds: float | None = None) -> None:
    """Nobody watches."""


def _left(run_id: str) -> list[str]:
    found: list[str] = []
    for listing in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"], ["image", "ls", "-q"]):
        command = ["docker", *listing, "--filter", f"label={LABEL_RUN}={run_id}"]
        found += subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    run_id = uuid.uuid4().hex[:8]
    runtimes: list[ComposeRuntime] = []

    def begin(stack: str, *, entry: str | None = None, variant: Variant | None = None) -> ComposeStack:
        entries = (Entry(name="direct", service=entry, port=8000),) if entry else ()
        target = Target(
            name=stack,
            folder=str(STACKS / stack),
            compose=Compose(files=("compose.yaml",)),
            service=entry,
            entries=entries,
        )
        runtime = ComposeRuntime(target, run_id=run_id, work=tmp_path)
        runtimes.append(runtime)
        return runtime.start(variant or Variant(), progress=_quiet)

    yield begin
    for runtime in runtimes:
        runtime.close()
    assert _left(run_id) == []


def _service(report: StackStart, name: str) -> ServiceStart:
    return next(service for service in report.services if service.service == name)


def _get(stack: ComposeStack, service: str, port: int = 8000) -> int:
    return _answered(stack.endpoint(service, port))


def _answered(place: Endpoint) -> int:
    """The status there, once the service inside listens: the engine takes connections for it before that."""
    give_up_at = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://{place.host}:{place.port}/", timeout=5) as answer:
                return int(answer.status)
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)


def test_sound_stack_comes_up_and_obeys(start: Start) -> None:
    stack = start("sound", entry="api")
    assert stack.report.is_up, stack.report
    assert {s.service: s.cause for s in stack.report.services} == dict.fromkeys(("api", "cache", "db", "migrate"))
    assert _service(stack.report, "migrate").exit_code == 0
    assert _get(stack, "api") == 200
    assert stack.environment("api")["GREETING"] == "hello $USER"
    assert stack.execute("cache", ["redis-cli", "ping"]).output == "PONG\n"
    assert stack.execute("cache", ["sh", "-c", "exit 3"]).exit_code == 3

    where, before = stack.endpoint("api", 8000), stack.state("api")
    stack.recreate("api")
    assert stack.state("api").instance != before.instance
    assert stack.endpoint("api", 8000) == where

    stack.stop("db")
    assert (stack.state("db").status, stack.state("db").exit_code) == ("exited", 0)
    assert stack.endpoint("api", 8000) == where
    stack.start("db")
    stack.pause("cache")
    assert stack.state("cache").status == "paused"
    stack.unpause("cache")
    stack.signal("cache", "SIGKILL")
    with pytest.raises(StackError, match="nobody"):
        stack.stop("nobody")
    stack.close()
    stack.close()


def test_command_that_does_not_end_is_an_error(start: Start) -> None:
    stack = start("sound", entry="api")
    with pytest.raises(StackError, match=r"not ended after 0\.5 s"):
        stack.execute("cache", ["sleep", "5"], timeout_seconds=0.5)


def test_variant_overlays_variables_leaves_services_stopped_and_mounts_small_disks(start: Start) -> None:
    variant = Variant(
        name="other",
        environment={"api": {"GREETING": "a $b"}},
        tmpfs={"api": {"/srv/small": 65536}},
        stopped=("cache",),
    )
    stack = start("sound", entry="api", variant=variant)
    assert stack.report.is_up, stack.report
    assert stack.environment("api")["GREETING"] == "a $b"
    assert stack.state("cache").status == "created"
    full = stack.execute("api", ["dd", "if=/dev/zero", "of=/srv/small/x", "bs=1k", "count=100"])
    assert "No space left" in full.output
    stack.start("cache")
    assert stack.state("cache").is_running


def test_replicas_are_reached_replaced_and_killed_one_by_one(start: Start) -> None:
    stack = start("sound", entry="api", variant=Variant(name="scaled", replicas={"api": 2}))
    assert stack.report.is_up, stack.report
    places = stack.replica_endpoints("api", 8000)
    assert len(places) == len(set(places.values())) == 2
    for place in places.values():
        assert _answered(place) == 200

    first, second = places
    stack.replace("api", first)
    replaced = stack.replica_endpoints("api", 8000)
    assert len(replaced) == 2
    assert second in replaced
    assert first not in replaced
    stack.kill("api", second)
    assert second not in stack.replica_endpoints("api", 8000)
    with pytest.raises(StackError, match="no container"):
        stack.replace("api", first)


def test_a_recreated_service_leaves_no_anonymous_volume(start: Start) -> None:
    stack = start("sound", entry="api")

    def volume() -> str:
        (container,) = stack.containers("cache")
        command = ["docker", "inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", container.id]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    before = volume()
    stack.recreate("cache")
    after = volume()
    stack.close()
    assert len({before, after, ""}) == 3
    for name in (before, after):
        gone = subprocess.run(["docker", "volume", "inspect", name], capture_output=True, text=True, check=False)
        assert gone.returncode != 0, f"{name} is still there"


def test_start_without_waiting_returns_once_everything_is_created(start: Start) -> None:
    stack = start("sound", entry="api", variant=Variant(name="cold", wait=False))
    assert not stack.report.is_up
    assert stack.state("api").status in {"created", "running"}


@pytest.fixture
def postgres_image() -> Iterator[str]:
    tag = "readiness-e2e-postgres:local"
    model = {"services": {"db": {"image": tag, "build": {"context": str(STACKS / "images"), "target": "postgres"}}}}
    command = ["docker", "compose", "-p", "readiness-e2e-images", "-f", "-"]
    subprocess.run([*command, "build", "-q"], input=json.dumps(model), text=True, check=True, timeout=300)
    yield tag
    subprocess.run(["docker", "image", "rm", tag], capture_output=True, check=True, timeout=60)


def test_stack_of_odd_parts_comes_up_without_those_that_nobody_needs(
    tmp_path: Path, postgres_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READINESS_E2E_TOKEN", "from $outside")
    entries = tuple(
        Entry(name=name, service=name, port=port) for name, port in (("api", 8000), ("pair", 8000), ("near", 8001))
    )
    target = Target(
        name="odd",
        folder=str(STACKS / "odd"),
        compose=Compose(files=("compose.yaml",)),
        service="api",
        entries=entries,
        provide=(Provide(store="postgres", env="DATABASE_URL"),),
        images={"postgres:16": postgres_image},
    )
    run_id = uuid.uuid4().hex[:8]
    runtime = ComposeRuntime(target, run_id=run_id, work=tmp_path)
    try:
        stack = runtime.start(Variant(), progress=_quiet)
        report = stack.report
        assert report.is_up, report
        causes = {service.service: service.cause for service in report.services if service.cause}
        assert causes == {
            "dashboard": FailureCause.IMAGE_MISSING,
            "broken": FailureCause.IMAGE_BUILD,
            "waiting": FailureCause.DEPENDENCY_NOT_HEALTHY,
        }
        assert any("no longer resolves" in line for line in _service(report, "broken").log_lines)
        assert stack.execute("api", ["cat", "/run/secrets/token"]).output == "from $outside"
        assert stack.environment("api")["DATABASE_URL"] == "postgresql://shop:secret@postgres:5432/shop"
        assert [
            _get(stack, name, entry.port) for name, entry in zip(("api", "pair", "near"), entries, strict=True)
        ] == [
            200,
            200,
            200,
        ]
        stack.pause("pair")
        paused = ["docker", "ps", "-q", "--filter", f"label={LABEL_RUN}={run_id}", "--filter", "status=paused"]
        assert len(subprocess.run(paused, capture_output=True, text=True, check=True).stdout.split()) == 2
        stack.unpause("pair")
    finally:
        runtime.close()
    assert _left(run_id) == []


def test_wrong_password_is_named_and_its_dependent_points_at_it(start: Start) -> None:
    report = start("fails-wrong-password").report
    assert not report.is_up
    assert _service(report, "db").is_ready
    api, proxy = _service(report, "api"), _service(report, "proxy")
    assert api.cause is FailureCause.AUTHENTICATION
    assert any('password authentication failed for user "shop"' in line for line in api.log_lines)
    assert proxy.cause is FailureCause.DEPENDENCY_NOT_HEALTHY
    assert proxy.detail.startswith("api is not ready: authentication")


def test_missing_variable_is_named_with_the_env_file_that_is_not_there(start: Start) -> None:
    report = start("fails-missing-variable").report
    api = _service(report, "api")
    assert api.cause is FailureCause.MISSING_VARIABLE
    assert "KeyError: 'PAYMENT_API_KEY'" in api.log_lines
    assert "env_file .env.production does not exist" in api.detail
    assert _service(report, "other").is_ready
    assert not (STACKS / "fails-missing-variable" / ".env.production").exists()


def test_import_error_is_named_although_the_service_is_restarted_for_ever(start: Start) -> None:
    report = start("fails-import-error").report
    api = _service(report, "api")
    assert api.cause is FailureCause.IMPORT_ERROR
    assert "ModuleNotFoundError: No module named 'a_requirement_nobody_installed'" in api.log_lines
    assert api.restarts >= 3
    assert _service(report, "proxy").cause is FailureCause.DEPENDENCY_NOT_HEALTHY


def test_missing_mount_source_is_named_and_no_folder_appears_in_its_place(start: Start) -> None:
    report = start("fails-missing-mount").report
    api = _service(report, "api")
    assert api.cause is FailureCause.MISSING_MOUNT_SOURCE
    assert "conf/app.ini" in api.detail
    assert "cat: /etc/shop/app.ini: Is a directory" in api.log_lines
    assert not (STACKS / "fails-missing-mount" / "conf").exists()


def test_health_checks_that_cannot_pass_are_told_from_services_that_do_not_work(start: Start) -> None:
    report = start("fails-impossible-healthcheck").report
    api, admin = _service(report, "api"), _service(report, "admin")
    assert api.cause is admin.cause is FailureCause.HEALTH_CHECK_IMPOSSIBLE
    assert '"curl": executable file not found' in api.health_log[-1]
    assert "asks port 9999" in admin.detail
    assert _service(report, "proxy").cause is FailureCause.DEPENDENCY_NOT_HEALTHY


def test_crash_loop_without_a_word_is_a_crash_loop(start: Start) -> None:
    api = _service(start("fails-crash-loop").report, "api")
    assert api.cause is FailureCause.CRASH_LOOP
    assert api.exit_code == 3
    assert "cannot go on" in api.log_lines
