"""Writes ``startup.json``: the recorded facts of a sound stack's cold starts, for ``retry.*`` and ``startup.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_startup.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.model import HealthCheck, ServiceModel, StackModel
from readiness.facts.start import FailureCause, ServiceStart, StackStart
from readiness.facts.startup import (
    Attempt,
    Away,
    Back,
    BlockedStart,
    ColdStarts,
    LateDependency,
    Said,
    ScriptRun,
    Sleep,
    Started,
    StartScript,
    StartScriptRuns,
    StartScripts,
)
from readiness.target import Entry, Role, Target

MOMENTS = (1.4, 1.66, 2.17, 3.18, 5.19, 7.2, 9.21, 11.22)
PAUSES = (0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)


def line(number: int, pause: float) -> str:
    said = {"event": "database not reachable yet", "attempt": number, "retry_in_seconds": pause, "level": "warning"}
    return json.dumps({**said, "timestamp": f"2027-01-15T08:00:{number:02}.5Z"})


def late() -> LateDependency:
    lines = [line(number, pause) for number, pause in enumerate(PAUSES, start=1)]
    return LateDependency(
        service="api",
        dependency="db",
        names=("db", "database", "postgres", "postgresql", "5432"),
        away=Away(
            seconds=12.2,
            attempts=tuple(Attempt(seconds=at, lines=(text,)) for at, text in zip(MOMENTS, lines, strict=True)),
            said=(
                Said(kind="live", path="/health/live", standing="yes", status=200),
                Said(kind="ready", path="/health/ready", standing="no", status=503),
                Said(kind="ok", path="/items", standing="no", status=503),
            ),
            log=('{"event": "Uvicorn running on http://0.0.0.0:8000"}', *lines),
        ),
        back=Back(
            seconds=4.7,
            dependency_seconds=3.0,
            ready_seconds=4.7,
            how="GET /health/ready and GET /items",
            state="running",
            log=('{"event": "schema is up to date"}',),
        ),
    )


def service(name: str, started: float, healthy: float, *needs: str) -> ServiceStart:
    return ServiceStart(
        service=name,
        state="running",
        health="healthy",
        is_ready=True,
        seconds=healthy,
        needs=needs,
        started_at=f"2027-01-15T08:00:{started:09.6f}+00:00",
        healthy_at=f"2027-01-15T08:00:{healthy:09.6f}+00:00",
    )


def started(seconds: float) -> StackStart:
    services = (
        service("db", 1.0, 3.2),
        service("cache", 1.1, 1.5),
        service("api", 3.4, 5.0, "cache", "db"),
        service("proxy", 5.2, 5.6, "api"),
    )
    return StackStart(runtime="compose", is_up=True, seconds=seconds, services=services)


def blocked() -> StackStart:
    error = "dependency failed to start: container readiness-r1-blocked-db-1 is unhealthy"
    lost = ServiceStart(
        service="db",
        state="running",
        health="unhealthy",
        is_ready=False,
        cause=FailureCause.HEALTH_CHECK_FAILS,
        started_at="2027-01-15T08:00:01.000000+00:00",
    )
    waits = ServiceStart(
        service="api",
        state="created",
        is_ready=False,
        cause=FailureCause.DEPENDENCY_NOT_HEALTHY,
        needs=("cache", "db"),
    )
    return StackStart(
        runtime="compose",
        is_up=False,
        seconds=6.0,
        services=(lost, service("cache", 1.1, 1.5), waits),
        up_error=f" Container readiness-r1-blocked-db-1 Error\n{error}",
    )


def model() -> StackModel:
    check = HealthCheck(test=("true",))
    healthy = "service_healthy"
    return StackModel(
        services={
            "db": ServiceModel(name="db", health_check=check),
            "cache": ServiceModel(name="cache", health_check=check),
            "api": ServiceModel(name="api", health_check=check, depends_on={"db": healthy, "cache": healthy}),
            "proxy": ServiceModel(name="proxy", depends_on={"api": healthy}),
        }
    )


def build() -> dict[str, Any]:
    facts = {
        "target": Target(
            name="shop",
            folder="/srv/shop",
            service="api",
            entries=(Entry(name="direct", service="api", port=8000),),
            roles={Role.APP: ("api",), Role.DB: ("db",), Role.REDIS: ("cache",), Role.PROXY: ("proxy",)},
            extra={
                "retry": {"db": {"base_seconds": 0.25, "factor": 2, "cap_seconds": 2}},
                "startup": {"script": ["./up.sh"], "env": {"limit_seconds": "UP_SECONDS"}},
            },
        ),
        "stack_model": model(),
        "stack_start": started(6.0),
        "late_dependency": late(),
        "blocked_start": BlockedStart(dependency="db", dependents=("api",), start=blocked()),
        "cold_starts": ColdStarts(
            starts=(
                Started(name="start 2", start=started(6.5)),
                Started(name="start 3", start=started(11.0), slowed="db"),
            )
        ),
        "start_script_runs": StartScriptRuns(
            script="./up.sh",
            checked=("api", "db"),
            healthy=ScriptRun(
                exit_code=0,
                seconds=1.2,
                lines=("0 s  api: healthy", "0 s  db: healthy"),
                named=("api", "db"),
                asked=1,
                asked_last_seconds=0.9,
            ),
            never="api",
            failing=ScriptRun(exit_code=1, seconds=10.4, lines=("1 s  db: healthy", "not healthy after 10 s: api")),
            limit_seconds=10.0,
        ),
        "start_scripts": StartScripts(
            scripts=(
                StartScript(
                    path="api/start.sh",
                    why="run by api/Dockerfile",
                    sleeps=(Sleep(line=4, text="sleep 1", seconds=1.0, place="in a loop"),),
                ),
                StartScript(path="up.sh", why="brings the stack up on line 3"),
            )
        ),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    Path(__file__).with_name("startup.json").write_text(
        json.dumps(build(), indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
