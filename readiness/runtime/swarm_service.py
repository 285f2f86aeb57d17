"""A container that compose has made, as the service of a Docker Swarm. Pure.

Everything is read from the engine's own record of the container, so the service is what compose would run. What this
takes from, and where it ends, is the engine's API: ``POST /services/create``, https://docs.docker.com/reference/api/engine/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from readiness.runtime.compose_model import seconds_of
from readiness.runtime.inspected import ANONYMOUS_VOLUME, NANO

__all__ = ["endpoint_mode", "task_template", "update_config"]

#: Where the engine mounts shared memory, and how much of it a container gets that names no size.
SHARED_MEMORY, SHARED_MEMORY_BYTES = "/dev/shm", 64 * 1024 * 1024  # noqa: S108  # the kernel's own place
#: Anybody may write, as in the engine's own disks in memory; a service cannot say whose such a disk is.
EVERYBODY = 0o1777
_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3}
_FAILURE_ACTION, _ORDER = "pause", "stop-first"


def endpoint_mode(deploy: Mapping[str, Any], *, asked: str) -> str:
    """``vip`` or ``dnsrr``: what is asked for, else what the owner has for deployments, else Swarm's default."""
    return asked or str(deploy.get("endpoint_mode") or "vip")


def task_template(
    container: Mapping[str, Any],
    *,
    labels: Mapping[str, str],
    networks: Mapping[str, Sequence[str]],
    restart: Mapping[str, Any],
) -> dict[str, Any]:
    """What every replica is.

    Args:
        container: as the engine inspects it.
        labels: of each replica's container.
        networks: id -> names by which the service is known there.
        restart: the owner's ``deploy.restart_policy``.
    """
    config, host = container["Config"], container["HostConfig"]
    spec = {
        # By its id: by its name the engine would ask a registry for a newer one, and move the owner's tag to it.
        "Image": str(container["Image"]),
        "Command": config.get("Entrypoint"),
        "Args": config.get("Cmd"),
        "Env": config.get("Env"),
        "Dir": config.get("WorkingDir"),
        "User": config.get("User"),
        "Groups": host.get("GroupAdd"),
        "Hostname": _hostname(container),
        "Labels": dict(labels),
        "Mounts": _mounts(container),
        "StopSignal": config.get("StopSignal"),
        "StopGracePeriod": None if config.get("StopTimeout") is None else int(config["StopTimeout"]) * NANO,
        "Healthcheck": config.get("Healthcheck"),
        "Hosts": [_host_line(str(entry)) for entry in host.get("ExtraHosts") or []],
        "DNSConfig": {
            "Nameservers": host.get("Dns") or [],
            "Search": host.get("DnsSearch") or [],
            "Options": host.get("DnsOptions") or [],
        },
        "ReadOnly": bool(host.get("ReadonlyRootfs")),
        "Init": host.get("Init"),
        "TTY": bool(config.get("Tty")),
        "CapabilityAdd": host.get("CapAdd"),
        "CapabilityDrop": host.get("CapDrop"),
        "Sysctls": host.get("Sysctls"),
        "Ulimits": host.get("Ulimits"),
        # Engines before 27 leave these two out in a service.
        "OomScoreAdj": host.get("OomScoreAdj") or None,
        "Privileges": {"NoNewPrivileges": True} if _gains_nothing(host) else None,
    }
    limits = {
        "NanoCPUs": host.get("NanoCpus"),
        "MemoryBytes": host.get("Memory"),
        "Pids": max(0, host.get("PidsLimit") or 0),
    }
    log = host.get("LogConfig") or {}
    template: dict[str, Any] = {
        "ContainerSpec": {key: value for key, value in spec.items() if value not in (None, "", [], {})},
        # No reservations: whether this machine has room for them is not what is asked.
        "Resources": {"Limits": {key: value for key, value in limits.items() if value}},
        "Networks": [{"Target": network, "Aliases": list(names)} for network, names in networks.items()],
    }
    if log.get("Type"):
        template["LogDriver"] = {"Name": log["Type"], "Options": log.get("Config") or {}}
    if restart:
        template["RestartPolicy"] = _restart(restart)
    return template


