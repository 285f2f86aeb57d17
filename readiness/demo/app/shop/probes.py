"""The probes. Each answers one question, for one kind of asker.

* ``/health/live``: does the process answer? Nothing outside it is asked: a restart cures no database.
* ``/health/ready``: may it receive traffic? Model loaded; database and Redis, asked at once, bounded.
* ``/health/startup``: has it been ready once?
* ``/health``, ``/healthz``: shallow, for old callers and platforms that ask there.
* ``/api/health``: the balancer's, with disk and memory; one measurement serves ten seconds of askers.
* ``/health/detailed``: for people and dashboards, measured each time.
* ``/health/model``: can ``POST /embed`` work?
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from . import defects, system
from .errors import error_response
from .health import CachedAnswer, Finding
from .resources import Resources

__all__ = ["BASIC_CACHE_SECONDS", "router"]

#: Balancers of many instances ask together; one check per process in this time serves them all.
BASIC_CACHE_SECONDS = 10.0
STALE_CACHE_SECONDS = 60.0
OK, UNAVAILABLE = 200, 503


class Probes:
    """The answers as (status, body)."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._database, self._redis = resources.dependencies()
        self._started_at = time.time()
        self._has_started = False
        self._has_failed_since = False
        if defects.is_on("health-uncached"):
            seconds = 0.0
        else:
            seconds = STALE_CACHE_SECONDS if defects.is_on("health-stale") else BASIC_CACHE_SECONDS
        self._basic = CachedAnswer(self._measure_basic, seconds=seconds)

    async def live(self) -> tuple[int, dict[str, Any]]:
        """The process answers."""
        if defects.is_on("live-slow"):
            await asyncio.sleep(0.3)
        status, word = OK, "healthy"
        if defects.is_on("live-checks-database") and not (await self._database.check()).is_healthy:
            status, word = UNAVAILABLE, "unhealthy"
        now = self._started_at if defects.is_on("live-timestamp-frozen") else time.time()
        uptime_seconds = round(self._resources.uptime_seconds, 3)
        return status, {"status": word, "timestamp": round(now, 3), "uptime_seconds": uptime_seconds}

    async def ready(self) -> tuple[int, dict[str, Any]]:
        """The start is complete, and the required dependencies answer."""
        findings = await self._dependencies()
        has_failed = self._has_started and not _all_healthy(findings)
        self._has_started = self._has_started or (self._is_loaded and _all_healthy(findings))
        if defects.is_on("ready-ignores-database"):
            findings["database"] = Finding(is_healthy=True, seconds=findings["database"].seconds)
        if defects.is_on("ready-ignores-redis"):
            findings["redis"] = Finding(is_healthy=True, seconds=findings["redis"].seconds)
        if defects.is_on("ready-hangs") and any(finding.has_timed_out for finding in findings.values()):
            await asyncio.sleep(20)
        is_ready = self._is_loaded and _all_healthy(findings) and self._resources.draining_since is None
        if defects.is_on("ready-never-recovers"):
            # From the first success on, one failure is for ever.
            self._has_failed_since = self._has_failed_since or has_failed
            is_ready = is_ready and not self._has_failed_since
        if is_ready and defects.is_on("ready-omits-redis"):
            del findings["redis"]
        body = {
            "status": "healthy" if is_ready else "unhealthy",
            "checks": {name: self._ready_check(finding) for name, finding in findings.items()},
        }
        is_hidden = self._has_started and defects.is_on("unhealthy-with-200")
        return OK if is_ready or is_hidden else UNAVAILABLE, body

    async def startup(self) -> tuple[int, dict[str, Any]]:
        """As :meth:`ready`, until the first success; then the question is answered for good."""
        if not self._has_started:
            is_ready = self._is_loaded and _all_healthy(await self._dependencies())
            self._has_started = is_ready or defects.is_on("startup-always-ok")
        return (OK, {"status": "started"}) if self._has_started else (UNAVAILABLE, {"status": "starting"})

    async def legacy(self) -> tuple[int, dict[str, Any]]:
        """The process answers; kept for callers who know only this."""
        if defects.is_on("legacy-checks-database") and not (await self._database.check()).is_healthy:
            return UNAVAILABLE, {"status": "unhealthy"}
        return OK, {"status": "ok"}

    async def basic(self) -> tuple[int, dict[str, Any]]:
        """The balancer's answer, at most ten seconds old."""
        return await self._basic.get()

    async def _measure_basic(self) -> tuple[int, dict[str, Any]]:
        settings = self._resources.settings
        # Off the event loop: a hanging file system must not hang liveness with it.
        disk_free, memory_used = await asyncio.gather(
            asyncio.to_thread(system.disk_free_ratio, settings.data_path), asyncio.to_thread(system.memory_used_ratio)
        )
        findings = await self._dependencies()
        is_own_healthy = defects.is_on("disk-memory-ignored") or (
            disk_free >= settings.disk_free_ratio_min and memory_used <= settings.memory_used_ratio_max
        )
        is_healthy = is_own_healthy and (defects.is_on("basic-always-ok") or _all_healthy(findings))
        return OK if is_healthy else UNAVAILABLE, {
            "status": "healthy" if is_healthy else "unhealthy",
            "timestamp": datetime.now(UTC).isoformat(),
            "checks": {
                **{name: _check(finding) for name, finding in findings.items()},
                "disk": {
                    "status": _word(disk_free >= settings.disk_free_ratio_min),
                    "free_ratio": round(disk_free, 4),
                },
                "memory": {
                    "status": _word(memory_used <= settings.memory_used_ratio_max),
                    "used_ratio": round(memory_used, 4),
                },
            },
        }

    async def detailed(self) -> tuple[int, dict[str, Any]]:
        """Every component as it is now."""
        findings = await self._dependencies()
        metrics = asdict(await asyncio.to_thread(system.read, self._resources.settings.data_path))
        if defects.is_on("metrics-constant"):
            metrics = {"cpu_percent": 12.5, "memory_percent": 40.0, "disk_percent": 50.0}
        components = [_component(name, finding) for name, finding in findings.items()]
        components.append(self._model_component())
        alerts = [
            {
                "component": c["name"],
                "severity": "critical" if c["status"] == "unhealthy" else "warning",
                "message": c["message"],
            }
            for c in components
            if c["status"] != "healthy"
        ]
        status = "healthy"
        if alerts:
            status = "unhealthy" if any(c["status"] == "unhealthy" for c in components) else "degraded"
        code = UNAVAILABLE if status == "unhealthy" else OK
        if defects.is_on("detailed-overall-ok"):
            code, status = OK, "healthy"
        if defects.is_on("detailed-lies"):
            components = [{**c, "status": "healthy", "message": "answers"} for c in components]
        if defects.is_on("detailed-omits-latency"):
            components = [{key: c[key] for key in ("name", "status", "message")} for c in components]
        return code, {
            "status": status,
            "timestamp": datetime.now(UTC).isoformat(),
            "system_metrics": metrics,
            "components": components,
            "alerts": [] if defects.is_on("alerts-empty") else alerts,
        }

    async def model(self) -> tuple[int, dict[str, Any]]:
        """The model is loaded."""
        if not self._resources.model.is_loaded and not defects.is_on("loading-answers-200"):
            problem = self._resources.model.problem
            return UNAVAILABLE, {"status": "error", "message": problem} if problem else {"status": "loading"}
        return OK, {"status": "error" if defects.is_on("model-status-error") else "ok"}

    @property
    def _is_loaded(self) -> bool:
        """Whether every route can work: a process that still loads its model gets no traffic yet."""
        return self._resources.model.is_loaded

    async def _dependencies(self) -> dict[str, Finding]:
        """Both at once: two hanging ones take no longer than one."""
        database, redis = await asyncio.gather(self._database.check(), self._redis.check())
        return {"database": database, "redis": redis}

    def _ready_check(self, finding: Finding) -> dict[str, Any]:
        check = _check(finding)
        if defects.is_on("ready-constant-times"):
            check["response_time_ms"] = 1.0
        if finding.error and defects.is_on("error-leaks-dsn"):
            check["error"] = (
                f"{self._resources.settings.database_url.render_as_string(hide_password=False)}: {finding.error}"
            )
        return check

    def _model_component(self) -> dict[str, Any]:
        started = time.monotonic()
        is_loaded = self._resources.model.is_loaded
        if is_loaded:
            self._resources.model.embed("teapot")
        return {
            "name": "model",
            "status": "healthy" if is_loaded else "degraded",
            "message": "answers" if is_loaded else "loading",
            "latency_ms": round(1000 * (time.monotonic() - started), 3) if is_loaded else None,
        }


