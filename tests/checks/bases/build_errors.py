"""Writes ``errors.json``: the recorded facts of a sound service, for the cases of ``validate.*`` and ``errors.*``.

Run it after a change of the facts: ``python tests/checks/bases/build_errors.py``. A test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from readiness.facts._codec import encode
from readiness.facts.errors import ErrorRun, LogEntry, NeedingAnswer, Provocations
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.facts.probes import BackendOutages, Outage, Phase
from readiness.facts.validation import BadInput, BadInputs, BodyTrial, InputLimits, SizeTrial, SizeTrials, TypeTrial
from readiness.target import Entry, Paths, Request, Role, Target

ID = "5f0c1d2e3a4b4c5d8e9f001122334455"
LIMIT = 65536
JSON = ("content-type", "application/json")
ENTRIES = (
    Entry(name="proxy", service="web", port=8443, https=True),
    Entry(name="direct", service="api", port=8000),
)


def exchange(
    method: str, path: str, status: int, body: str = "{}", *, entry: Entry = ENTRIES[1], **values: Any
) -> Exchange:
    scheme = "https" if entry.https else "http"
    values = {"purpose": StatusClass.INVALID, "headers": (JSON, ("x-request-id", ID)), "seconds": 0.01, **values}
    url = f"{scheme}://{entry.service}:{entry.port}{path}"
    return Exchange(entry=entry.name, method=method, url=url, https=entry.https, status=status, body=body, **values)


def error(method: str, path: str, status: int, code: str, **values: Any) -> Exchange:
    body = json.dumps({"error": {"code": code, "message": code.replace("_", " "), "request_id": ID}})
    return exchange(method, path, status, body, **values)


def good(path: str = "/items") -> Exchange:
    return exchange("GET", path, 200, '{"items": []}', purpose=StatusClass.OK)


def body(entry: Entry, kind: str, size: int, sent: int, status: int) -> BodyTrial:
    memory = {"memory_before_bytes": 50_000_000, "memory_peak_bytes": 50_100_000} if kind != "fits" else {}
    values: dict[str, Any] = {"limit_bytes": LIMIT, "offered_bytes": size, "sent_bytes": sent, "status": status}
    return BodyTrial(entry=entry.name, kind=kind, seconds=0.1, **values, **memory)


def bodies(entry: Entry) -> tuple[BodyTrial, ...]:
    large = LIMIT + 16 * 1024 * 1024
    return (
        body(entry, "fits", LIMIT - 1024, LIMIT - 1024, 200),
        body(entry, "announced", large, 0, 413),
        body(entry, "streamed", large, LIMIT + 65536, 413),
    )


def input_limits() -> InputLimits:
    refused = error("POST", "/embed", 415, "unsupported_media_type")
    long = error("POST", "/embed", 422, "unprocessable_content")
    done = exchange("POST", "/embed", 200, '{"embeddings": []}')
    return InputLimits(
        good=exchange("POST", "/embed", 200),
        bodies=tuple(trial for entry in ENTRIES for trial in bodies(entry)),
        types_allowed=("application/json",),
        types=(
            TypeTrial(content_type="application/json", exchange=exchange("POST", "/embed", 200)),
            TypeTrial(content_type="application/json; charset=utf-8", exchange=exchange("POST", "/embed", 200)),
            TypeTrial(content_type="text/html", exchange=refused),
            TypeTrial(content_type="text/plain", exchange=refused),
            TypeTrial(content_type=None, exchange=refused),
        ),
        batch=SizeTrials(
            at="texts",
            limit=32,
            source="readiness.yaml",
            trials=(
                SizeTrial(kind="at", size=32, exchange=done, returned=32, distinct=1),
                SizeTrial(kind="over", size=33, exchange=long, distinct=1),
                SizeTrial(kind="empty", size=0, exchange=long),
            ),
        ),
        input=SizeTrials(
            at="text",
            limit=10_000,
            source="the API's document",
            trials=(
                SizeTrial(kind="at", size=10_000, exchange=done),
                SizeTrial(kind="over", size=10_001, exchange=long),
                SizeTrial(kind="multibyte", size=10_000, exchange=done),
            ),
        ),
    )


def provocations() -> Provocations:
    boom = error("GET", "/boom?readiness=1", 500, "internal_server_error")
    trace = 'Traceback (most recent call last):\\n  File \\"shop/routes.py\\", line 7, in boom'
    line = f'{{"level": "error", "event": "unhandled error", "request_id": "{ID}", "method": "GET", "path": "/boom", '
    return Provocations(
        wanted=100,
        sent=100,
        bad={"500": 100},
        good={"200": 99},
        examples=(boom, error("GET", "/boom", 500, "internal_server_error", entry=ENTRIES[0])),
        good_before=good(),
        good_after=good(),
        restarts={"api": 0},
        logged_exchange=boom,
        entries=(
            LogEntry(service="api", text=f'{line}"exception": "{trace}"}}', is_error=True),
            LogEntry(service="api", text=f'{line}"status": 500}}', is_error=True),
        ),
        others=(
            error("GET", "/me", 401, "unauthorized"),
            error("GET", "/nope", 404, "not_found"),
            error("DELETE", "/items", 405, "method_not_allowed"),
            error("POST", "/items", 413, "content_too_large"),
            error("POST", "/items", 422, "unprocessable_content"),
        ),
    )


def troubled() -> BadInput:
    """What a case of a failure adds."""
    first = error("POST", "/items", 500, "internal_server_error")
    text = 'POST /items\n{"name": "a\\u0000b"}'
    return BadInput(operation="POST /items", what="name is a NUL", sent=text, first=first, again=first)


def error_run() -> ErrorRun:
    found = BadInputs(
        sent=250,
        generated=90,
        statuses={"400": 30, "422": 215, "200": 5},
        operations=("POST /items", "GET /items"),
        settings_tried=(body(ENTRIES[1], "streamed", LIMIT // 2 + 16 * 1024 * 1024, LIMIT // 2 + 65536, 413),),
        setting="MAX_BODY_BYTES",
        good_after=good(),
        generator="schemathesis 4, seed 1",
    )
    return ErrorRun(provocations=provocations(), bad_inputs=found, searched=270)


def outage(role: str, service: str, path: str) -> Outage:
    away = error("GET", path, 503, "service_unavailable", purpose=StatusClass.UNAVAILABLE, seconds=3.1)
    answers = {"before": good(path), "stopped": away, "recovered": good(path), "paused": away, "resumed": good(path)}
    needing = tuple(NeedingAnswer(phase=phase, exchange=answer) for phase, answer in answers.items())
    return Outage(role=role, services=(service,), before=Phase(seconds=2.0), needing=needing)


def target() -> Target:
    return Target(
        name="shop",
        folder="shop",
        service="api",
        entries=ENTRIES,
        roles={Role.APP: ("api",), Role.PROXY: ("web",), Role.DB: ("db",), Role.REDIS: ("cache",)},
        paths=Paths(ok=Request(path="/items"), error=Request(path="/boom")),
        extra={
            "errors": {"code": "error.code", "message": "error.message", "request_id": "error.request_id"},
            "validation": {"max_body_bytes": LIMIT},
        },
    )


def build() -> dict[str, Any]:
    limited = error("GET", "/items", 429, "too_many_requests", purpose=StatusClass.TOO_MANY)
    facts = {
        "target": target(),
        "input_limits": input_limits(),
        "error_run": error_run(),
        "limited_responses": Responses(exchanges=(limited,), not_provoked={}),
        "database_outage": outage("db", "db", "/items"),
        "cache_outage": outage("redis", "cache", "/jobs"),
        "backend_outages": BackendOutages(),
    }
    return {name: encode(fact) for name, fact in facts.items()}


if __name__ == "__main__":
    place = Path(__file__).with_name("errors.json")
    place.write_text(json.dumps(build(), indent=1) + "\n", "utf-8")
