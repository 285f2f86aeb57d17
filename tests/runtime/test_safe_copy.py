from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from readiness.exceptions import ConfigError
from readiness.runtime import StandIn, Variant
from readiness.runtime.provide import NOWHERE, outside
from readiness.runtime.reaper import LABEL_OWNER, LABEL_RUN
from readiness.runtime.safe_copy import EDGE_NETWORK, Host, SafeCopy, make_safe, needed_ports
from readiness.target import (
    EVERY_SERVICE,
    Build,
    Entry,
    Login,
    Paths,
    Probe,
    ProbeKind,
    Provide,
    Replacement,
    Request,
    Target,
)

FOLDER = "/home/owner/shop"
LABELS = {LABEL_RUN: "r1", LABEL_OWNER: "o1"}
OPEN = {"driver": "bridge", "labels": LABELS}
#: A network out of which no answer finds back.
CLOSED = {
    **OPEN,
    "driver_opts": {"com.docker.network.bridge.enable_ip_masquerade": "false"},
    "enable_ipv6": False,
}


@dataclasses.dataclass
class FakeDisk:
    kinds: dict[str, str] = dataclasses.field(default_factory=dict)
    big: frozenset[str] = frozenset()
    links: dict[str, str] = dataclasses.field(default_factory=dict)
    empty: frozenset[str] = frozenset()

    def real(self, path: str) -> str:
        return self.links.get(path, path)

    def kind(self, path: str) -> str:
        return self.kinds.get(path, "folder")

    def is_within(self, path: str, *, limit_bytes: int) -> bool:
        return path not in self.big

    def has_content(self, path: str) -> bool:
        return path not in self.empty


def copied(
    services: dict[str, Any],
    *,
    target: Target | None = None,
    variant: Variant | None = None,
    disk: FakeDisk | None = None,
    has_start_interval: bool = True,
    **rest: Any,
) -> SafeCopy:
    for service in services.values():
        if "build" not in service:
            service.setdefault("image", "debian:bookworm-slim")
        if "network_mode" not in service:
            service.setdefault("networks", {"default": None})
    ports = itertools.count(20001)
    return make_safe(
        {"name": "neutral", "services": services, "networks": {"default": {"name": "neutral_default"}}, **rest},
        target=target or Target(name="shop", folder=FOLDER),
        variant=variant or Variant(),
        run_id="r1",
        owner="o1",
        project="readiness-r1-base",
        image_prefix="readiness-r1",
        place="/run-folder/copy",
        disk=disk or FakeDisk(),
        host=Host(cpus=2, has_start_interval=has_start_interval, home="/home/owner", take_port=lambda: next(ports)),
    )


def one(definition: dict[str, Any], **options: Any) -> tuple[dict[str, Any], SafeCopy]:
    safe = copied({"api": definition}, **options)
    return safe.model["services"]["api"], safe


def whats(safe: SafeCopy, service: str = "api") -> str:
    return "\n".join(f"{change.what} | {change.why}" for change in safe.changes if change.service == service)


def bind(source: str, target: str, **options: Any) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": True}, **options}


def test_project_gets_its_own_name_and_labels_everywhere() -> None:
    safe = copied(
        {"api": {"build": {"context": FOLDER}, "volumes": [{"type": "volume", "source": "data", "target": "/d"}]}},
        volumes={"data": {"name": "neutral_data"}},
    )
    assert safe.model["name"] == "readiness-r1-base"
    assert safe.model["services"]["api"]["labels"] == LABELS
    assert safe.model["services"]["api"]["build"]["labels"] == LABELS
    assert safe.model["networks"]["default"] == CLOSED
    assert safe.model["volumes"]["data"] == {"labels": LABELS}


def test_owners_model_is_not_changed() -> None:
    services: dict[str, Any] = {"api": {"image": "x", "networks": {"default": None}, "container_name": "shop"}}
    copied(services)
    assert services["api"]["container_name"] == "shop"


def test_container_name_goes_and_stays_reachable_as_an_alias() -> None:
    service, safe = one({"container_name": "shop-api", "networks": {"default": {"aliases": ["www"]}}})
    assert "container_name" not in service
    assert service["networks"] == {"default": {"aliases": ["www", "shop-api"]}}
    assert "container_name left out" in whats(safe)


def test_published_ports_move_to_pinned_free_ones_on_loopback() -> None:
    service, safe = one(
        {
            "ports": [
                {"mode": "host", "target": 8000, "published": "80", "protocol": "tcp", "host_ip": "0.0.0.0"},  # noqa: S104
                {"mode": "ingress", "target": 53, "published": "53", "protocol": "udp"},
            ]
        }
    )
    assert service["ports"] == [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 53, "protocol": "udp", "published": "20001"},
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8000, "protocol": "tcp", "published": "20002"},
    ]
    assert safe.ports == {"api": {8000: 20002}}
    assert "port 80 moved" in whats(safe)


