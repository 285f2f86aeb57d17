"""Writes ``containers.json``: the recorded facts of a sound stack of containers, for the cases of ``compose.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_containers.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.container_trials import (
    CommandRun,
    ContainerCrashes,
    ContainersAtRest,
    ControlGroup,
    CpuTrial,
    CpuTrials,
    Crash,
    HealthTrial,
    HealthTrials,
    MemoryTrial,
    MemoryTrials,
)
from readiness.facts.containers import Container
from readiness.facts.model import HealthCheck, ModelGaps, Resources, ServiceModel, StackModel
from readiness.facts.start import StackStart
from readiness.target import Target

MIB = 1024**2
#: Service -> processors, memory, reserved processors, reserved memory.
FIGURES = {"api": (1.0, 384, 0.25, 128), "db": (2.0, 512, 0.5, 256)}
CHECK = HealthCheck(test=("probe-me",), interval_seconds=30.0, timeout_seconds=3.0, retries=3)
GREEN = CommandRun(seconds=0.1, exit_code=0)
RED = CommandRun(seconds=3.0, exit_code=None, output="not ended after 3 s")


def container(service: str) -> Container:
    cpus, memory, _, reserved = FIGURES[service]
    return Container(
        service=service,
        number=1,
        id=f"{service}-0123456789",
        image=f"{service}:1",
        pid=4711,
        status="running",
        health="healthy",
        health_check=CHECK,
        started_at="2027-01-15T07:59:40+00:00",
        restart="unless-stopped",
        cpus=cpus,
        memory_bytes=memory * MIB,
        memory_reservation_bytes=reserved * MIB,
    )


def model() -> StackModel:
    services = {
        name: ServiceModel(
            name=name,
            image=f"{name}:1",
            restart="unless-stopped",
            health_check=CHECK,
            depends_on={"db": "service_healthy"} if name == "api" else {},
            resources=Resources(
                cpus=cpus, memory_bytes=memory * MIB, reserved_cpus=reserved, reserved_memory_bytes=kept * MIB
            ),
        )
        for name, (cpus, memory, reserved, kept) in FIGURES.items()
    }
    return StackModel(services=services, files=("compose.yaml",), gaps=ModelGaps(env_file=".env"))


def crash(service: str) -> Crash:
    return Crash(
        service=service,
        restart="unless-stopped",
        has_health_check=True,
        back_seconds=0.4,
        well_seconds=4.2,
        serving_seconds=4.5,
        watched_seconds=4.6,
        status="running, healthy",
    )


def trial(service: str) -> HealthTrial:
    return HealthTrial(
        service=service,
        test="probe-me",
        bound_seconds=99.0,
        before=GREEN,
        red=RED,
        stuck=RED,
        watched_seconds=3.1,
        after=GREEN,
    )


def filled(service: str) -> MemoryTrial:
    limit = FIGURES[service][1] * MIB
    return MemoryTrial(
        service=service,
        limit_bytes=limit,
        asked_bytes=int(limit * 1.2),
        is_cut=True,
        well_seconds=1.7,
        watched_seconds=1.8,
        status="running",
        last=GREEN,
    )


def build() -> dict[str, Any]:
    containers = tuple(container(name) for name in FIGURES)
    groups = tuple(
        ControlGroup(
            service=name,
            cpus=cpus,
            memory_bytes=memory * MIB,
            machine_cpus=4,
            machine_memory_bytes=8 * 1024 * MIB,
        )
        for name, (cpus, memory, _, _) in FIGURES.items()
    )
    published = {
        name: {"cpus": cpus, "memory": f"{memory}M", "reserve": {"cpus": reserved, "memory": f"{kept}M"}}
        for name, (cpus, memory, reserved, kept) in FIGURES.items()
    }
    resources = {"host": {"cpus": 4, "memory": "2G"}, "services": published}
    facts = {
        "target": Target(name="shop", folder="shop", service="api", extra={"resources": resources}),
        "stack_model": model(),
        "stack_start": StackStart(runtime="compose", is_up=True, seconds=20.0),
        "containers_at_rest": ContainersAtRest(
            containers=containers, later=containers, watched_seconds=30.1, groups=groups
        ),
        "container_crashes": ContainerCrashes(crashes=tuple(crash(name) for name in FIGURES)),
        "container_health": HealthTrials(trials=tuple(trial(name) for name in FIGURES)),
        "container_cpu": CpuTrials(
            trials=tuple(
                CpuTrial(
                    service=name,
                    limit_cpus=cpus,
                    machine_cpus=4,
                    used_cpus=round(cpus * 1.01, 3),
                    rest_p95_seconds=0.02,
                    busy_p95_seconds=0.03,
                    requests=40,
                )
                for name, (cpus, _, _, _) in FIGURES.items()
            )
        ),
        "container_memory": MemoryTrials(trials=tuple(filled(name) for name in FIGURES)),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("containers.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
