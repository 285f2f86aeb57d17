"""The safe copy: from the owner's compose model to one that cannot touch anything of theirs. Pure: dict in, dict out.

Keys are let through by name; what is not known to stay inside the copy is left out and said. Everything that differs
from the owner's model is a :class:`~readiness.facts.start.Change`.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from readiness.declared.metrics import metrics_of
from readiness.facts.start import Change
from readiness.runtime import StandIn, Variant
from readiness.runtime.compose_model import needs_of, seconds_of, unescape
from readiness.runtime.egress import (
    CLOSED_NETWORK,
    OPEN_NETWORK,
    closed_place,
    leads_out,
    open_network_name,
    open_services,
    summary,
)
from readiness.runtime.host_network import moved, published_ports, supply_for
from readiness.runtime.provide import NOWHERE, Store, outside, store_for
from readiness.runtime.reaper import LABEL_OWNER, LABEL_RUN
from readiness.runtime.safe_mounts import Decision, Disk, FileCopy, Mounts, Refusal, VolumeSeed, is_stores_own
from readiness.runtime.stand_in import definition, stand_in_name
from readiness.target import Request, Target

__all__ = ["EDGE_NETWORK", "Host", "SafeCopy", "make_safe", "needed_ports"]

#: For services that only have internal networks: no port of theirs could be reached from here. It leads nowhere.
EDGE_NETWORK = "readiness-edge"

#: A health check that asks less often than this would hold up the start of everything that waits for it.
SLOW_INTERVAL_SECONDS = 2.0
LONGEST_START_PERIOD_SECONDS = 30.0

#: These stay inside the container, whatever they say.
_KEPT = frozenset({
    "attach", "cap_drop", "command", "configs", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_shares",
    "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "expose", "group_add", "hostname", "init", "mem_limit",
    "mem_reservation", "mem_swappiness", "memswap_limit", "pids_limit", "platform", "post_start", "pre_stop",
    "read_only", "restart", "scale", "secrets", "shm_size", "stdin_open", "stop_grace_period", "stop_signal",
    "storage_opt", "sysctls", "tmpfs", "tty", "ulimits", "user", "working_dir",
})  # fmt: skip
#: Treated one by one below.
_TREATED = frozenset({
    "build", "cap_add", "cpus", "cpuset", "depends_on", "deploy", "environment", "extra_hosts", "healthcheck", "image",
    "ipc", "links", "logging", "network_mode", "networks", "ports", "security_opt", "volumes", "volumes_from",
})  # fmt: skip
#: Said nowhere: they have done their work when ``config`` has read them, or do nothing in a run.
_SPENT = frozenset({"annotations", "develop", "env_file", "label_file", "name", "profiles"})
#: Left out, and the service lacks a power that the owner gave it.
_POWERS = {
    "cgroup": "it shares control groups with the machine",
    "cgroup_parent": "it would leave the copy's control group",
    "device_cgroup_rules": "devices of this machine are not shared with a copy",
    "devices": "devices of this machine are not shared with a copy",
    "gpus": "GPUs are not needed to judge the service and may be busy",
    "oom_score_adj": "it decides which of the machine's programs die first",
    "pid": "it would see the machine's processes",
    "privileged": "it would own this machine",
    "runtime": "another runtime reaches devices of this machine",
    "userns_mode": "it would leave its user namespace",
    "uts": "it would rename this machine",
}
#: Left out, and the service should not miss them.
_DROPPED = {
    "container_name": "two containers cannot have one name; it stays as a network alias",
    "external_links": "they lead to containers outside the copy",
    "isolation": "it has no meaning here",
    "labels": "proxies and updaters of this machine act on labels",
    "mac_address": "it would exist twice",
    "pull_policy": "the owner's image tags must not move",
}
_DANGEROUS_CAPABILITIES = frozenset({
    "ALL", "AUDIT_CONTROL", "BPF", "DAC_READ_SEARCH", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "PERFMON",
    "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PACCT", "SYS_RAWIO", "SYS_TIME", "WAKE_ALARM",
})  # fmt: skip
_LOOSE_SECURITY = re.compile(r"unconfined|label[:=]disable|systempaths", re.IGNORECASE)
#: Writers of logs that keep them on this machine and readable.
_LOCAL_LOGGING = frozenset({"json-file", "local", "journald"})
#: Reverse proxies that watch the engine send real traffic to whoever sets these.
_PROXY_VARIABLES = re.compile(r"^(VIRTUAL_(HOST|PORT|PATH|PROTO|DEST)|LETSENCRYPT_(HOST|EMAIL))")
#: mount(2) forgets the file system's type where it binds: such a volume is the folder in ``device``.
_BINDS = re.compile(r"(^|,)\s*(r?bind|move|remount)\b")
_DEPLOY_KEPT = ("mode", "replicas", "restart_policy", "resources")
_BUILD_DROPPED = {
    "cache_to": "it would write to a cache outside the run",
    "entitlements": "they reach beyond the build",
    "network": "a build does not share this machine's network",
    "privileged": "it would own this machine",
    "tags": "the owner's image tags must not move",
}


@dataclass(frozen=True, kw_only=True)
class Host:
    """What of this machine decides.

    Attributes:
        home: home folder of the user who runs the audit.
        take_port: gives a free port on 127.0.0.1, another one each time.
        proxy_variables: variables that the engine's client gives to every container, to send its requests to a proxy.
    """

    cpus: int
    has_start_interval: bool
    home: str
    take_port: Callable[[], int]
    proxy_variables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SafeCopy:
    """The safe model and what has to be prepared for it.

    Attributes:
        model: to be written as JSON and given to compose; every ``$`` doubled.
        changes: all that differs from the owner's model.
        refused: services that are not run at all, and powers that were taken away.
        copies: files and folders to copy into the run's folder before the start.
        seeds: volumes to fill before the start.
        ports: service -> container port -> port on 127.0.0.1, pinned; a service with replicas is not in it.
        built: service -> image tag of the run's own, for services that are built.
        network_of: service -> the service whose network it lives in.
        missing_mounts: service -> sources that do not exist.
        weakened: service -> what was taken away from it.
        left_out: services of the owner's that are not in the copy.
        closed: services that may not reach beyond this machine, and can in the owner's stack.
        names: every name by which a service can be reached from another.
    """

    model: dict[str, Any]
    changes: tuple[Change, ...] = ()
    refused: tuple[Change, ...] = ()
    copies: tuple[FileCopy, ...] = ()
    seeds: tuple[VolumeSeed, ...] = ()
    ports: dict[str, dict[int, int]] = field(default_factory=dict)
    built: dict[str, str] = field(default_factory=dict)
    network_of: dict[str, str] = field(default_factory=dict)
    missing_mounts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    weakened: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    closed: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def make_safe(
    model: Mapping[str, Any],
    *,
    target: Target,
    variant: Variant,
    run_id: str,
    owner: str,
    project: str,
    image_prefix: str,
    place: str,
    disk: Disk,
    host: Host,
) -> SafeCopy:
    """Make the owner's model safe to run.

    Args:
        model: as ``docker compose config --format json`` prints it.
        target: substitutions, replacements, stores, variables and the ports that have to be reachable.
        variant: the overlay of this stack.
        run_id: value of a label on everything; generated passwords derive from it.
        owner: value of the other label.
        project: the copy's own project name.
        image_prefix: of the tags of images that are built.
        place: absolute path of a folder of the run's own for copies.
        disk: what deciding needs to know of the owner's files.
        host: what it needs to know of this machine.

    Raises:
        ConfigError: ``provide`` names a store that is not known.
    """
    maker = _Maker(
        model=copy.deepcopy(dict(model)),
        target=target,
        variant=variant,
        labels={LABEL_RUN: run_id, LABEL_OWNER: owner},
        place=place,
        disk=disk,
        host=host,
    )
    return maker.make(project=project, image_prefix=image_prefix, run_id=run_id)


def needed_ports(target: Target) -> dict[str, set[int]]:
    """Service -> container ports that the audit asks, published by the owner or not."""
    ports: dict[str, set[int]] = {}

    def need(service: str | None, port: int | None) -> None:
        if service and port:
            ports.setdefault(service, set()).add(port)

    for entry in target.entries:
        need(entry.service, entry.port)
    for probe in target.probes.values():
        need(probe.service, probe.port)
    requests: list[Request | None] = [*target.setup, *vars(target.paths).values()]
    if target.login is not None:
        requests += [target.login.request, target.login.register]
    for request in requests:
        if request is not None:
            need(request.service, request.port)
    metrics = metrics_of(target)
    need(metrics.service or target.service, metrics.port)
    return ports


class _Maker:
    """Goes over the model once; every method treats one matter and notes what it changed."""

    def __init__(
        self,
        *,
        model: dict[str, Any],
        target: Target,
        variant: Variant,
        labels: dict[str, str],
        place: str,
        disk: Disk,
        host: Host,
    ) -> None:
        self._model, self._target, self._variant, self._labels = model, target, variant, labels
        self._disk, self._host, self._place = disk, host, place
        self._services: dict[str, dict[str, Any]] = model.get("services") or {}
        self._changes: list[Change] = []
        self._refused: list[Change] = []
        self._copies: dict[str, FileCopy] = {}
        self._seeds: list[VolumeSeed] = []
        self._volumes: dict[str, dict[str, Any]] = {}
        self._missing: dict[str, list[str]] = {}
        self._weakened: dict[str, list[str]] = {}
        self._ports: dict[str, dict[int, int]] = {}
        self._open: frozenset[str] = frozenset()
        self._published: dict[int, tuple[str, int]] = {}
        self._owners_images = {name: str(service.get("image") or "") for name, service in self._services.items()}
        writable = frozenset(
            disk.real(str(mount.get("source") or ""))
            for service in self._services.values()
            for mount in service.get("volumes") or []
            if mount.get("type") == "bind" and not mount.get("read_only")
        )
        declared = frozenset(
            disk.real(os.path.normpath(self._path(source)))
            for replacement in target.replace.values()
            for source in replacement.mounts.values()
        )
        self._mounts = Mounts(
            folder=target.folder, home=host.home, place=place, disk=disk, writable=writable, declared=declared
        )

    def make(self, *, project: str, image_prefix: str, run_id: str) -> SafeCopy:
        owned = set(self._services)
        self._replace()
        self._scale()
        self._provide(run_id)
        self._open = open_services(self._services, self._target.egress)
        self._published = published_ports(self._services)
        built = self._images(image_prefix)
        networks_left = self._external_networks()
        for name in list(self._services):
            self._treat(name)
        self._refuse_dependents()
        for name in self._services:
            self._depends(name)
        for name, stand_in in self._variant.stand_ins.items():
            self._stand_in(name, stand_in)
        network_of = self._publish()
        closed = self._let_out(network_of)
        services = self._services
        used = {network for service in services.values() for network in service.get("networks") or {}}
        volumes = {
            str(mount["source"])
            for service in services.values()
            for mount in service.get("volumes") or []
            if mount.get("type") == "volume" and mount.get("source")
        }
        model = {
            "name": project,
            "services": services,
            "networks": {name: self._network(name, networks_left, project) for name in sorted(used)},
            "volumes": {name: self._volume(name) for name in sorted(volumes)},
            **self._files("secrets"),
            **self._files("configs"),
        }
        return SafeCopy(
            model={key: value for key, value in model.items() if value},
            changes=tuple(dict.fromkeys(self._changes)),
            refused=tuple(self._refused),
            copies=tuple(self._copies.values()),
            seeds=tuple(seed for seed in self._seeds if seed.service in services),
            ports=self._ports,
            built={name: tag for name, tag in built.items() if name in services},
            network_of=network_of,
            missing_mounts={name: tuple(sources) for name, sources in self._missing.items()},
            weakened={name: tuple(what) for name, what in self._weakened.items()},
            left_out=tuple(sorted(owned - set(services))),
            closed=closed,
            names=frozenset(self._names()),
        )

    def _scale(self) -> None:
        """As many containers of a service as the variant wants."""
        for name, count in self._variant.replicas.items():
            if (service := self._services.get(name)) is None:
                continue
            service["scale"] = count
            # Compose refuses two figures that differ.
            if "replicas" in (service.get("deploy") or {}):
                service["deploy"]["replicas"] = count
            self._change(name, f"{count} replicas", f"variant {self._variant.name}")

    def _change(self, service: str, what: str, why: str) -> None:
        self._changes.append(Change(service=service, what=what, why=why))

    def _weaken(self, service: str, what: str, why: str, *, supply: str = "") -> None:
        """Something was taken away: where the service then fails, that is why, and no fault of the owner's."""
        change = Change(service=service, what=what, why=why, supply=supply)
        self._changes.append(change)
        self._refused.append(change)
        self._weakened.setdefault(service, []).append(what)

    # What the owner declared beside the compose files.

    def _replace(self) -> None:
        for name, replacement in self._target.replace.items():
            if (service := self._services.get(name)) is None:
                continue
            if replacement.image or replacement.build:
                service.pop("build", None)
                service.pop("image", None)
            if replacement.image:
                service["image"] = _escape(replacement.image)
            if replacement.build:
                service["build"] = {
                    "context": self._path(replacement.build.context),
                    "dockerfile": replacement.build.dockerfile,
                    "args": {key: _escape(value) for key, value in replacement.build.args.items()},
                }
            if replacement.command is not None:
                command = replacement.command
                words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
                service["command"] = [_escape(word) for word in words]
            for where, source in replacement.mounts.items():
                others = [m for m in service.get("volumes") or [] if m.get("target") != where]
                mount = {"type": "bind", "source": self._path(source), "target": where, "read_only": True}
                service["volumes"] = [*others, mount]
            self._set_environment(name, replacement.environment)
            self._change(name, "replaced as readiness.yaml says", "replace")
        for name, declared in self._target.environment.items():
            self._overlay(name, declared, "environment in readiness.yaml")
        for name, overlay in self._variant.environment.items():
            self._overlay(name, overlay, f"variant {self._variant.name}")

    def _overlay(self, name: str, environment: Mapping[str, str], why: str) -> None:
        if name in self._services and environment:
            self._set_environment(name, environment)
            self._change(name, f"variables set: {', '.join(sorted(environment))}", why)

    def _set_environment(self, name: str, environment: Mapping[str, str]) -> None:
        present = self._services[name].get("environment") or {}
        self._services[name]["environment"] = {**present, **{k: _escape(v) for k, v in environment.items()}}

    def _path(self, path: str) -> str:
        return path if path.startswith("/") else f"{self._target.folder.rstrip('/')}/{path}"

    def _provide(self, run_id: str) -> None:
        """Add the stores that the owner expects from outside."""
        for provide in self._target.provide:
            users = [n for n, s in self._services.items() if provide.env in (s.get("environment") or {})]
            if not users and self._target.service in self._services:
                users = [str(self._target.service)]
            values = [unescape(str((self._services[u].get("environment") or {}).get(provide.env) or "")) for u in users]
            present = next((value for value in values if value), "")
            store = store_for(provide, present=present, taken=self._services, run_id=run_id)
            self._services[store.service] = store.definition
            for user in users:
                self._set_environment(user, {provide.env: store.url})
                self._join(store, user)
                depends = self._services[user].setdefault("depends_on", None) or {}
                condition = {"condition": "service_healthy", "required": True}
                self._services[user]["depends_on"] = {**depends, store.service: condition}
                self._change(user, f"{provide.env} points to {store.service}, a store of this run", "provide")
            self._change(store.service, f"added: {store.definition['image']}", "provide: expected from outside")

    def _join(self, store: Store, user: str) -> None:
        """Put the store on the user's networks, under the name that the owner's stack knows it by."""
        networks = store.definition.setdefault("networks", {})
        options = {"aliases": [store.alias]} if store.alias else None
        for network in self._services[user].get("networks") or {"default": None}:
            networks.setdefault(network, options)

    # Images.

    def _images(self, prefix: str) -> dict[str, str]:
        """Run-owned tags for what is built, substitutions for what is not."""
        built: dict[str, str] = {}
        tags: dict[str, str] = {}
        for name, service in self._services.items():
            if service.get("build") is not None:
                built[name] = f"{prefix}-{_slug(name)}:run"
                if service.get("image"):
                    tags.setdefault(str(service["image"]), built[name])
        substitutes = {_normal(image): other for image, other in self._target.images.items()}
        for name, service in self._services.items():
            image = str(service.get("image") or "")
            if name in built:
                service["image"] = built[name]
                service["pull_policy"] = "never"  # it is built before the start, once
                service["build"] = self._build(name, service["build"])
                if image:
                    self._change(name, f"built as an image of this run, not as {image}", "the owner's tag is not moved")
            elif image in tags:
                service["image"], service["pull_policy"] = tags[image], "never"
                self._change(name, f"uses the image of this run in place of {image}", "another service builds it")
            else:
                if substitute := substitutes.get(_normal(image)):
                    service["image"] = substitute
                    self._change(name, f"{substitute} in place of {image}", "images in readiness.yaml")
                policy = service.get("pull_policy") or "missing"
                if policy not in {"missing", "if_not_present", "never"}:
                    self._change(name, "an image that is there is not pulled again", _DROPPED["pull_policy"])
                service["pull_policy"] = "never" if policy == "never" else "missing"
        return built

    def _build(self, name: str, build: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in build.items() if key not in _BUILD_DROPPED and key != "platforms"}
        for key, why in _BUILD_DROPPED.items():
            if build.get(key) and not (key == "network" and build[key] in {"default", "none"}):
                self._change(name, f"build.{key} left out", why)
        if build.get("network") == "none":
            kept["network"] = "none"
        kept["labels"] = {**(build.get("labels") or {}), **self._labels}
        return kept

    # One service.

    def _treat(self, name: str) -> None:
        service = self._services[name]
        if reason := self._refusal(service):
            self._refuse(name, reason)
            return
        safe = {key: value for key, value in service.items() if key in _KEPT and value is not None}
        self._drop(name, service)
        safe["environment"] = self._environment(name, service)
        safe["image"], safe["pull_policy"] = service["image"], service["pull_policy"]
        if service.get("build") is not None:
            safe["build"] = service["build"]
        safe |= self._confinement(name, service)
        safe |= self._limits(name, service)
        place = self._network_place(name, service)
        safe |= place
        if name not in self._open:
            safe |= self._stay(name, service, place)
        if check := self._health_check(name, service.get("healthcheck")):
            safe["healthcheck"] = check
        mounts = self._volumes_of(name, service)
        if mounts is None:
            return
        safe["volumes"] = mounts
        for key in ("depends_on", "links", "volumes_from", "ports"):
            if service.get(key):
                safe[key] = service[key]
        safe["labels"] = dict(self._labels)
        overlay = {path.rstrip("/") for path in self._variant.tmpfs.get(name, {})}
        in_memory = [service["tmpfs"]] if isinstance(service.get("tmpfs"), str) else list(service.get("tmpfs") or [])
        safe["tmpfs"] = [place for place in in_memory if str(place).split(":")[0].rstrip("/") not in overlay]
        for hook in ("post_start", "pre_stop"):
            safe[hook] = [{k: v for k, v in step.items() if k != "privileged"} for step in service.get(hook) or []]
        # An empty command is not the same as none: it overrides the image's.
        self._services[name] = {
            key: value
            for key, value in safe.items()
            if value not in (None, [], {}) or (key in {"command", "entrypoint"} and value == [])
        }

    def _refusal(self, service: Mapping[str, Any]) -> str | None:
        if not service.get("image"):
            return "it has neither an image nor a build" if not service.get("provider") else "a program outside runs it"
        if service.get("use_api_socket"):
            return "it asks for the container engine's socket: whoever has it owns this machine"
        for key in ("network_mode", "ipc", "pid"):
            if str(service.get(key) or "").startswith("container:"):
                return f"{key}: {service[key]} is a container outside the copy"
        if any(str(source).startswith("container:") for source in service.get("volumes_from") or []):
            return "it takes volumes from a container outside the copy"
        return None

    def _refuse(self, name: str, reason: str) -> None:
        self._refused.append(Change(service=name, what="not run", why=reason))
        self._change(name, "not run", reason)
        del self._services[name]

    def _drop(self, name: str, service: Mapping[str, Any]) -> None:
        for key, value in service.items():
            if key in _KEPT | _TREATED | _SPENT or key.startswith("x-") or value in (None, [], {}, "", False):
                continue
            if key in _DROPPED:
                if key != "pull_policy":
                    self._change(name, f"{key} left out", _DROPPED[key])
            elif key in _POWERS:
                if not str(value).startswith("service:"):
                    self._weaken(name, f"{key}: {_short(value)} left out", _POWERS[key])
            else:
                self._weaken(name, f"{key} left out", "it is not known to stay inside the copy")

    def _environment(self, name: str, service: Mapping[str, Any]) -> dict[str, str]:
        # A variable without a value would be taken from this process, which has nothing to say to the owner's stack.
        environment = {k: str(v) for k, v in (service.get("environment") or {}).items() if v is not None}
        for variable in [v for v in environment if _PROXY_VARIABLES.match(v)]:
            del environment[variable]
            self._change(name, f"variable {variable} left out", "a proxy on this machine would send it real traffic")
        if name not in self._open:
            for variable in [v for v, value in environment.items() if leads_out(v, value, inside=self._names())]:
                environment[variable] = ""
                self._change(name, f"variable {variable} emptied", "a proxy would carry its requests out")
            environment |= {variable: "" for variable in self._host.proxy_variables if variable not in environment}
        plain = {variable: unescape(value) for variable, value in environment.items()}
        if service.get("network_mode") == "host":
            for one in moved(plain, self._published):
                plain[one.variable] = one.value
                environment[one.variable] = _escape(one.value)
                self._change(name, f"{one.variable} points to {one.where}", "localhost is not this machine in a copy")
        for found in outside(plain, known=self._names()):
            environment[found.variable] = _escape(found.value)
            self._weaken(
                name,
                f"{found.variable} points to {found.host}: {NOWHERE} instead",
                "a copy must not write into a store that is not its own; provide: in readiness.yaml supplies one",
            )
        return environment

    def _names(self) -> set[str]:
        """Every name by which a service of the model can be reached from another."""
        names = set(self._services)
        for service in self._services.values():
            names |= {str(service[key]) for key in ("container_name", "hostname") if service.get(key)}
            names |= {str(link).rpartition(":")[2] for link in service.get("links") or []}
            for network in (service.get("networks") or {}).values():
                names |= {str(alias) for alias in (network or {}).get("aliases") or []}
        return names

    def _confinement(self, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
        safe: dict[str, Any] = {}
        added = [str(capability) for capability in service.get("cap_add") or []]
        loose = [c for c in added if c.upper().removeprefix("CAP_") in _DANGEROUS_CAPABILITIES]
        if loose:
            self._weaken(name, f"cap_add: {', '.join(loose)} left out", "it reaches beyond the container")
        safe["cap_add"] = [c for c in added if c not in loose]
        options = [str(option) for option in service.get("security_opt") or []]
        if unsafe := [option for option in options if _LOOSE_SECURITY.search(option)]:
            self._weaken(name, f"security_opt: {', '.join(unsafe)} left out", "it reaches beyond the container")
        safe["security_opt"] = [option for option in options if option not in unsafe]
        ipc = str(service.get("ipc") or "")
        if ipc == "host":
            self._weaken(name, "ipc: host left out", "it would share memory with this machine's programs")
        elif ipc:
            safe["ipc"] = ipc
        if str(service.get("pid") or "").startswith("service:"):
            safe["pid"] = service["pid"]
        driver = (service.get("logging") or {}).get("driver")
        if driver and driver not in _LOCAL_LOGGING:
            self._change(name, f"logging: {driver} left out", "logs stay on this machine, where they can be read")
        elif service.get("logging"):
            safe["logging"] = service["logging"]
        safe["extra_hosts"] = service.get("extra_hosts")
        return safe

    def _limits(self, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
        """Resources: what this machine does not have would keep the container from starting."""
        safe: dict[str, Any] = {}
        deploy = {key: value for key, value in (service.get("deploy") or {}).items() if key in _DEPLOY_KEPT}
        resources = {kind: dict(value or {}) for kind, value in (deploy.get("resources") or {}).items()}
        for kind in ("limits", "reservations"):
            part = resources.get(kind, {})
            if part.pop("devices", None) or part.pop("generic_resources", None):
                self._change(name, "reserved devices left out", _POWERS["gpus"])
            cpus = part.get("cpus")
            if cpus is not None and float(cpus) > self._host.cpus:
                part["cpus"] = str(self._host.cpus)
                self._change(name, f"{kind}.cpus: {cpus} lowered to {self._host.cpus}", "this machine has no more")
        if resources:
            deploy["resources"] = {kind: part for kind, part in resources.items() if part}
        safe["deploy"] = {key: value for key, value in deploy.items() if value not in (None, {}, "")}
        cpus = service.get("cpus")
        if cpus is not None:
            safe["cpus"] = min(float(cpus), float(self._host.cpus))
            if float(cpus) > self._host.cpus:
                self._change(name, f"cpus: {cpus} lowered to {self._host.cpus}", "this machine has no more")
        if name in self._variant.cpus:
            share = self._variant.cpus[name]
            safe.pop("cpus", None)
            limits = {**((safe["deploy"].get("resources") or {}).get("limits") or {}), "cpus": str(share)}
            resources = {**(safe["deploy"].get("resources") or {}), "limits": limits}
            resources["reservations"] = {
                key: value for key, value in (resources.get("reservations") or {}).items() if key != "cpus"
            }
            safe["deploy"]["resources"] = {kind: part for kind, part in resources.items() if part}
            self._change(name, f"slowed down to {share:g} processors", f"variant {self._variant.name}")
        if cpuset := str(service.get("cpuset") or ""):
            if all(int(number) < self._host.cpus for number in re.findall(r"\d+", cpuset)):
                safe["cpuset"] = cpuset
            else:
                self._change(name, f"cpuset: {cpuset} left out", "this machine does not have these processors")
        return safe

    def _health_check(self, name: str, check: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if name in self._variant.health_checks:
            test = self._variant.health_checks[name]
            self._change(
                name, f"health check {'replaced' if test else 'switched off'}", f"variant {self._variant.name}"
            )
            # Asked often and believed soon: what it says is known beforehand.
            often = {"interval": "500ms", "timeout": "5s", "retries": 2, "start_period": "0s"}
            return {"test": ["CMD", *test], **often} if test else {"disable": True}
        if not check:
            return None
        safe = {key: value for key, value in check.items() if value is not None}
        if "start_interval" in safe and not self._host.has_start_interval:
            del safe["start_interval"]
            self._change(name, "healthcheck.start_interval left out", "this engine is older than version 25")
        interval = seconds_of(check.get("interval"), 30.0)
        is_slow = interval > SLOW_INTERVAL_SECONDS and bool(check.get("test")) and not check.get("disable")
        if is_slow and "start_interval" not in safe and self._host.has_start_interval:
            # Only within a start period is the start interval used; failures in it do not count, so it is kept short.
            safe["start_interval"] = "1s"
            safe.setdefault("start_period", f"{min(interval, LONGEST_START_PERIOD_SECONDS):g}s")
            self._change(
                name, "health asked every second while it starts", f"the first answer would take {interval:g} s"
            )
        return safe

    # Networks and ports.

    def _external_networks(self) -> set[str]:
        """The names of networks that are not the project's own."""
        networks = self._model.get("networks") or {}
        return {name for name, network in networks.items() if (network or {}).get("external")}

    def _network_place(self, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
        mode = str(service.get("network_mode") or "")
        if mode == "none" or mode.startswith("service:"):
            return {"network_mode": mode}
        networks = service.get("networks") or {"default": None}
        if mode:
            networks = {"default": None}
            what = f"network_mode: {mode} replaced by a network of this run"
            if mode == "host":
                publishing = {other for other, _ in self._published.values()} & self._services.keys()
                networks |= {
                    n: None for other in sorted(publishing) for n in self._services[other].get("networks") or {}
                }
                why = "it would listen on this machine's own addresses"
                self._weaken(name, what, why, supply=supply_for(name))
            else:
                self._change(name, what, "other people's containers are on it")
        safe: dict[str, Any] = {}
        alias = str(service.get("container_name") or "")
        for network, raw in networks.items():
            options = {key: value for key, value in (raw or {}).items() if key in {"aliases", "priority"}}
            if any((raw or {}).get(key) for key in ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")):
                self._change(name, f"fixed address on {network} left out", "the owner's own stack may hold it")
            if alias:
                options["aliases"] = list(dict.fromkeys([*(options.get("aliases") or []), alias]))
            safe[network] = options or None
        return {"networks": safe}

    def _stay(self, name: str, service: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
        """What keeps a service on this machine."""
        safe = closed_place(place, service.get("sysctls"))
        if safe and service.get("dns"):
            self._change(name, "dns left out", "names outside the stack are not asked for")
        return safe

    def _let_out(self, network_of: Mapping[str, str]) -> frozenset[str]:
        """Join those that may reach out to a network that leads there; the names of the others that would reach out."""
        if self._target.has_open_egress:
            return frozenset()
        declared = self._model.get("networks") or {}
        # One that has internal networks only, or none, does not reach out in the owner's stack either.
        outward = {
            name
            for name, service in self._services.items()
            if any(
                n != EDGE_NETWORK and not (declared.get(n) or {}).get("internal") for n in service.get("networks") or {}
            )
        }
        is_open = self._open & self._services.keys()
        for name in is_open & outward:
            self._services[name]["networks"] = {**self._services[name]["networks"], OPEN_NETWORK: None}
        what, why = summary(is_open)
        self._change("", what, why)
        return frozenset(name for name in self._services.keys() - is_open if network_of.get(name, name) in outward)

    def _network(self, name: str, external: set[str], project: str) -> dict[str, Any]:
        declared = (self._model.get("networks") or {}).get(name) or {}
        if name == OPEN_NETWORK:
            return {"driver": "bridge", "name": open_network_name(project), "labels": dict(self._labels)}
        if name == EDGE_NETWORK:
            return {"driver": "bridge", **copy.deepcopy(dict(CLOSED_NETWORK)), "labels": dict(self._labels)}
        if name in external:
            self._change("", f"network {name}: an empty one of this run instead", "it belongs to others")
        elif declared.get("driver") not in (None, "", "bridge", "default"):
            self._change(
                "", f"network {name}: bridge instead of {declared['driver']}", "it reaches beyond this machine"
            )
        elif declared.get("ipam") or declared.get("driver_opts"):
            self._change("", f"network {name}: addresses and options left out", "the owner's own stack may hold them")
        safe: dict[str, Any] = {"driver": "bridge", "labels": dict(self._labels)}
        if not self._target.has_open_egress:
            safe |= copy.deepcopy(dict(CLOSED_NETWORK))
        if declared.get("internal"):
            safe["internal"] = True
        return safe

    def _publish(self) -> dict[str, str]:
        """Move every published port to a free one on 127.0.0.1, and publish what the audit has to reach."""
        network_of: dict[str, str] = {}
        for name, service in self._services.items():
            kind, _, other = str(service.get("network_mode") or "").partition(":")
            if kind == "service":
                network_of[name] = other
        wanted: dict[str, set[tuple[int, str]]] = {}
        for name in self._services:
            wanted.setdefault(network_of.get(name, name), set()).update(self._wanted_ports(name))
        declared = self._model.get("networks") or {}
        for name, places in wanted.items():
            service = self._services.get(name) or {}
            if not places or not service or service.get("network_mode") == "none":
                continue
            self._pin(name, service, sorted(places))
            networks = service.get("networks") or {}
            if networks and all((declared.get(network) or {}).get("internal") for network in networks):
                service["networks"] = {**networks, EDGE_NETWORK: None}
                # It leads nowhere, also where others may reach out: the internal networks stay what they are.
                service.update(closed_place(service, service.get("sysctls")))
                self._change(name, "joined to one more network of this run", "an internal one publishes no port")
        return network_of

    def _wanted_ports(self, name: str) -> set[tuple[int, str]]:
        """The service's ports as number and protocol: what the owner publishes, and what the audit asks."""
        places = set()
        for port in self._services[name].pop("ports", None) or []:
            places.add((int(port["target"]), str(port.get("protocol") or "tcp")))
            if port.get("published"):
                what = f"port {port['published']} moved to a free one on 127.0.0.1"
                self._change(name, what, "the owner's is left alone")
        for number in sorted(needed_ports(self._target).get(name, ())):
            if (number, "tcp") not in places:
                places.add((number, "tcp"))
                self._change(name, f"port {number} published on 127.0.0.1", "the audit asks it")
        return places

    def _pin(self, name: str, service: dict[str, Any], places: list[tuple[int, str]]) -> None:
        replicas = service.get("scale") or (service.get("deploy") or {}).get("replicas")
        is_one = int(replicas if replicas is not None else 1) <= 1
        ports = []
        for number, protocol in places:
            port: dict[str, Any] = {"mode": "ingress", "host_ip": "127.0.0.1", "target": number, "protocol": protocol}
            # One that the engine chooses changes with every restart; replicas cannot share one that we choose.
            if is_one:
                chosen = self._host.take_port()
                port["published"] = str(chosen)
                if protocol == "tcp":
                    self._ports.setdefault(name, {})[number] = chosen
            ports.append(port)
        service["ports"] = ports

    # Files and volumes.

    def _volumes_of(self, name: str, service: Mapping[str, Any]) -> list[dict[str, Any]] | None:
        """The mounts of the copy; None where one of them makes the service impossible, which is then refused."""
        overlay = self._variant.tmpfs.get(name, {})
        covered = {path.rstrip("/") for path in overlay}
        mounts: list[dict[str, Any]] = []
        for mount in service.get("volumes") or []:
            kind = mount.get("type")
            if str(mount.get("target", "")).rstrip("/") in covered:
                continue
            if kind == "bind":
                decision = self._mounts.decide(name, mount, image=self._owners_images.get(name, ""))
                if isinstance(decision, Refusal):
                    self._refuse(name, decision.reason)
                    return None
                self._note(name, mount, decision)
                mounts += [decision.mount] if decision.mount else []
            elif kind in {"volume", "tmpfs"}:
                mounts.append({key: value for key, value in mount.items() if key != "consistency"})
                self._note_volume(name, mount)
            else:
                self._weaken(name, f"mount of type {kind} left out", "it is not known to stay inside the copy")
        for path, size in overlay.items():
            mounts.append({"type": "tmpfs", "target": path, "tmpfs": {"size": str(size)}})
            self._change(name, f"a disk of {size} bytes in memory at {path}", f"variant {self._variant.name}")
        return mounts

    def _note(self, name: str, mount: Mapping[str, Any], decision: Decision) -> None:
        """Remember what a decision needs and says."""
        if decision.takes_away:
            self._weaken(name, decision.what, decision.why, supply=decision.supply)
        else:
            self._change(name, decision.what, decision.why)
        if decision.is_missing:
            self._missing.setdefault(name, []).append(f"{mount.get('source')} at {mount['target']}")
        if decision.copy:
            self._copies[decision.copy.destination] = decision.copy
        if decision.seed:
            self._seeds.append(decision.seed)

    def _note_volume(self, name: str, mount: Mapping[str, Any]) -> None:
        """Where a volume is filled elsewhere, the service lacks what is in it, unless it makes that by itself."""
        volume, target = str(mount.get("source") or ""), str(mount.get("target"))
        is_own = is_stores_own(target, self._owners_images.get(name, ""))
        if self._is_filled_elsewhere(volume) and not is_own:
            what = f"volume {volume} at {target}: an empty one of this run instead"
            self._weaken(name, what, "the owner's data stays out")

    def _is_filled_elsewhere(self, volume: str) -> bool:
        """Whether a volume is not of this project's making: external, of another driver, or a folder by another name."""
        declared = (self._model.get("volumes") or {}).get(volume) or {}
        if declared.get("external") or declared.get("driver") not in (None, "", "local"):
            return True
        options = declared.get("driver_opts") or {}
        is_tmpfs = options.get("type") == "tmpfs" and not _BINDS.search(str(options.get("o") or ""))
        return bool(options) and not is_tmpfs

    def _volume(self, name: str) -> dict[str, Any]:
        declared = (self._model.get("volumes") or {}).get(name) or {}
        safe: dict[str, Any] = {"labels": dict(self._labels)}
        if not self._is_filled_elsewhere(name):
            if options := declared.get("driver_opts"):
                safe |= {"driver": "local", "driver_opts": options}
        elif not declared.get("external") and declared.get("driver") not in (None, "", "local"):
            self._change("", f"volume {name}: a local one instead of {declared['driver']}", "it is not of this run")
        else:
            self._change("", f"volume {name}: an empty one of this run instead", "the owner's data stays out")
        return safe

    def _files(self, kind: str) -> dict[str, Any]:
        """Secrets or configs: their files are copied; what is missing is made up."""
        safe: dict[str, Any] = {}
        for name, raw in (self._model.get(kind) or {}).items():
            declared = {key: value for key, value in (raw or {}).items() if key in {"content", "file"}}
            source = declared.get("file")
            if source != "/dev/null":  # an empty one, written as build secrets that may be absent are
                declared = {"file": self._file(kind, name, declared)}
            safe[name] = declared
        return {kind: safe} if safe else {}

    def _file(self, kind: str, name: str, declared: Mapping[str, Any]) -> str:
        """Where the run's own file of a secret or config is."""
        source = str(declared.get("file") or f"{self._place}/{kind}-{_slug(name)}")
        planned = self._mounts.copy_of(source)
        if "content" in declared:
            planned = dataclasses.replace(planned, content=unescape(str(declared["content"])))
        elif self._disk.kind(planned.source) != "file":
            planned = dataclasses.replace(planned, content=f"made-up-{kind}-{_slug(name)}")
            self._change("", f"{kind} {name} has no file: filled with a made-up one", "services ask for it")
        self._copies[planned.destination] = planned
        return planned.destination

    # What hangs on what.

    def _refuse_dependents(self) -> None:
        """A service that lives in the network or volumes of one that is not run cannot run either."""
        while True:
            gone = [
                (name, need)
                for name, service in self._services.items()
                for need in needs_of({**service, "depends_on": {}, "links": []})
                if need not in self._services
            ]
            if not gone:
                return
            for name, need in dict(gone).items():
                self._refuse(name, f"it lives in {need}, which is not run")

    def _stand_in(self, name: str, stand_in: StandIn) -> None:
        """Add a listener in the place of a service that has networks; one without any has no place to take."""
        networks, image = (self._services.get(name) or {}).get("networks"), self._services.get(stand_in.image_of)
        if not networks or image is None:
            return
        added = definition(
            name,
            image=image,
            networks=networks,
            ports=stand_in.ports,
            labels=self._labels,
            has_start_interval=self._host.has_start_interval,
        )
        self._services[stand_in_name(name)] = {**added, **closed_place(added, None)}
        self._change(stand_in_name(name), f"added: it listens in the place of {name}", f"variant {self._variant.name}")

    def _depends(self, name: str) -> None:
        service = self._services[name]
        depends = service.get("depends_on") or {}
        stopped = set(self._variant.stopped)
        kept = {other: how for other, how in depends.items() if other in self._services and other not in stopped}
        for other in depends.keys() - kept.keys():
            reason = f"variant {self._variant.name}" if other in self._services else f"{other} is not run"
            self._change(name, f"does not wait for {other}", reason)
        service.pop("depends_on", None)
        if kept:
            service["depends_on"] = kept
        # Compose starts what is linked, too.
        reachable = self._services.keys() - stopped
        links = [link for link in service.get("links") or [] if str(link).split(":")[0] in reachable]
        service.pop("links", None)
        if links:
            service["links"] = links


def _escape(value: str) -> str:
    return str(value).replace("$", "$$")


def _slug(text: str) -> str:
    """What image names and project names may hold."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _normal(image: str) -> str:
    """An image reference without what it means anyway."""
    name = image.removeprefix("docker.io/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  # one line of a table