def test_ports_that_the_audit_asks_are_published_too() -> None:
    target = Target(
        name="shop",
        folder=FOLDER,
        entries=(Entry(name="proxy", service="web", port=443), Entry(name="direct", service="api", port=8000)),
        probes={ProbeKind.READY: Probe(kind=ProbeKind.READY, path="/ready", service="api", port=9090)},
        paths=Paths(ok=Request(path="/x", service="api", port=7000)),
        login=Login(request=Request(path="/login", service="sso", port=5000)),
    )
    assert needed_ports(target) == {"web": {443}, "api": {8000, 9090, 7000}, "sso": {5000}}
    service, safe = one({}, target=target)
    assert [port["target"] for port in service["ports"]] == [7000, 8000, 9090]
    assert set(safe.ports["api"]) == {7000, 8000, 9090}


def test_replicas_do_not_share_a_pinned_port() -> None:
    service, safe = one({"deploy": {"replicas": 2}, "ports": [{"target": 80, "published": "8080"}]})
    assert "published" not in service["ports"][0]
    assert service["deploy"] == {"replicas": 2}
    assert safe.ports == {}


@pytest.mark.parametrize("definition", [{}, {"scale": 1}, {"deploy": {"replicas": 1}}])
def test_variant_has_as_many_replicas_as_it_wants(definition: dict[str, Any]) -> None:
    definition = {**definition, "ports": [{"target": 80, "published": "8080"}]}
    service, safe = one(definition, variant=Variant(name="scaled", replicas={"api": 2, "nobody": 2}))
    assert service["scale"] == 2
    assert (service.get("deploy") or {}).get("replicas", 2) == 2
    assert "published" not in service["ports"][0]
    assert safe.ports == {}
    assert "2 replicas" in whats(safe)


def test_service_on_internal_networks_only_joins_one_that_leads_nowhere() -> None:
    safe = copied(
        {
            "api": {"networks": {"back": None}, "ports": [{"target": 80, "published": "80"}]},
            "db": {"networks": {"back": None}},
        },
        networks={"back": {"name": "neutral_back", "internal": True}},
    )
    services, networks = safe.model["services"], safe.model["networks"]
    assert services["api"]["networks"] == {"back": None, EDGE_NETWORK: None}
    assert services["db"]["networks"] == {"back": None}
    assert networks["back"]["internal"] is True
    assert networks[EDGE_NETWORK] == CLOSED


def test_external_networks_fixed_addresses_and_drivers_are_replaced() -> None:
    safe = copied(
        {"api": {"networks": {"panel": {"ipv4_address": "172.20.0.5", "aliases": ["a"]}, "lan": None}}},
        networks={
            "panel": {"name": "panel", "external": True, "ipam": {}},
            "lan": {
                "driver": "macvlan",
                "driver_opts": {"parent": "eth0"},
                "ipam": {"config": [{"subnet": "10.0.0.0/8"}]},
            },
        },
    )
    assert safe.model["networks"] == {"panel": CLOSED, "lan": CLOSED}
    assert safe.model["services"]["api"]["networks"] == {"panel": {"aliases": ["a"]}, "lan": None}
    assert "fixed address on panel" in whats(safe)
    assert "network panel: an empty one" in whats(safe, "")
    assert "bridge instead of macvlan" in whats(safe, "")


def test_host_network_becomes_a_bridge_and_is_said() -> None:
    service, safe = one({"network_mode": "host"})
    assert service["networks"] == {"default": None}
    assert "network_mode" not in service
    assert safe.weakened["api"] == ("network_mode: host replaced by a network of this run",)


def test_what_is_published_to_the_hosts_network_is_found_by_name() -> None:
    environment = {
        "DATABASE_URL": "postgresql+asyncpg://shop:pa$$word@localhost:15432/shop",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "6379",
        "BROKER_URL": "amqp://guest@localhost:5672",  # nobody publishes it
        "ALLOWED_ORIGIN": "http://localhost:3000",
    }
    published = {"mode": "ingress", "protocol": "tcp"}
    services = {
        "api": {"network_mode": "host", "environment": environment},
        "db": {"ports": [{**published, "target": 5432, "published": "15432"}], "networks": {"back": None}},
        "cache": {"ports": [{**published, "target": 6379, "published": "6379"}]},
        "pages": {"ports": [{**published, "target": 3000, "published": "3000"}]},
    }
    safe = copied(services, networks={"default": None, "back": None})
    api = safe.model["services"]["api"]
    assert api["environment"] == environment | {
        "DATABASE_URL": "postgresql+asyncpg://shop:pa$$word@db:5432/shop",
        "REDIS_HOST": "cache",
    }
    assert api["networks"] == {"default": None, "back": None}
    assert "DATABASE_URL points to db:5432" in whats(safe)
    assert next(change.supply for change in safe.refused if change.service == "api")


