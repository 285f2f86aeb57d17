from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from readiness.demo.defects import DEFECTS
from readiness.target import ProbeKind, Target
from readiness.target_file import load_target

DEMO = Path(__file__).parents[2] / "readiness" / "demo"


@pytest.fixture(scope="module")
def target() -> Target:
    return load_target(DEMO / "readiness.yaml")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEMO / "compose.yaml").read_text(encoding="utf-8"))
    return document


def test_the_same_services_run_in_containers_and_as_processes(target: Target, compose: dict[str, Any]) -> None:
    assert target.compose is not None
    assert set(target.processes) == set(compose["services"]) == set(target.compose.services)


def test_every_kind_of_probe_is_declared(target: Target) -> None:
    assert set(target.probes) == set(ProbeKind)


def test_defects_and_variants_name_services_that_exist(target: Target) -> None:
    named = {service for defect in DEFECTS for service in defect.environment}
    named |= {service for variant in target.variants.values() for service in variant}
    assert named <= set(target.processes)


def test_only_the_proxy_is_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if service.get("ports")}
    assert set(published) == {"proxy"}
    assert all(port.startswith("127.0.0.1:") for port in published["proxy"])


def test_no_service_of_the_stack_lacks_a_limit_or_a_health_check(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
        assert service["healthcheck"]["test"]


def test_every_variable_of_the_example_is_used_and_every_required_one_is_in_it() -> None:
    text = (DEMO / "compose.yaml").read_text(encoding="utf-8")
    lines = (DEMO / ".env.example").read_text(encoding="utf-8").splitlines()
    example = {line.split("=")[0] for line in lines if line and not line.startswith("#")}
    assert [name for name in example if f"${{{name}:" not in text] == []
    required = {part.split(":?")[0] for part in text.split("${")[1:] if ":?" in part.split("}")[0]}
    assert required <= example
