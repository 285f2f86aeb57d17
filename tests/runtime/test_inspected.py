from __future__ import annotations

from typing import Any

from readiness.facts.containers import Mounted
from readiness.facts.model import HealthCheck
from readiness.runtime.inspected import container_of

BARE: dict[str, Any] = {
    "Id": "c" * 64,
    "Path": "server",
    "Args": ["--port", "80"],
    "Config": {"Image": "shop:local"},
    "HostConfig": {"NetworkMode": "shop_default"},
    "State": {
        "Status": "running",
        "Pid": 41,
        "StartedAt": "2030-01-01T00:00:00Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
    },
}


def test_a_container_without_any_setting_has_the_engines_defaults() -> None:
    seen = container_of(BARE, service="api")
    assert (seen.command, seen.pid, seen.finished_at) == (("server", "--port", "80"), 41, "")
    assert (seen.cpus, seen.memory_bytes, seen.pids, seen.health_check) == (None, None, None, None)
    assert (seen.restart, seen.stop_signal, seen.stop_seconds) == ("no", "SIGTERM", 10.0)


def test_figures_in_force_are_read_in_their_units() -> None:
    host = {"NanoCpus": 500_000_000, "Memory": 64 << 20, "MemoryReservation": 32 << 20, "PidsLimit": 200}
    seen = container_of({**BARE, "HostConfig": host}, service="api")
    assert (seen.cpus, seen.memory_bytes, seen.memory_reservation_bytes, seen.pids) == (0.5, 64 << 20, 32 << 20, 200)
    quota = container_of({**BARE, "HostConfig": {"CpuQuota": 150_000, "PidsLimit": -1}}, service="api")
    assert (quota.cpus, quota.pids) == (1.5, None)


def test_a_health_check_that_is_switched_off_is_none() -> None:
    shell = {"Test": ["CMD-SHELL", "true"], "Interval": 2_000_000_000, "Timeout": 0, "Retries": 0}
    config = {**BARE["Config"], "Healthcheck": shell}
    expected = HealthCheck(test=("true",), is_shell=True, interval_seconds=2.0, timeout_seconds=30.0, retries=3)
    assert container_of({**BARE, "Config": config}, service="api").health_check == expected
    off = {**BARE["Config"], "Healthcheck": {"Test": ["NONE"]}}
    assert container_of({**BARE, "Config": off}, service="api").health_check is None


def test_a_volume_without_a_name_is_told_from_one_with_a_name() -> None:
    mounts = [
        {"Type": "volume", "Name": "a" * 64, "Destination": "/var/data", "RW": True},
        {"Type": "volume", "Name": "shop_database", "Destination": "/data", "RW": True},
        {"Type": "bind", "Source": "/srv/shop", "Destination": "/etc/shop", "RW": False},
    ]
    host = {"Tmpfs": {"/cache": "", "/data": ""}}
    seen = container_of({**BARE, "Mounts": mounts, "HostConfig": host}, service="db").mounts
    assert seen == (
        Mounted(kind="tmpfs", source="", destination="/cache"),
        Mounted(kind="volume", source="shop_database", destination="/data"),
        Mounted(kind="bind", source="/srv/shop", destination="/etc/shop", is_writable=False),
        Mounted(kind="volume", source="a" * 64, destination="/var/data", is_anonymous=True),
    )
