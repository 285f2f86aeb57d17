"""Writes ``logs.json``: what a sound service logged of the audit's requests, for the cases of ``reqid.*`` and ``log.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_logs.py``. A test compares the two.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.facts.logs import Asked, LogFile, LogLine, RequestLogs
from readiness.facts.model import ServiceModel, StackModel
from readiness.facts.sinks import SinkPause, Timed
from readiness.target import Entry, Paths, Request, Role, Target

BEGAN = 1_790_000_000.0
ENTRIES = (
    Entry(name="proxy", service="web", port=8443, https=True),
    Entry(name="direct", service="api", port=8000),
)
CLIENT, PROXY = "127.0.0.77", "172.18.0.4"
INBOUND = "6f3a1c9e-4d2b-4f7a-9c1d-2e5b8a7f0d31"


def identifier(number: int) -> str:
    return f"{number:032x}"


def level_of(status: int) -> str:
    return "error" if status >= 500 else "warning" if status >= 400 else "info"


class Story:
    """Requests one after the other, and the line of each."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.lines: list[LogLine] = []

    def ask(
        self, purpose: str, path: str, status: int, *, method: str = "GET", entry: str = "direct", **more: Any
    ) -> Asked:
        number = len(self.asked) + 1
        began = BEGAN + number
        seconds = more.pop("seconds", 0.01)
        known = more.pop("id", identifier(number))
        marker = f"readiness-{number:012d}" if path == "/{marker}" else ""
        asked = Asked(
            purpose=purpose,
            entry=entry,
            method=method,
            path=path.format(marker=marker),
            marker=marker,
            status=status,
            ids=(known,),
            process_time=f"{seconds - 0.001:.6f}",
            began=began,
            seconds=seconds,
            **more,
        )
        self.asked.append(asked)
        self.log(asked, event="request", level=level_of(status), status=status, seconds=round(seconds - 0.001, 4))
        return asked

    def log(self, asked: Asked, *, service: str = "api", **facts: Any) -> None:
        written = dt.datetime.fromtimestamp(asked.began + asked.seconds, dt.UTC).isoformat().replace("+00:00", "Z")
        line = {"service": service, "method": asked.method, "path": asked.path, "client": CLIENT, **facts}
        line |= {"request_id": asked.ids[0], "timestamp": written}
        self.lines.append(LogLine(service=service, text=json.dumps(line)))


def sound() -> RequestLogs:
    story = Story()
    for entry in ENTRIES:
        story.ask("ok", "/items", 200, entry=entry.name)
    story.ask("unauthorized", "/me", 401)
    story.ask("invalid", "/auth/register", 422, method="POST")
    error = story.ask("error", "/boom", 500)
    story.log(error, event="unhandled error", level="error", exception=[{"exc_type": "RuntimeError", "frames": []}])
    for _ in range(4):
        story.ask("marker", "/{marker}", 404)
    for kind in ("plain via proxy", "spoofed via proxy"):
        story.ask("client", "/{marker}", 404, kind=kind, entry="proxy")
    for kind in ("plain", "spoofed"):
        story.ask("client", "/{marker}", 404, kind=kind)
    story.ask("canary", "/items", 200)
    job = story.ask("job", "/jobs", 202, method="POST")
    story.log(job, service="worker", event="job done", level="info")
    story.ask("slow", "/auth/register", 422, method="POST", seconds=1.02, at_least_seconds=1.0)
    story.ask("inbound", "/{marker}", 404, kind="well-formed", sent_id=INBOUND, id=INBOUND)
    story.ask("inbound", "/{marker}", 404, kind="long", sent_id="a" * 300 + "… (10000 characters)")
    story.ask("inbound", "/{marker}", 404, kind="quotes and braces", sent_id='x"}{"')
    sample = {"service": "api", "event": "model is loaded", "level": "info", "timestamp": "2026-09-21T14:13:19.5Z"}
    workers = sum(line.service == "worker" for line in story.lines)
    return RequestLogs(
        header="X-Request-ID",
        asked=tuple(story.asked),
        burst={
            "proxy": tuple(identifier(2000 + number) for number in range(5)),
            "direct": tuple(identifier(1000 + number) for number in range(40)),
        },
        services=("api", "worker"),
        workers=("worker",),
        lines=tuple(story.lines),
        sample=(LogLine(service="api", text=json.dumps(sample)),),
        counts={"api": {"json": len(story.lines) - workers + 1}, "worker": {"json": workers}},
        levels={"warning": 13, "info": 5, "error": 2},
        canaries=("bearer token", "API key in a header", "API key in the query"),
        searched=("api", "worker", "web"),
        files=files(),
        proxy_addresses=(PROXY,),
    )


