"""A copy does not reach beyond this machine, whatever its services try, and what it needs inside works."""

from __future__ import annotations

import json
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from readiness.facts.start import FailureCause
from readiness.instruments.stub import bridge_address
from readiness.runtime import Variant
from readiness.runtime.compose import ComposeRuntime, ComposeStack
from readiness.target import Compose, Entry, Target
from tests.e2e.conftest import run_audit

pytestmark = pytest.mark.docker

NEEDY = Path(__file__).parent / "stacks" / "needy"
#: Refused by this machine's kernel, not waited for: a connection that nobody answers takes two minutes.
AT_ONCE_SECONDS = 5.0
#: Reserved for documentation (RFC 5737): no machine answers there.
NOBODY = "198.51.100.7"

#: Prints how each try ended, and after how many seconds.
TRY = """
import json, socket, sys, time
def name(host, port): return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
def way(host, port):
    with socket.create_connection((host, port), timeout=20): return "connected"
tried = {}
for word in sys.argv[1:]:
    kind, host, port = word.split("|")
    began = time.monotonic()
    try: ended = {"name": name, "way": way}[kind](host, int(port))
    except OSError as error: ended = f"{type(error).__name__} {error}"
    tried[word] = [ended, time.monotonic() - began]
print(json.dumps(tried))
"""


def _inspect(kind: str, name: str) -> dict[str, Any]:
    done = subprocess.run(["docker", kind, "inspect", name], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)[0]
    return found


def _try(stack: ComposeStack, service: str, *words: str) -> dict[str, tuple[str, float]]:
    done = stack.execute(service, ["python3", "-c", TRY, *words], timeout_seconds=120)
    assert done.exit_code == 0, done.output
    return {word: (ended, seconds) for word, (ended, seconds) in json.loads(done.output).items()}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ComposeStack]]:
    runtimes: list[ComposeRuntime] = []

    def begin(*egress: str) -> ComposeStack:
        target = Target(
            name="needy",
            folder=str(NEEDY),
            compose=Compose(files=("compose.yaml",)),
            entries=(Entry(name="direct", service="api", port=8000),),
            egress=egress,
        )
        runtime = ComposeRuntime(target, run_id=uuid.uuid4().hex[:8], work=tmp_path_factory.mktemp("needy"))
        runtimes.append(runtime)
        return runtime.start(Variant(), progress=lambda what, *, at_most_seconds=None: None)

    yield begin
    for runtime in runtimes:
        runtime.close()


@pytest.fixture(scope="module")
def closed(start: Callable[..., ComposeStack]) -> ComposeStack:
    return start()


def test_what_the_stack_needs_inside_works(closed: ComposeStack) -> None:
    names = ("db", "store", "api.shop.test", "localhost")
    found = _try(closed, "api", *(f"name|{name}|8000" for name in names), "way|db|8000", "way|store|8000")
    assert not [ended for ended, _ in found.values() if "rror " in ended], found
    for service in ("api", "inner"):
        where = closed.endpoint(service, 8000)
        with urllib.request.urlopen(f"http://{where.host}:{where.port}/", timeout=5) as answer:
            assert answer.status == 200
    assert _try(closed, "side", "way|db|8000", "way|localhost|8000")["way|db|8000"][0] == "connected"
    assert closed.state("job").status == "running"


@pytest.mark.parametrize("service", ["api", "db", "side", "inner"])
def test_nothing_beyond_this_machine_answers_or_is_waited_for(closed: ComposeStack, service: str) -> None:
    found = _try(closed, service, "name|licences.vendor.example|443", f"way|{NOBODY}|443", f"way|{NOBODY}|80")
    for ended, seconds in found.values():
        assert "rror " in ended, found
        assert seconds < AT_ONCE_SECONDS, found


def test_this_machine_is_still_reached_from_the_copy(closed: ComposeStack) -> None:
    import socket  # noqa: PLC0415  # only here

    with socket.create_server((bridge_address(), 0)) as upstream:
        word = f"way|{bridge_address()}|{upstream.getsockname()[1]}"
        assert _try(closed, "api", word)[word][0] == "connected"


def test_services_that_only_miss_the_outside_are_not_at_fault(closed: ComposeStack) -> None:
    report = closed.report
    services = {one.service: one for one in report.services}
    assert not services["fetch"].is_ready
    assert services["fetch"].cause is services["by-address"].cause is FailureCause.REFUSED
    assert services["fetch"].seconds is None
    assert "a copy may not reach beyond this machine" in services["fetch"].detail
    assert "No route to host" in services["by-address"].detail
    assert services["misnamed"].cause is FailureCause.NAME_RESOLUTION
    supply = {change.service: change.supply for change in report.refused}
    assert supply["fetch"] == supply["by-address"] == "egress:\n  - by-address\n  - fetch"
    lines = [change.what for change in report.changes if "beyond this machine" in change.what]
    assert lines == ["no service reaches beyond this machine"]


def test_service_that_is_let_out_has_a_way_and_its_resolver_and_the_others_have_none(
    start: Callable[..., ComposeStack],
) -> None:
    stack = start("api")
    containers = {name: _inspect("container", f"{stack.project}-{name}-1") for name in ("api", "db")}
    networks = containers["api"]["NetworkSettings"]["Networks"]
    way_out = f"{stack.project}--egress"
    assert way_out in networks
    assert _inspect("network", way_out)["Options"].get("com.docker.network.bridge.enable_ip_masquerade") != "false"
    assert containers["api"]["HostConfig"]["Dns"] == ["192.0.2.53"]
    assert not containers["api"]["HostConfig"].get("Sysctls")
    # The kernel's own word on which of its networks leads out.
    route = stack.execute("api", ["cat", "/proc/net/route"]).output.splitlines()
    gateway = next(line.split()[2] for line in route[1:] if line.split()[1] == "00000000")
    octets = networks[way_out]["Gateway"].split(".")
    assert gateway == "".join(f"{int(octet):02X}" for octet in reversed(octets))
    assert way_out not in containers["db"]["NetworkSettings"]["Networks"]
    assert containers["db"]["HostConfig"]["Sysctls"] == {"net.ipv4.ip_default_ttl": "1"}
    for name in containers["db"]["NetworkSettings"]["Networks"]:
        assert _inspect("network", name)["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    found = _try(stack, "db", f"way|{NOBODY}|443")
    assert all("rror " in ended and seconds < AT_ONCE_SECONDS for ended, seconds in found.values()), found


def test_audit_of_a_stack_that_needs_the_outside_says_how_to_let_it_out(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"services:\n  fetch:\n    build: {NEEDY.parent / 'images'}\n    command: [python3, -c, "
        "\"import urllib.request as u; u.urlopen('https://licences.vendor.example/v1')\"]\n"
    )
    audited = run_audit(tmp_path, "--readiness-profile=personal", "--readiness-runtime=compose", "-k", "check_stack")
    assert audited.outcomes.get("start.stack") == "inconclusive", audited.explain()
    row = next(row for row in audited.card["checks"] if row["id"] == "start.stack")
    assert "a copy may not reach beyond this machine" in row["reason"]
    assert row["supply"] == "egress:\n  - fetch"