def test_shared_network_of_a_service_is_kept_and_publishes_there() -> None:
    target = Target(name="shop", folder=FOLDER, entries=(Entry(name="direct", service="api", port=8000),))
    safe = copied({"api": {"network_mode": "service:vpn"}, "vpn": {}}, target=target)
    assert safe.model["services"]["api"]["network_mode"] == "service:vpn"
    assert "ports" not in safe.model["services"]["api"]
    assert safe.model["services"]["vpn"]["ports"][0]["target"] == 8000
    assert safe.network_of == {"api": "vpn"}
    assert safe.ports == {"vpn": {8000: 20001}}


@pytest.mark.parametrize(
    "definition",
    [
        {"network_mode": "container:other"},
        {"pid": "container:other"},
        {"ipc": "container:other"},
        {"volumes_from": ["container:other"]},
        {"use_api_socket": True},
        {"volumes": [bind("/var/run/docker.sock", "/var/run/docker.sock")]},
        {"volumes": [bind("/run/podman/podman.sock", "/x")]},
        {"volumes": [bind("/home/owner/shop/sock", "/x")]},
    ],
)
def test_service_that_reaches_into_the_engine_is_not_run(definition: dict[str, Any]) -> None:
    disk = FakeDisk(links={"/home/owner/shop/sock": "/run/docker.sock"})
    safe = copied({"agent": definition, "api": {"depends_on": {"agent": {"condition": "service_started"}}}}, disk=disk)
    assert set(safe.model["services"]) == {"api"}
    assert safe.left_out == ("agent",)
    assert [(change.service, change.what) for change in safe.refused] == [("agent", "not run")]
    assert "depends_on" not in safe.model["services"]["api"]
    assert "does not wait for agent" in whats(safe)


def test_service_that_lives_in_a_refused_one_is_not_run_either() -> None:
    safe = copied({"agent": {"use_api_socket": True}, "api": {"network_mode": "service:agent"}})
    assert "services" not in safe.model
    assert safe.left_out == ("agent", "api")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("privileged", True),
        ("pid", "host"),
        ("ipc", "host"),
        ("uts", "host"),
        ("userns_mode", "host"),
        ("cgroup", "host"),
        ("cgroup_parent", "/machine"),
        ("devices", [{"source": "/dev/sda", "target": "/dev/sda"}]),
        ("device_cgroup_rules", ["a *:* rwm"]),
        ("gpus", [{"count": -1}]),
        ("runtime", "nvidia"),
        ("oom_score_adj", -1000),
        ("cap_add", ["SYS_ADMIN"]),
        ("cap_add", ["CAP_SYS_MODULE"]),
        ("cap_add", ["ALL"]),
        ("security_opt", ["seccomp:unconfined"]),
        ("security_opt", ["apparmor=unconfined"]),
        ("security_opt", ["label:disable"]),
        ("blkio_config", {"device_read_bps": [{"path": "/dev/sda", "rate": "1mb"}]}),
        ("a_key_of_the_future", {"x": 1}),
    ],
)
def test_power_over_the_machine_is_taken_away_and_said(key: str, value: Any) -> None:
    service, safe = one({key: value})
    assert key not in service
    assert len(safe.refused) == 1
    assert len(safe.weakened["api"]) == 1
    assert safe.changes[-1] in safe.refused or safe.refused[0] in safe.changes


def test_harmless_confinement_is_kept() -> None:
    definition = {
        "cap_drop": ["ALL"], "cap_add": ["NET_BIND_SERVICE", "NET_ADMIN"], "security_opt": ["no-new-privileges:true"],
        "read_only": True, "init": True, "user": "1000", "stop_signal": "SIGINT", "stop_grace_period": "30s",
        "restart": "always", "mem_limit": "64m", "pids_limit": 100, "tmpfs": ["/run"], "sysctls": {"net.core.somaxconn": "1"},
        "ulimits": {"nofile": 1024}, "extra_hosts": ["x=10.0.0.1"], "shm_size": "64m", "ipc": "shareable",
    }  # fmt: skip
    service, safe = one(dict(definition), target=Target(name="shop", folder=FOLDER, egress=(EVERY_SERVICE,)))
    assert {key: service[key] for key in definition} == definition
    assert safe.changes == ()


def test_labels_that_proxies_act_on_are_dropped() -> None:
    service, safe = one(
        {
            "labels": {"traefik.enable": "true"},
            "environment": {"VIRTUAL_HOST": "shop.example.com", "A": "1"},
            "deploy": {"labels": {"traefik.enable": "true"}},
        }
    )
    assert service["labels"] == LABELS
    assert service["environment"] == {"A": "1"}
    assert "deploy" not in service
    assert "labels left out" in whats(safe)


def test_built_image_never_takes_the_owners_tag_and_its_users_follow() -> None:
    build = {
        "context": FOLDER,
        "tags": ["shop:latest"],
        "cache_to": ["type=registry"],
        "network": "host",
        "target": "x",
    }
    safe = copied({"api": {"image": "shop:local", "build": build}, "worker": {"image": "shop:local"}})
    api, worker = safe.model["services"]["api"], safe.model["services"]["worker"]
    assert api["image"] == worker["image"] == "readiness-r1-api:run"
    assert api["pull_policy"] == worker["pull_policy"] == "never"
    assert api["build"] == {"context": FOLDER, "target": "x", "labels": LABELS}
    assert safe.built == {"api": "readiness-r1-api:run"}


