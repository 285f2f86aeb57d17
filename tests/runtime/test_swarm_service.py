from __future__ import annotations

from typing import Any

import pytest

from readiness.runtime.swarm_service import SHARED_MEMORY, endpoint_mode, task_template, update_config

ID = "0123456789ab" + "c" * 52
SECOND = 1_000_000_000
CONTAINER: dict[str, Any] = {
    "Id": ID,
    "Image": "sha256:1234",
    "Config": {
        "Image": "shop-api:run",
        "Hostname": ID[:12],
        "Entrypoint": ["python"],
        "Cmd": ["-m", "shop"],
        "Env": ["A=b", "PATH=/bin"],
        "WorkingDir": "/app",
        "User": "10001",
        "StopSignal": "SIGINT",
        "StopTimeout": 30,
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": SECOND},
        "Tty": False,
    },
    "HostConfig": {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges:true"],
        "Sysctls": {"net.ipv4.ip_default_ttl": "1"},
        "Dns": ["127.0.0.1"],
        "DnsOptions": ["timeout:1"],
        "DnsSearch": [],
        "ExtraHosts": ["gate:10.0.0.1"],
        "NanoCpus": SECOND,
        "Memory": 1024,
        "PidsLimit": 200,
        "ShmSize": 64 * 1024 * 1024,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        "Tmpfs": {"/scratch": "", "/run/x": "uid=33,gid=33,mode=0700,size=1m", "/run/y": "mode=0750"},
        "Mounts": [{"Type": "tmpfs", "Target": "/small", "TmpfsOptions": {"SizeBytes": 9}}],
        "Ulimits": None,
    },
    "Mounts": [
        {"Type": "volume", "Name": "shop_uploads", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "a" * 64, "Destination": "/anonymous", "RW": True},
        {"Type": "bind", "Source": "/run/copy/conf", "Destination": "/conf", "RW": False},
        {"Type": "tmpfs", "Destination": "/small", "RW": True},
    ],
}


def template(**restart: Any) -> dict[str, Any]:
    return task_template(CONTAINER, labels={"l": "1"}, networks={"n1": ["api"]}, restart=restart)


def test_a_replica_is_what_compose_would_run() -> None:
    spec = template()["ContainerSpec"]
    assert spec["Image"] == "sha256:1234", "no registry is asked for an id"
    assert (spec["Command"], spec["Args"]) == (["python"], ["-m", "shop"])
    assert (spec["Env"], spec["Dir"], spec["User"]) == (["A=b", "PATH=/bin"], "/app", "10001")
    assert (spec["StopSignal"], spec["StopGracePeriod"]) == ("SIGINT", 30 * SECOND)
    assert spec["Healthcheck"] == CONTAINER["Config"]["Healthcheck"]
    assert (spec["ReadOnly"], spec["CapabilityDrop"]) == (True, ["ALL"])
    assert "CapabilityAdd" not in spec
    assert spec["Privileges"] == {"NoNewPrivileges": True}
    assert spec["Hosts"] == ["10.0.0.1 gate"]
    assert "Hostname" not in spec, "the engine's name for one container is not the next one's"
    assert spec["Labels"] == {"l": "1"}


def test_a_replica_reaches_no_further_than_compose_lets_it() -> None:
    spec = template()["ContainerSpec"]
    assert spec["Sysctls"] == {"net.ipv4.ip_default_ttl": "1"}
    assert spec["DNSConfig"] == {"Nameservers": ["127.0.0.1"], "Search": [], "Options": ["timeout:1"]}


def test_limits_log_and_networks_are_the_tasks() -> None:
    task = template()
    assert task["Resources"] == {"Limits": {"NanoCPUs": SECOND, "MemoryBytes": 1024, "Pids": 200}}
    assert task["LogDriver"] == {"Name": "json-file", "Options": {"max-size": "10m"}}
    assert task["Networks"] == [{"Target": "n1", "Aliases": ["api"]}]
    assert "RestartPolicy" not in task
    assert template(condition="on-failure", delay="2s", max_attempts=3)["RestartPolicy"] == {
        "Condition": "on-failure",
        "Delay": 2 * SECOND,
        "MaxAttempts": 3,
    }


def test_what_is_mounted_stays_but_for_what_is_one_containers_own() -> None:
    mounts = {mount["Target"]: mount for mount in template()["ContainerSpec"]["Mounts"]}
    assert mounts.keys() == {"/data", "/conf", "/small", "/scratch", "/run/x", "/run/y"}
    assert mounts["/data"] == {"Type": "volume", "Source": "shop_uploads", "Target": "/data", "ReadOnly": False}
    assert (mounts["/conf"]["Source"], mounts["/conf"]["ReadOnly"]) == ("/run/copy/conf", True)
    assert mounts["/small"]["TmpfsOptions"] == {"SizeBytes": 9}
    assert mounts["/scratch"]["TmpfsOptions"] == {}
    # A service cannot say whose a disk in memory is: everybody's, or the owner could not write to it.
    assert mounts["/run/x"]["TmpfsOptions"] == {"SizeBytes": 1024 * 1024, "Mode": 0o1777}
    assert mounts["/run/y"]["TmpfsOptions"] == {"Mode": 0o750}


def test_shared_memory_of_another_size_is_a_disk_in_memory() -> None:
    host = {**CONTAINER["HostConfig"], "ShmSize": 1024}
    spec = task_template({**CONTAINER, "HostConfig": host}, labels={}, networks={}, restart={})["ContainerSpec"]
    assert [m["TmpfsOptions"]["SizeBytes"] for m in spec["Mounts"] if m["Target"] == SHARED_MEMORY] == [1024]


@pytest.mark.parametrize(
    ("declared", "config"),
    [
        ({}, {"Parallelism": 1, "FailureAction": "pause", "Order": "stop-first"}),
        (
            {
                "parallelism": 2,
                "delay": "10s",
                "failure_action": "rollback",
                "monitor": "1m0s",
                "max_failure_ratio": 0.5,
                "order": "start-first",
            },
            {
                "Parallelism": 2,
                "FailureAction": "rollback",
                "Order": "start-first",
                "Delay": 10 * SECOND,
                "Monitor": 60 * SECOND,
                "MaxFailureRatio": 0.5,
            },
        ),
        ({"parallelism": 0}, {"Parallelism": 0, "FailureAction": "pause", "Order": "stop-first"}),
    ],
)
def test_updates_go_as_their_owner_has_them(declared: dict[str, Any], config: dict[str, Any]) -> None:
    assert update_config(declared) == config


def test_the_way_to_the_replicas_is_asked_for_declared_or_swarms_own() -> None:
    assert endpoint_mode({}, asked="") == "vip"
    assert endpoint_mode({"endpoint_mode": "dnsrr"}, asked="") == "dnsrr"
    assert endpoint_mode({"endpoint_mode": "dnsrr"}, asked="vip") == "vip"