def _all_healthy(findings: Mapping[str, Finding]) -> bool:
    return all(finding.is_healthy for finding in findings.values())


def _word(is_healthy: bool) -> str:
    return "healthy" if is_healthy else "unhealthy"


def _check(finding: Finding) -> dict[str, Any]:
    check = {"status": _word(finding.is_healthy), "response_time_ms": round(1000 * finding.seconds, 3)}
    return check if finding.is_healthy else {**check, "error": finding.error}


def _component(name: str, finding: Finding) -> dict[str, Any]:
    return {
        "name": name,
        "status": _word(finding.is_healthy),
        "message": finding.error or "answers",
        "latency_ms": round(1000 * finding.seconds, 3),
    }


def router(resources: Resources) -> APIRouter:
    """The probes' routes; none needs a login."""
    routes = APIRouter(tags=["health"])
    probes = Probes(resources)

    @routes.get("/healthz")
    async def _healthz(request: Request) -> JSONResponse:
        """The process answers; where some platforms ask."""
        if defects.is_on("health-requires-login"):
            user_id = resources.tokens.user_id(request.headers.get("authorization", ""))
            if user_id is None:
                return error_response(request.scope, 401, headers={"WWW-Authenticate": "Bearer"})
        return JSONResponse({"status": "ok"})

    for path, answer in (
        ("/health/live", probes.live),
        ("/health/ready", probes.ready),
        ("/health/startup", probes.startup),
        ("/health/detailed", probes.detailed),
        ("/health/model", probes.model),
        ("/health", probes.legacy),
        ("/api/health", probes.basic),
    ):

        def endpoint(answer: Any = answer) -> Any:
            async def _probe() -> JSONResponse:
                status, body = await answer()
                return JSONResponse(body, status_code=status)

            return _probe

        name = path.strip("/").replace("/", "-")
        routes.get(path, name=name, description=answer.__doc__)(endpoint())
    return routes