def test_images_are_substituted_however_they_are_written() -> None:
    target = Target(
        name="shop", folder=FOLDER, images={"docker.io/library/postgres:16": "mirror/pg", "redis": "mirror/r"}
    )
    safe = copied(
        {"db": {"image": "postgres:16"}, "cache": {"image": "redis:latest"}, "x": {"image": "nginx"}}, target=target
    )
    assert {name: s["image"] for name, s in safe.model["services"].items()} == {
        "db": "mirror/pg",
        "cache": "mirror/r",
        "x": "nginx",
    }


def test_image_that_is_there_is_not_pulled_again() -> None:
    assert one({"pull_policy": "always"})[0]["pull_policy"] == "missing"
    assert one({"pull_policy": "never"})[0]["pull_policy"] == "never"


def test_replacement_environment_and_variant_lie_over_the_owners_model() -> None:
    target = Target(
        name="shop",
        folder=FOLDER,
        replace={
            "api": Replacement(
                build=Build(context="ci", args={"A": "$x"}),
                command="run --now",
                mounts={"/etc/app.ini": "ci/app.ini"},
                environment={"A": "replaced", "B": "replaced", "C": "replaced"},
            )
        },
        environment={"api": {"B": "declared", "C": "declared"}},
    )
    disk = FakeDisk(kinds={f"{FOLDER}/ci/app.ini": "file"})
    service, safe = one(
        {
            "image": "shop",
            "environment": {"A": "own", "D": "own"},
            "volumes": [bind(f"{FOLDER}/app.ini", "/etc/app.ini")],
        },
        target=target,
        variant=Variant(name="v", environment={"api": {"C": "pa$$word"}}),
        disk=disk,
    )
    assert service["environment"] == {"A": "replaced", "B": "declared", "C": "pa$$$$word", "D": "own"}
    assert service["build"]["context"] == f"{FOLDER}/ci"
    assert service["build"]["args"] == {"A": "$$x"}
    assert service["command"] == ["/bin/sh", "-c", "run --now"]
    assert [copy.source for copy in safe.copies] == [f"{FOLDER}/ci/app.ini"]


def test_variant_mounts_a_small_disk_over_whatever_was_there() -> None:
    service, _ = one(
        {"volumes": [{"type": "volume", "source": "data", "target": "/data/"}], "tmpfs": ["/data:size=1g", "/run"]},
        variant=Variant(name="full", tmpfs={"api": {"/data": 4096}}),
    )
    assert service["volumes"] == [{"type": "tmpfs", "target": "/data", "tmpfs": {"size": "4096"}}]
    assert service["tmpfs"] == ["/run"]


def test_limits_above_the_machine_are_lowered_and_devices_go() -> None:
    service, safe = one(
        {
            "cpus": 8,
            "cpuset": "0-7",
            "deploy": {
                "resources": {
                    "limits": {"cpus": "4", "memory": "64M"},
                    "reservations": {"cpus": "0.5", "devices": [{"capabilities": ["gpu"]}]},
                },
                "placement": {"constraints": ["x"]},
            },
        }
    )
    assert service["cpus"] == 2.0
    assert "cpuset" not in service
    assert service["deploy"] == {
        "resources": {"limits": {"cpus": "2", "memory": "64M"}, "reservations": {"cpus": "0.5"}}
    }
    assert "reserved devices left out" in whats(safe)
    assert safe.weakened == {}


def test_slow_health_checks_are_asked_often_while_starting() -> None:
    test = {"test": ["CMD", "true"]}
    check = one({"healthcheck": {**test, "interval": "1m"}})[0]["healthcheck"]
    assert (check["start_interval"], check["start_period"], check["interval"]) == ("1s", "30s", "1m")
    check = one({"healthcheck": {**test, "start_period": "5m"}})[0]["healthcheck"]
    assert (check["start_interval"], check["start_period"]) == ("1s", "5m")
    for kept in ({**test, "interval": "1s"}, {**test, "start_interval": "5s"}, {"disable": True}):
        assert one({"healthcheck": dict(kept)})[0]["healthcheck"] == kept
    assert one({"healthcheck": dict(test)}, has_start_interval=False)[0]["healthcheck"] == test


def test_start_interval_is_left_out_where_the_engine_rejects_it() -> None:
    check = {"test": ["CMD", "true"], "start_interval": "1s"}
    assert one({"healthcheck": dict(check)})[0]["healthcheck"] == check
    assert "start_interval" not in one({"healthcheck": dict(check)}, has_start_interval=False)[0]["healthcheck"]


def test_log_drivers_that_leave_the_machine_are_replaced() -> None:
    assert "logging" not in one({"logging": {"driver": "gelf", "options": {"gelf-address": "udp://x"}}})[0]
    assert one({"logging": {"driver": "json-file"}})[0]["logging"] == {"driver": "json-file"}


