"""A system that somebody else runs: what reaches it when it is only looked at, and when more is allowed."""

from __future__ import annotations

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.conftest import Audited, run_audit

pytestmark = pytest.mark.slow

DECLARED = """\
name: theirs
service: web
entry: [{name: direct, service: web, port: 8000}]
paths: {ok: /items, private: /me, invalid: {method: POST, path: /items, json: {}}}
probes: {live: {path: /live, timeout_seconds: 2}, ready: {path: /ready, timeout_seconds: 2}}
login:
  request: {method: POST, path: /login, json: {name: "{name}", password: "{password}"}}
  token: access_token
  users: [{name: alice, password: wonderland-7}, {name: bob, password: looking-glass-7}]
record: {create: {method: POST, path: /items, json: {name: tea}, as: user, id: id}, read: "/items/{id}", list: /items}
limit: {path: /items, requests: 20, window_seconds: 60, key: address}
error_path: /boom
origins: [https://shop.example.org]
openapi: openapi.json
"""
OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "theirs", "version": "1"},
    "paths": {
        "/items": {
            "get": {"responses": {"200": {"description": "items"}}},
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {"201": {"description": "made"}},
            },
        },
        "/items/{id}": {"delete": {"responses": {"204": {"description": "gone"}}}},
    },
}
#: A look is no load: the burst at its limiter alone would be more than this.
FEW_FOR_ONE_PATH = 120


@dataclass
class Theirs:
    """What was asked of it."""

    methods: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    bodies: int = 0
    credentials: int = 0
    port: int = 0


@pytest.fixture
def theirs() -> Iterator[Theirs]:
    seen = Theirs()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            self.rfile.read(length)
            seen.methods[self.command] += 1
            seen.paths[self.path.partition("?")[0]] += 1
            seen.bodies += length > 0
            seen.credentials += "authorization" in self.headers
            known = {"/items": 200, "/live": 200, "/ready": 200, "/me": 401, "/boom": 500}
            body = json.dumps({"status": "ok"}).encode()
            self.send_response(known.get(self.path.partition("?")[0], 404))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    seen.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield seen
    server.shutdown()
    server.server_close()


def look(folder: Path, theirs: Theirs, *more: str) -> Audited:
    (folder / "readiness.yaml").write_text(DECLARED, encoding="utf-8")
    (folder / "openapi.json").write_text(json.dumps(OPENAPI), encoding="utf-8")
    url = f"--readiness-url=http://127.0.0.1:{theirs.port}"
    arguments = ["--readiness-profile=production", f"--readiness-target={folder}", url, "--readiness-format=json"]
    ended = run_audit(folder, *arguments, *more)
    assert "our bug" not in json.dumps(ended.card), ended.explain()
    return ended


def told_by(ended: Audited, impacts: set[str]) -> set[str]:
    """The checks that came to a verdict although what they need would disturb."""
    return {
        row["id"] for row in ended.card["checks"] if row["impact"] in impacts and row["outcome"] in {"pass", "fail"}
    }


def test_a_look_changes_nothing_and_is_no_load(tmp_path: Path, theirs: Theirs) -> None:
    ended = look(tmp_path, theirs)
    assert set(theirs.methods) <= {"GET", "HEAD", "OPTIONS"}, theirs
    assert (theirs.bodies, theirs.paths["/boom"]) == (0, 0), theirs
    assert max(theirs.paths.values()) <= FEW_FOR_ONE_PATH, theirs
    assert ended.outcomes["headers.nosniff"] == "fail", ended.explain()
    assert told_by(ended, {"perturbs", "disrupts"}) == set(), ended.explain()


def test_more_is_allowed_and_nothing_is_ever_disturbed(tmp_path: Path, theirs: Theirs) -> None:
    ended = look(tmp_path, theirs, "--readiness-allow=active")
    assert theirs.paths["/boom"] == 0, theirs
    assert theirs.methods["DELETE"] == 0, theirs
    assert told_by(ended, {"disrupts"}) == set(), ended.explain()
