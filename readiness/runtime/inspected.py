"""What ``docker inspect`` says of a container, read into the fact's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from readiness.facts.containers import Container, Mounted
from readiness.facts.model import HealthCheck

__all__ = ["ANONYMOUS_VOLUME", "GRACE_SECONDS", "NANO", "container_of"]

#: The engine's default grace period before SIGKILL, where a container names none.
GRACE_SECONDS = 10
NANO = 1_000_000_000
HEALTH_CHARS = 500
#: The name that the engine gives to a volume without one.
ANONYMOUS_VOLUME = re.compile(r"[0-9a-f]{64}")
#: What the engine writes for a moment that never came.
_NEVER = "0001-01-01T00:00:00Z"
_DEFAULT_INTERVAL = 30.0  # the engine's, for a duration of 0


def container_of(inspected: Mapping[str, Any], *, service: str, image_volumes: tuple[str, ...] = ()) -> Container:
    """One container; ``image_volumes`` come from its image's own record."""
    config, host, state = inspected["Config"], inspected["HostConfig"], inspected["State"]
    health = state.get("Health") or {}
    grace = config.get("StopTimeout")
    policy = host.get("RestartPolicy") or {}
    labels = config.get("Labels") or {}
    return Container(
        service=service,
        number=int(labels.get("com.docker.compose.container-number", 1)),
        id=str(inspected["Id"]),
        image=str(config.get("Image") or ""),
        image_volumes=image_volumes,
        command=(str(inspected.get("Path") or ""), *map(str, inspected.get("Args") or [])),
        user=str(config.get("User") or ""),
        pid=int(state.get("Pid") or 0),
        status=str(state["Status"]),
        exit_code=int(state.get("ExitCode") or 0),
        is_oom_killed=bool(state.get("OOMKilled")),
        restarts=int(inspected.get("RestartCount") or 0),
        started_at=_moment(state.get("StartedAt")),
        finished_at=_moment(state.get("FinishedAt")),
        health=health.get("Status"),
        health_outputs=tuple(str(seen.get("Output") or "")[:HEALTH_CHARS] for seen in health.get("Log") or []),
        health_check=_health_check(config.get("Healthcheck")),
        restart=str(policy.get("Name") or "no"),
        restart_at_most=int(policy.get("MaximumRetryCount") or 0),
        cpus=_cpus(host),
        memory_bytes=_positive(host.get("Memory")),
        memory_reservation_bytes=_positive(host.get("MemoryReservation")),
        pids=_positive(host.get("PidsLimit")),
        stop_signal=str(config.get("StopSignal") or "SIGTERM"),
        stop_seconds=float(GRACE_SECONDS if grace is None else grace),
        network_mode=str(host.get("NetworkMode") or ""),
        is_read_only=bool(host.get("ReadonlyRootfs")),
        mounts=_mounts(inspected),
    )


def _moment(text: Any) -> str:
    return "" if not text or text == _NEVER else str(text)


def _positive(number: Any) -> int | None:
    return int(number) if number and int(number) > 0 else None


def _cpus(host: Mapping[str, Any]) -> float | None:
    if nano := _positive(host.get("NanoCpus")):
        return nano / NANO
    quota = _positive(host.get("CpuQuota"))
    return None if quota is None else quota / (_positive(host.get("CpuPeriod")) or 100_000)  # the kernel's period


def _health_check(declared: Mapping[str, Any] | None) -> HealthCheck | None:
    test = [str(part) for part in (declared or {}).get("Test") or []]
    if declared is None or not test or test[0] == "NONE":
        return None
    return HealthCheck(
        test=tuple(test[1:]),
        is_shell=test[0] == "CMD-SHELL",
        interval_seconds=_seconds(declared.get("Interval"), _DEFAULT_INTERVAL),
        timeout_seconds=_seconds(declared.get("Timeout"), _DEFAULT_INTERVAL),
        retries=int(declared.get("Retries") or 3),
        start_period_seconds=_seconds(declared.get("StartPeriod"), 0.0),
    )


def _seconds(nanoseconds: Any, default: float) -> float:
    return int(nanoseconds) / NANO if nanoseconds else default


def _mounts(inspected: Mapping[str, Any]) -> tuple[Mounted, ...]:
    found = [
        Mounted(
            kind=str(mount.get("Type") or ""),
            source=str(mount.get("Name") or mount.get("Source") or ""),
            destination=str(mount["Destination"]),
            is_writable=bool(mount.get("RW", True)),
            is_anonymous=mount.get("Type") == "volume"
            and bool(ANONYMOUS_VOLUME.fullmatch(str(mount.get("Name") or ""))),
        )
        for mount in inspected.get("Mounts") or []
    ]
    # Those of ``tmpfs:`` are settings of the container, not mounts in the engine's list.
    listed = {mount.destination for mount in found}
    tmpfs = (inspected["HostConfig"].get("Tmpfs") or {}).keys() - listed
    found += [Mounted(kind="tmpfs", source="", destination=str(path)) for path in sorted(tmpfs)]
    return tuple(sorted(found, key=lambda mount: mount.destination))