def test_empty_command_still_overrides_the_images() -> None:
    assert one({"command": [], "entrypoint": None})[0]["command"] == []


def test_data_folder_becomes_an_empty_volume_with_the_owners_mode() -> None:
    service, safe = one({"volumes": [bind(f"{FOLDER}/pgdata", "/var/lib/postgresql/data")]})
    assert service["volumes"] == [
        {"target": "/var/lib/postgresql/data", "type": "volume", "source": "mount-1", "volume": {"nocopy": True}}
    ]
    assert [(seed.source, seed.is_empty) for seed in safe.seeds] == [(f"{FOLDER}/pgdata", True)]
    assert "mount-1" in safe.model["volumes"]


@pytest.mark.parametrize(
    ("source", "target", "is_empty"),
    [
        ("src", "/app", False),
        ("db/init", "/docker-entrypoint-initdb.d", False),
        ("data", "/etc/shop", False),
        ("uploads", "/app/uploads", True),
        ("shop-data", "/srv/x", True),
        ("anything", "/var/lib/redis", True),
        ("x", "/app/logs", True),
    ],
)
def test_writable_folders_are_told_apart(source: str, target: str, is_empty: bool) -> None:
    _, safe = one({"volumes": [bind(f"{FOLDER}/{source}", target)]})
    assert [seed.is_empty for seed in safe.seeds] == [is_empty]


def test_read_only_folder_is_a_copy_in_the_runs_folder() -> None:
    service, safe = one({"volumes": [bind(f"{FOLDER}/conf", "/etc/nginx", read_only=True)]})
    assert service["volumes"] == [
        {
            "target": "/etc/nginx",
            "read_only": True,
            "type": "bind",
            "source": "/run-folder/copy/1-conf",
            "bind": {"create_host_path": False},
        }
    ]
    assert [(copy.source, copy.destination) for copy in safe.copies] == [(f"{FOLDER}/conf", "/run-folder/copy/1-conf")]


def test_folder_shared_by_services_stays_shared() -> None:
    safe = copied(
        {
            "api": {"volumes": [bind(f"{FOLDER}/uploads", "/up")]},
            "web": {"volumes": [bind(f"{FOLDER}/uploads", "/srv/up", read_only=True)]},
        }
    )
    mounts = [safe.model["services"][name]["volumes"][0] for name in ("api", "web")]
    assert mounts[0]["source"] == mounts[1]["source"] == "mount-1"
    assert mounts[1]["read_only"] is True
    assert len(safe.seeds) == 1


def test_missing_source_is_never_created_in_the_owners_tree() -> None:
    disk = FakeDisk(kinds={f"{FOLDER}/app.ini": "missing"})
    service, safe = one({"volumes": [bind(f"{FOLDER}/app.ini", "/etc/app.ini", read_only=True)]}, disk=disk)
    assert service["volumes"][0]["type"] == "volume"
    assert safe.seeds == ()
    assert safe.missing_mounts == {"api": (f"{FOLDER}/app.ini at /etc/app.ini",)}
    strict = {**bind(f"{FOLDER}/app.ini", "/etc/app.ini"), "bind": {"create_host_path": False}}
    service, _ = one({"volumes": [strict]}, disk=disk)
    assert service["volumes"][0]["source"] == "/run-folder/copy/absent-app.ini"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("/etc", "folder"), ("/etc/shadow", "file"), ("/proc", "folder"), ("/sys", "folder"), ("/", "folder"),
        ("/dev", "folder"), ("/var/run", "folder"), ("/run/dbus", "folder"), ("/home", "folder"), ("/home/owner", "folder"),
        ("/home/owner/.ssh/id_rsa", "file"), ("/srv/x.sock", "other"), (f"{FOLDER}/fifo", "other"),
    ],
)  # fmt: skip
def test_paths_of_the_machine_are_left_out(source: str, kind: str) -> None:
    service, safe = one({"volumes": [bind(source, "/x", read_only=True)]}, disk=FakeDisk(kinds={source: kind}))
    assert "volumes" not in service
    assert safe.copies == ()
    assert len(safe.weakened["api"]) == 1


def test_link_in_the_project_does_not_lead_out_of_it() -> None:
    disk = FakeDisk(links={f"{FOLDER}/conf": "/etc"})
    service, _ = one({"volumes": [bind(f"{FOLDER}/conf", "/x", read_only=True)]}, disk=disk)
    assert "volumes" not in service


def test_folders_of_the_home_and_elsewhere_are_empty_volumes_unless_only_read() -> None:
    service, safe = one(
        {
            "volumes": [
                bind("/home/owner/.cache/models", "/models"),
                bind("/srv/media", "/media"),
                bind("/srv/conf", "/etc/x", read_only=True),
            ]
        }
    )
    assert [mount["type"] for mount in service["volumes"]] == ["volume", "volume", "bind"]
    assert all(seed.is_empty for seed in safe.seeds)
    assert [copy.source for copy in safe.copies] == ["/srv/conf"]