def files() -> tuple[LogFile, ...]:
    line = {"event": "unhandled error", "level": "error", "timestamp": "2026-09-21T14:13:25Z", "request_id": "5"}
    return (
        LogFile(
            service="api",
            path="/logs/api.log",
            size_bytes=9000,
            rotated={"api.log.1": 16300},
            levels={"info": 40, "warning": 20, "error": 2},
        ),
        LogFile(
            service="api",
            path="/logs/api.error.log",
            size_bytes=4000,
            levels={"error": 2},
            lines=(LogLine(service="api", text=json.dumps(line)),),
        ),
    )


def answer(entry: Entry, purpose: StatusClass, path: str, status: int) -> Exchange:
    scheme = "https" if entry.https else "http"
    return Exchange(
        entry=entry.name,
        purpose=purpose,
        method="GET",
        url=f"{scheme}://{entry.service}:{entry.port}{path}",
        https=entry.https,
        status=status,
        headers=(("content-type", "application/json"), ("x-request-id", identifier(status))),
    )


def answers() -> Responses:
    asked = (
        (StatusClass.OK, "/items", 200),
        (StatusClass.UNAUTHORIZED, "/me", 401),
        (StatusClass.NOT_FOUND, "/nope", 404),
        (StatusClass.TOO_LARGE, "/auth/register", 413),
        (StatusClass.INVALID, "/auth/register", 422),
        (StatusClass.ERROR, "/boom", 500),
    )
    exchanges = tuple(answer(entry, *what) for entry in ENTRIES for what in asked)
    return Responses(exchanges=exchanges, not_provoked={})


def limited() -> Responses:
    return Responses(
        exchanges=tuple(answer(entry, StatusClass.TOO_MANY, "/items", 429) for entry in ENTRIES), not_provoked={}
    )


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=ENTRIES,
        roles={Role.APP: ("api",), Role.WORKER: ("worker",), Role.PROXY: ("web",)},
        paths=Paths(ok=Request(path="/items"), error=Request(path="/boom")),
        extra={
            "request_id": {"header": "X-Request-ID", "inbound": "accepted"},
            "process_time": {"header": "X-Process-Time", "unit": "s"},
            "logs": {
                "files": [
                    {"service": "api", "path": "/logs/api.log", "max_bytes": 16384},
                    {"service": "api", "path": "/logs/api.error.log", "max_bytes": 16384, "holds": "errors"},
                ]
            },
            "jobs": {"enqueue": {"method": "POST", "path": "/jobs"}},
            "metrics": {"sink": "cache", "unrelated": "/static/app.css"},
        },
    )


def model() -> StackModel:
    options = {"max-size": "10m", "max-file": "3"}
    services = {
        name: ServiceModel(name=name, image=f"{name}:1", log_driver="json-file", log_options=options)
        for name in ("api", "worker", "web")
    }
    return StackModel(services=services, files=("compose.yaml",))


def pause() -> SinkPause:
    quick = tuple(Timed(status=200, seconds=0.004) for _ in range(20))
    return SinkPause(sink="cache", path="/static/app.css", entry="direct", before=quick, during=quick)


def build() -> dict[str, Any]:
    facts = {
        "target": target(),
        "request_logs": sound(),
        "responses": answers(),
        "limited_responses": limited(),
        "stack_model": model(),
        "sink_pause": pause(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("logs.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
