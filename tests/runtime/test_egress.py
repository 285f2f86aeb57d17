"""A copy does not reach beyond this machine, but for what its owner lets out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from readiness.runtime import Variant
from readiness.runtime.egress import OPEN_NETWORK, leads_out, open_network_name, open_services
from readiness.runtime.engine import client_proxies
from readiness.runtime.safe_copy import EDGE_NETWORK, Host, SafeCopy, make_safe
from readiness.target import EVERY_SERVICE, Entry, Provide, Target
from tests.runtime.test_safe_copy import CLOSED, FOLDER, OPEN, FakeDisk, whats

HELD = {"net.ipv4.ip_default_ttl": "1"}


def copied(services: dict[str, Any], *egress: str, proxies: tuple[str, ...] = (), **rest: Any) -> SafeCopy:
    for service in services.values():
        service["image"] = "debian:bookworm-slim"
        if "network_mode" not in service:
            service.setdefault("networks", {"default": None})
    options = {"entries": rest.pop("entries", ()), "provide": rest.pop("provide", ())}
    return make_safe(
        {"name": "neutral", "services": services, **rest},
        target=Target(name="shop", folder=FOLDER, egress=egress, **options),
        variant=Variant(),
        run_id="r1",
        owner="o1",
        project="readiness-r1-base",
        image_prefix="readiness-r1",
        place="/run-folder/copy",
        disk=FakeDisk(),
        host=Host(
            cpus=2, has_start_interval=True, home="/home/owner", take_port=lambda: 20001, proxy_variables=proxies
        ),
    )


def test_no_service_reaches_out_and_one_line_says_so() -> None:
    safe = copied({"api": {}, "worker": {"networks": {"back": None}}})
    services, networks = safe.model["services"], safe.model["networks"]
    assert networks == {"default": CLOSED, "back": CLOSED}
    for service in services.values():
        assert service["dns"] == ["127.0.0.1"]
        assert service["sysctls"] == HELD
    assert safe.closed == {"api", "worker"}
    assert [change.what for change in safe.changes] == ["no service reaches beyond this machine"]
    assert "egress: in readiness.yaml" in whats(safe, "")


def test_stores_that_are_added_stay_here_too() -> None:
    safe = copied({"api": {"environment": {"DB": ""}}}, provide=(Provide(store="postgres", env="DB"),))
    assert safe.model["services"]["postgres"]["sysctls"] == HELD


def test_listed_service_gets_a_way_out_and_the_others_stay() -> None:
    safe = copied({"api": {}, "worker": {"dns": ["9.9.9.9"], "networks": {"back": None}}}, "worker")
    services, networks = safe.model["services"], safe.model["networks"]
    assert services["worker"]["networks"] == {"back": None, OPEN_NETWORK: None}
    assert services["worker"]["dns"] == ["9.9.9.9"]
    assert "sysctls" not in services["worker"]
    assert services["api"]["networks"] == {"default": None}
    assert services["api"]["sysctls"] == HELD
    assert networks["default"] == networks["back"] == CLOSED
    assert networks[OPEN_NETWORK] == {**OPEN, "name": "readiness-r1-base--egress"}
    assert safe.closed == {"api"}
    assert "no service but worker reaches beyond this machine" in whats(safe, "")


def test_way_out_sorts_before_every_network_of_compose() -> None:
    project = "readiness-r1-base"
    assert all(open_network_name(project) < f"{project}_{name}" for name in ("default", "0", "-", ".", "_a"))


def test_open_egress_leaves_everything_as_the_owner_has_it() -> None:
    safe = copied({"api": {"dns": ["9.9.9.9"], "environment": {"HTTPS_PROXY": "http://proxy:3128"}}}, EVERY_SERVICE)
    service = safe.model["services"]["api"]
    assert service["dns"] == ["9.9.9.9"]
    assert service["environment"] == {"HTTPS_PROXY": "http://proxy:3128"}
    assert "sysctls" not in service
    assert safe.model["networks"] == {"default": OPEN}
    assert safe.closed == frozenset()
    assert safe.changes == ()


def test_owners_own_resolver_and_kernel_settings() -> None:
    safe = copied({"api": {"dns": ["9.9.9.9"], "dns_opt": ["timeout:1"], "sysctls": {"net.core.somaxconn": "9"}}})
    service = safe.model["services"]["api"]
    assert service["dns"] == ["127.0.0.1"]
    assert service["dns_opt"] == ["timeout:1"]
    assert service["sysctls"] == {"net.core.somaxconn": "9", **HELD}
    assert "dns left out" in whats(safe)


def test_services_without_a_network_place_of_their_own_are_left_as_they_are() -> None:
    safe = copied({"api": {}, "side": {"network_mode": "service:api"}, "job": {"network_mode": "none"}})
    for name in ("side", "job"):
        assert not {"dns", "sysctls", "networks"} & safe.model["services"][name].keys()
    assert safe.closed == {"api", "side"}  # a job without a network has nothing to miss


def test_who_shares_a_network_place_is_let_out_together() -> None:
    services = {"api": {}, "side": {"network_mode": "service:api"}, "db": {}}
    assert open_services(services, ("side",)) == open_services(services, ("api",)) == {"api", "side"}
    assert open_services(services, (EVERY_SERVICE,)) == {"api", "side", "db"}
    assert open_services({"a": {"network_mode": "service:b"}, "b": {"network_mode": "service:a"}}, ("a",)) >= {"a"}
    assert open_services(services, ("gone",)) == frozenset()


@pytest.mark.parametrize("egress", [(), ("api",), (EVERY_SERVICE,)])
def test_internal_network_stays_one_whatever_is_let_out(egress: tuple[str, ...]) -> None:
    safe = copied(
        {"api": {"networks": {"back": None}, "ports": [{"target": 80, "published": "80"}]}},
        *egress,
        networks={"back": {"internal": True}},
    )
    service = safe.model["services"]["api"]
    assert service["networks"] == {"back": None, EDGE_NETWORK: None}
    assert service["sysctls"] == HELD
    assert service["dns"] == ["127.0.0.1"]
    assert safe.model["networks"][EDGE_NETWORK] == CLOSED
    assert safe.model["networks"]["back"]["internal"] is True
    assert safe.closed == frozenset()  # what it cannot reach, it cannot reach in the owner's stack either


def test_published_ports_stay_published() -> None:
    safe = copied({"api": {}}, entries=(Entry(name="direct", service="api", port=8000),))
    assert safe.ports == {"api": {8000: 20001}}


@pytest.mark.parametrize(
    ("variable", "value", "leads"),
    [
        ("HTTP_PROXY", "http://172.17.0.1:3128", True),
        ("https_proxy", "host.docker.internal:3128", True),
        ("ALL_PROXY", "socks5://user:secret@proxy.example.com:1080", True),
        ("HTTPS_PROXY", "http://[broken", True),
        ("HTTP_PROXY", "http://squid:3128", False),
        ("HTTP_PROXY", "squid:3128", False),
        ("HTTP_PROXY", "", False),
        ("NO_PROXY", "example.com", False),
        ("PROXY_URL", "http://proxy.example.com", False),
    ],
)
def test_proxies_outside_the_stack_are_recognised(variable: str, value: str, leads: bool) -> None:
    assert leads_out(variable, value, inside={"squid"}) is leads


def test_no_proxy_carries_requests_out() -> None:
    variables = {"HTTP_PROXY": "http://172.17.0.1:3128", "ALL_PROXY": "http://squid:3128"}
    safe = copied({"api": {"environment": variables}, "squid": {}}, "squid", proxies=("http_proxy", "HTTP_PROXY"))
    environment = safe.model["services"]["api"]["environment"]
    assert environment == {"HTTP_PROXY": "", "ALL_PROXY": "http://squid:3128", "http_proxy": ""}
    assert "environment" not in safe.model["services"]["squid"]
    assert "variable HTTP_PROXY emptied" in whats(safe)


@pytest.mark.parametrize(
    ("configured", "variables"),
    [
        (None, ()),
        ("not JSON", ()),
        ("[]", ()),
        ('{"proxies": {"default": "x"}}', ()),
        ("{}", ()),
        (json.dumps({"proxies": {"default": {"httpProxy": "http://x", "noProxy": "y"}}}), ("http_proxy", "HTTP_PROXY")),
    ],
)
def test_proxies_of_the_docker_command_are_found(
    tmp_path: Path, configured: str | None, variables: tuple[str, ...]
) -> None:
    if configured is not None:
        (tmp_path / "config.json").write_text(configured)
    assert client_proxies(tmp_path) == variables