def test_time_zone_files_may_be_copied() -> None:
    disk = FakeDisk(kinds={"/etc/localtime": "file"})
    _, safe = one({"volumes": [bind("/etc/localtime", "/etc/localtime", read_only=True)]}, disk=disk)
    assert [copy.source for copy in safe.copies] == ["/etc/localtime"]


def test_folder_too_big_to_copy_is_read_only_inside_the_project_and_empty_outside() -> None:
    disk = FakeDisk(big=frozenset({FOLDER, "/srv/models"}))
    service, safe = one(
        {"volumes": [bind(FOLDER, "/app"), bind("/srv/models", "/etc/models", read_only=True)]}, disk=disk
    )
    first, second = service["volumes"]
    assert (first["source"], first["read_only"]) == (FOLDER, True)
    assert second["type"] == "volume"
    assert [seed.is_empty for seed in safe.seeds] == [True]


def test_what_is_missed_of_a_folder_too_big_to_copy_is_no_fault_of_the_owners() -> None:
    disk = FakeDisk(big=frozenset({FOLDER, f"{FOLDER}/conf", "/srv/models"}))
    mounts = [
        bind(FOLDER, "/app"),
        bind(f"{FOLDER}/conf", "/etc/app", read_only=True),
        bind("/srv/models", "/etc/models", read_only=True),
    ]
    _, safe = one({"volumes": mounts}, disk=disk)
    (weakened,) = safe.weakened.values()
    assert [what.split(": ")[0] for what in weakened] == [". at /app", "/srv/models at /etc/models"]


@pytest.mark.parametrize(
    ("source", "target", "image", "is_missed"),
    [
        ("/srv/models", "/models", "shop", True),
        (f"{FOLDER}/data", "/app/data", "shop", True),
        (f"{FOLDER}/data", "/data", "shop", True),
        (f"{FOLDER}/empty", "/app/data", "shop", False),
        (f"{FOLDER}/pgdata", "/var/lib/postgresql/data", "shop-db", False),
        (f"{FOLDER}/data", "/data", "docker.io/library/redis:7-alpine", False),
        (f"{FOLDER}/data", "/data", "registry:5000/valkey/valkey@sha256:0", False),
        (f"{FOLDER}/data", "/data", "redis-exporter", True),
    ],
)
def test_what_is_missed_of_a_data_folder_is_no_fault_of_the_owners(
    source: str, target: str, image: str, is_missed: bool
) -> None:
    disk = FakeDisk(empty=frozenset({f"{FOLDER}/empty"}))
    _, safe = one({"image": image, "volumes": [bind(source, target)]}, disk=disk)
    assert [seed.is_empty for seed in safe.seeds] == [True]
    assert [what.split(" at ")[1].split(":")[0] for what in safe.weakened.get("api", ())] == [target] * is_missed


def test_image_that_is_substituted_still_tells_whose_data_it_was() -> None:
    target = Target(name="shop", folder=FOLDER, images={"redis:7": "debian:bookworm-slim"})
    _, safe = one({"image": "redis:7", "volumes": [bind(f"{FOLDER}/data", "/data")]}, target=target)
    assert safe.weakened == {}


def test_owner_is_told_how_to_give_a_copy_the_data_that_it_lacks() -> None:
    _, safe = one({"volumes": [bind(f"{FOLDER}/data", "/app/data"), bind("/srv/models", "/models")]})
    assert [change.supply for change in safe.refused] == [
        "replace:\n  api: {mounts: {/app/data: ./data}}",
        "replace:\n  api: {mounts: {/models: ./A_FOLDER_WITH_WHAT_IT_NEEDS}}",
    ]
    replaced = Target(
        name="shop",
        folder=FOLDER,
        replace={"api": Replacement(mounts={"/app/data": "data", "/models": "tests/models"})},
    )
    service, given = one(
        {"volumes": [bind(f"{FOLDER}/data", "/app/data"), bind("/srv/models", "/models")]}, target=replaced
    )
    assert [(seed.source, seed.is_empty) for seed in given.seeds] == [(f"{FOLDER}/data", False)]
    assert [copy.source for copy in given.copies] == [f"{FOLDER}/tests/models"]
    assert [mount["target"] for mount in service["volumes"]] == ["/app/data", "/models"]
    assert given.weakened == {}


def test_volume_of_others_that_is_empty_in_the_copy_is_held_against_nobody() -> None:
    _, safe = one(
        {
            "volumes": [
                {"type": "volume", "source": "models", "target": "/models"},
                {"type": "volume", "source": "pg", "target": "/var/lib/postgresql/data"},
                {"type": "volume", "source": "own", "target": "/own"},
            ]
        },
        volumes={"models": {"external": True}, "pg": {"external": True}, "own": {}},
    )
    assert [change.what for change in safe.refused] == ["volume models at /models: an empty one of this run instead"]