def update_config(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The owner's ``deploy.update_config`` for the engine; what is absent as Swarm has it by itself.

    Source: ``docker service create --help``: one replica at a time, no delay, ``pause`` on failure, ``stop-first``.
    """
    config: dict[str, Any] = {
        "Parallelism": int(declared.get("parallelism", 1)),
        "FailureAction": str(declared.get("failure_action") or _FAILURE_ACTION),
        "Order": str(declared.get("order") or _ORDER),
    }
    for key, name in (("delay", "Delay"), ("monitor", "Monitor")):
        if declared.get(key):
            config[name] = int(seconds_of(declared[key], 0.0) * NANO)
    if declared.get("max_failure_ratio"):
        config["MaxFailureRatio"] = float(declared["max_failure_ratio"])
    return config


def _restart(declared: Mapping[str, Any]) -> dict[str, Any]:
    policy: dict[str, Any] = {"Condition": str(declared.get("condition") or "any")}
    for key, name in (("delay", "Delay"), ("window", "Window")):
        if declared.get(key):
            policy[name] = int(seconds_of(declared[key], 0.0) * NANO)
    if declared.get("max_attempts"):
        policy["MaxAttempts"] = int(declared["max_attempts"])
    return policy


def _hostname(container: Mapping[str, Any]) -> str | None:
    """What the owner has named it; the engine names others by their ids."""
    name = str(container["Config"].get("Hostname") or "")
    return None if not name or str(container["Id"]).startswith(name) else name


def _host_line(entry: str) -> str:
    """A line of ``/etc/hosts`` for a container's ``name:address``."""
    name, _, address = entry.partition(":")
    return f"{address} {name}"


def _gains_nothing(host: Mapping[str, Any]) -> bool:
    return any(str(option).replace("=", ":") in {"no-new-privileges", "no-new-privileges:true"} for option in host.get("SecurityOpt") or [])  # fmt: skip


def _mounts(container: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Volumes and folders of the copy, and disks in memory; volumes without a name are each replica's own."""
    host = container["HostConfig"]
    mounts: list[dict[str, Any]] = []
    for mount in container.get("Mounts") or []:
        kind, name = str(mount.get("Type") or ""), str(mount.get("Name") or "")
        is_own = kind == "volume" and bool(ANONYMOUS_VOLUME.fullmatch(name))
        if kind not in {"volume", "bind"} or is_own:
            continue
        mounts.append(
            {
                "Type": kind,
                "Source": name if kind == "volume" else str(mount["Source"]),
                "Target": str(mount["Destination"]),
                "ReadOnly": not mount.get("RW", True),
            }
        )
    for mount in host.get("Mounts") or []:
        if mount.get("Type") == "tmpfs":
            options = mount.get("TmpfsOptions")
            mounts.append({"Type": "tmpfs", "Target": str(mount["Target"]), **({"TmpfsOptions": options} if options else {})})  # fmt: skip
    for target, text in (host.get("Tmpfs") or {}).items():
        mounts.append({"Type": "tmpfs", "Target": str(target), "TmpfsOptions": _tmpfs(str(text))})
    size = int(host.get("ShmSize") or SHARED_MEMORY_BYTES)
    if size != SHARED_MEMORY_BYTES and all(mount["Target"] != SHARED_MEMORY for mount in mounts):
        mounts.append({"Type": "tmpfs", "Target": SHARED_MEMORY, "TmpfsOptions": {"SizeBytes": size, "Mode": EVERYBODY}})  # fmt: skip
    return mounts


def _tmpfs(text: str) -> dict[str, int]:
    """A container's options of a disk in memory, as far as a service has them: size and mode."""
    options = dict(part.partition("=")[::2] for part in text.split(",") if part)
    found: dict[str, int] = {}
    if size := options.get("size", ""):
        unit = _UNITS.get(size[-1].lower(), 1)
        digits = size.rstrip("kKmMgG")
        if digits.isdecimal():
            found["SizeBytes"] = int(digits) * unit
    has_owner = "uid" in options or "gid" in options
    if "mode" in options and not has_owner:
        found["Mode"] = int(options["mode"], 8)
    elif has_owner:
        found["Mode"] = EVERYBODY
    return found