def test_database_file_that_had_content_is_missed() -> None:
    files = {f"{FOLDER}/full.db": "file", f"{FOLDER}/new.db": "file"}
    disk = FakeDisk(kinds=files, empty=frozenset({f"{FOLDER}/new.db"}))
    _, safe = one({"volumes": [bind(f"{FOLDER}/full.db", "/x.db"), bind(f"{FOLDER}/new.db", "/y.db")]}, disk=disk)
    assert safe.weakened == {"api": ("full.db at /x.db: an empty file instead",)}


def test_writable_database_file_is_an_empty_one() -> None:
    disk = FakeDisk(kinds={f"{FOLDER}/shop.sqlite3": "file", f"{FOLDER}/app.ini": "file"})
    mounts = [bind(f"{FOLDER}/shop.sqlite3", "/x"), bind(f"{FOLDER}/app.ini", "/y")]
    _, safe = one({"volumes": mounts}, disk=disk)
    assert {copy.source: copy.content for copy in safe.copies} == {
        f"{FOLDER}/shop.sqlite3": "",
        f"{FOLDER}/app.ini": None,
    }


def test_external_bound_and_driven_volumes_become_empty_local_ones() -> None:
    names = ("ext", "bound", "disguised", "remote", "mem")
    safe = copied(
        {"api": {"volumes": [{"type": "volume", "source": name, "target": f"/{name}"} for name in names]}},
        volumes={
            "ext": {"name": "kept", "external": True},
            "bound": {"driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": "/srv/data"}},
            "disguised": {"driver_opts": {"type": "tmpfs", "o": "size=1g,rbind", "device": "/srv/data"}},
            "remote": {"driver": "rclone"},
            "mem": {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=64m,uid=1000"}},
        },
    )
    volumes = safe.model["volumes"]
    assert [volumes[name] for name in names[:4]] == [{"labels": LABELS}] * 4
    assert volumes["mem"]["driver_opts"]["type"] == "tmpfs"


def test_secrets_and_configs_are_copied_and_made_up_where_missing() -> None:
    disk = FakeDisk(kinds={f"{FOLDER}/key": "file", f"{FOLDER}/gone": "missing"})
    _, safe = one(
        {"secrets": [{"source": "key", "target": "/run/secrets/key"}]},
        disk=disk,
        secrets={
            "key": {"name": "neutral_key", "file": f"{FOLDER}/key"},
            "gone": {"file": f"{FOLDER}/gone"},
            "none": {"file": "/dev/null"},
            "ext": {"external": True, "name": "ext"},
        },
        configs={"inline": {"name": "neutral_inline", "content": "costs $$5"}},
    )
    secrets = safe.model["secrets"]
    assert secrets["key"] == {"file": "/run-folder/copy/1-key"}
    assert secrets["none"] == {"file": "/dev/null"}
    assert {copy.source: copy.content is None for copy in safe.copies} == {
        f"{FOLDER}/key": True,
        f"{FOLDER}/gone": False,
        "/run-folder/copy/secrets-ext": False,
        "/run-folder/copy/configs-inline": False,
    }
    inline = next(copy for copy in safe.copies if copy.source.endswith("inline"))
    assert inline.content == "costs $5"
    assert safe.model["configs"] == {"inline": {"file": inline.destination}}


def test_provided_store_keeps_names_and_password_of_the_owners_address() -> None:
    target = Target(name="shop", folder=FOLDER, provide=(Provide(store="postgres", env="DATABASE_URL"),))
    present = "postgresql+asyncpg://shop:s%40cret@shared-db:5432/orders?ssl=false"
    safe = copied({"api": {"environment": {"DATABASE_URL": present}}}, target=target)
    store, api = safe.model["services"]["postgres"], safe.model["services"]["api"]
    assert store["environment"] == {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "s@cret", "POSTGRES_DB": "orders"}
    assert store["networks"] == {"default": {"aliases": ["shared-db"]}}
    assert api["environment"]["DATABASE_URL"] == present
    assert api["depends_on"] == {"postgres": {"condition": "service_healthy", "required": True}}
    assert safe.refused == ()


def test_provided_store_takes_the_place_of_one_on_another_machine() -> None:
    target = Target(name="shop", folder=FOLDER, service="api", provide=(Provide(store="redis", env="REDIS_URL"),))
    safe = copied(
        {"api": {"environment": {"REDIS_URL": "rediss://:pw@cache.example.com:6380/2"}}, "redis": {}}, target=target
    )
    assert safe.model["services"]["api"]["environment"]["REDIS_URL"] == "redis://:pw@readiness-redis:6379/2"
    assert "readiness-redis" in safe.model["services"]
    with pytest.raises(ConfigError, match="known are postgres, redis"):
        copied({"api": {}}, target=dataclasses.replace(target, provide=(Provide(store="oracle", env="X"),)))


@pytest.mark.parametrize(
    ("name", "value", "is_outside"),
    [
        ("DATABASE_URL", "postgresql://u:p@db.example.com:5432/x", True),
        ("DATABASE_URL", "postgresql+asyncpg://u:p@10.1.2.3/x", True),
        ("DATABASE_URL", "mysql://host.docker.internal/x", True),
        ("REDIS_URL", "redis://a.example.com:1,b.example.com:2", True),
        ("DB_HOST", "prod.cluster.example.com", True),
        ("PGHOST", "10.0.0.1", True),
        ("SMTP_HOST", "smtp.example.com", True),
        ("SMTP_SERVER", "smtp.example.com:587", True),
        ("DATABASE_URL", "postgresql://u:p@db:5432/x", False),
        ("DATABASE_URL", "postgresql://u:p@dbb:5432/x", False),
        ("DATABASE_URL", "sqlite:///data/x.db", False),
        ("DATABASE_URL", "postgresql://127.0.0.1/x", False),
        ("DB_HOST", "localhost", False),
        ("DB_HOST", "", False),
        ("API_HOST", "api.example.com", False),
        ("OPENAI_BASE_URL", "https://api.example.com/v1", False),
    ],
)
def test_stores_outside_the_stack_are_recognised(name: str, value: str, is_outside: bool) -> None:
    found = outside({name: value}, known={"db"})
    assert bool(found) is is_outside
    assert all(NOWHERE in one.value for one in found)


def test_store_outside_is_never_reached() -> None:
    service, safe = one({"environment": {"DATABASE_URL": "postgresql://u:p$$w@db.example.com/x"}})
    assert service["environment"]["DATABASE_URL"] == f"postgresql://u:p$$w@{NOWHERE}/x"
    assert "db.example.com" in safe.refused[0].what


def test_variables_without_a_value_are_not_taken_from_this_process() -> None:
    assert "environment" not in one({"environment": {"HOME_TOKEN": None}})[0]


def test_stopped_services_hold_nobody_up() -> None:
    safe = copied(
        {"api": {"depends_on": {"db": {"condition": "service_healthy"}}, "links": ["db"]}, "db": {}},
        variant=Variant(name="cold", stopped=("db",)),
    )
    assert "depends_on" not in safe.model["services"]["api"]
    assert "links" not in safe.model["services"]["api"]


def test_a_stand_in_listens_under_the_name_of_a_stopped_service() -> None:
    services = {
        "api": {"image": "shop:1", "depends_on": {"db": {"condition": "service_healthy"}}},
        "db": {"image": "postgres:16", "container_name": "old-db"},
    }
    variant = Variant(name="late", stopped=("db",), stand_ins={"db": StandIn(image_of="api", ports=(5432,))})
    safe = copied(services, variant=variant)
    added = safe.model["services"]["readiness-stand-in-db"]
    assert added["image"] == "shop:1"
    assert added["networks"]["default"]["aliases"] == ["old-db", "db"]
    assert added["sysctls"] == {"net.ipv4.ip_default_ttl": "1"}
    assert added["labels"] == LABELS
    assert "depends_on" not in safe.model["services"]["api"]
    assert any("listens in the place of db" in change.what for change in safe.changes)


def test_who_has_no_network_has_no_place_to_be_taken() -> None:
    services: dict[str, Any] = {"api": {"image": "shop:1"}, "db": {"image": "postgres:16", "network_mode": "none"}}
    variant = Variant(name="late", stopped=("db",), stand_ins={"db": StandIn(image_of="api", ports=(5432,))})
    assert set(copied(services, variant=variant).model["services"]) == {"api", "db"}


def test_a_variant_replaces_a_health_check_or_switches_it_off() -> None:
    services = {
        "api": {"healthcheck": {"test": ["CMD", "true"], "interval": "30s"}},
        "db": {"healthcheck": {"test": ["CMD", "true"]}},
        "cache": {},
    }
    variant = Variant(name="v", health_checks={"api": (), "db": ("false",), "cache": ("false",)})
    made = copied(services, variant=variant).model["services"]
    assert made["api"]["healthcheck"] == {"disable": True}
    assert made["db"]["healthcheck"]["test"] == ["CMD", "false"]
    assert made["db"]["healthcheck"] == made["cache"]["healthcheck"]


def test_a_variant_slows_a_service_down_wherever_its_limit_is_declared() -> None:
    limits = {"resources": {"limits": {"cpus": "1.0", "memory": "64M"}, "reservations": {"cpus": "0.5"}}}
    services: dict[str, Any] = {"db": {"deploy": limits}, "other": {"cpus": 2}, "plain": {}}
    made = copied(services, variant=Variant(name="v", cpus={"db": 0.4, "other": 0.4, "plain": 0.4})).model["services"]
    assert made["db"]["deploy"]["resources"] == {"limits": {"cpus": "0.4", "memory": "64M"}}
    assert "cpus" not in made["other"]
    assert made["other"]["deploy"] == made["plain"]["deploy"] == {"resources": {"limits": {"cpus": "0.4"}}}
