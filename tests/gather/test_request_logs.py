from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from readiness.declared.logs import LogFileDeclared
from readiness.exceptions import StackError
from readiness.facts._codec import decode, encode
from readiness.facts.logs import Asked, RequestLogs
from readiness.gather import log_asking, log_reading, request_logs
from readiness.gather.log_reading import CUT_BYTES, addresses_of, files_of, shortened, sorted_out
from readiness.instruments.client import SAFE_METHODS, HttpClient
from readiness.instruments.identity import Identity
from readiness.instruments.raw_http import RawAnswer
from readiness.runtime import Capability, Completed, Endpoint
from readiness.target import Entry, Limit, Login, Paths, Request, Role, Target
from readiness.verdict import Inconclusive

ENTRIES = (Entry(name="proxy", service="web", port=80), Entry(name="direct", service="api", port=8000))
PASSWORD, TOKEN = "alice-long-password", "token-of-nobody-else-at-all"


@dataclass
class Service:
    """Names every request, and logs it as ``line`` says."""

    log: list[tuple[dt.datetime, str]] = field(default_factory=list)
    worked: list[str] = field(default_factory=list)
    served: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    logs_queries: bool = False
    is_silent: bool = False
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], str]:
        self.served.append((method, path, headers))
        known = f"{next(self.numbers):032x}"
        route = path.partition("?")[0]
        status = {"/items": 200, "/live": 200, "/boom": 500, "/auth/login": 200, "/jobs": 202, "/me": 401}.get(
            route, 404
        )
        if route == "/auth/register":
            status = 422 if b'""' in body else 201
        line = {"path": path if self.logs_queries else route, "method": method, "status": status, "request_id": known}
        if not self.is_silent and route != "/live":
            self.log.append((dt.datetime.now(dt.UTC), json.dumps({"level": "info", "event": "request", **line})))
        if route == "/jobs":
            self.worked.append(json.dumps({"event": "job done", "request_id": known}))
        text = json.dumps({"access_token": TOKEN}) if route == "/auth/login" else "{}"
        return status, {"X-Request-ID": known, "X-Process-Time": "0.001"}, text


@contextlib.contextmanager
def serving(service: Service) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, text = service.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {**extra, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 64  # the kernel lets connections beyond it wait for a second

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class FakeStack:
    """One port for every entry; the log is what the service kept."""

    services = ("web", "api", "worker")

    def __init__(
        self,
        port: int,
        service: Service,
        *,
        runtime: str = "process",
        capabilities: frozenset[Capability] = frozenset(Capability),
        outputs: Sequence[Completed] = (),
        proxy_log: str | None = None,
    ) -> None:
        self.port, self.service, self.runtime, self.capabilities = port, service, runtime, capabilities
        self.outputs, self.proxy_log = list(outputs), proxy_log
        self.commands: list[Sequence[str]] = []

    def endpoint(self, service: str, port: int) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.port)

    def environment(self, service: str) -> dict[str, str]:
        return {"LOG_PATH": "/state/logs"}

    def logs(self, service: str, *, since: dt.datetime | None = None, tail: int = 1000) -> str:
        if service == "web":
            if self.proxy_log is None:
                raise StackError("no log of web")
            return self.proxy_log
        if service == "worker":
            return "\n".join(self.service.worked)
        return "\n".join(text for at, text in self.service.log if since is None or at >= since)

    def execute(self, service: str, command: Sequence[str], *, timeout_seconds: float = 30.0) -> Completed:
        self.commands.append(command)
        if not self.outputs:
            raise StackError("nothing can be executed")
        return self.outputs.pop(0)


def shop(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "name": "shop",
        "folder": "shop",
        "service": "api",
        "entries": ENTRIES,
        "roles": {Role.APP: ("api",), Role.WORKER: ("worker",), Role.PROXY: ("web",)},
        "limits": (Limit(path="/items", requests=100, key="user", exempt=("/live",)),),
        "paths": Paths(
            ok=Request(path="/items"),
            private=Request(path="/me", as_user="user"),
            invalid=Request(method="POST", path="/auth/register", json={"name": ""}),
            error=Request(path="/boom"),
        ),
        "login": Login(
            register=Request(method="POST", path="/auth/register", json={"name": "{name}"}),
            request=Request(method="POST", path="/auth/login", json={"name": "{name}", "password": "{password}"}),
            users=({"name": "alice", "password": PASSWORD},),
        ),
        "extra": {"jobs": {"enqueue": {"method": "POST", "path": "/jobs", "json": {}, "as": "user"}, "seconds": 1}},
    }
    return Target(**{**values, **changes})


def quiet(what: str, *, at_most_seconds: float | None = None) -> None:
    pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_asking, "SLOW_SECONDS", 0.01)
    monkeypatch.setattr(log_asking, "BURST", 24)
    monkeypatch.setattr(request_logs, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(request_logs, "JOB_SECONDS", 0.0)


def collect(service: Service, target: Target | None = None, **changes: Any) -> tuple[RequestLogs, FakeStack]:
    with serving(service) as port:
        stack: Any = FakeStack(port, service, **changes)
        with HttpClient(stack) as client:
            fact = request_logs.collect(target or shop(), stack, client, quiet, sleep=lambda _: None)
        return fact, stack


def test_each_marked_request_is_found_in_the_log_by_its_path_and_its_id() -> None:
    fact, _ = collect(Service())
    assert fact.header == "X-Request-ID"
    assert fact.no_logs == ""
    markers = fact.of("marker")
    assert len(markers) == 24
    for asked in markers:
        lines = [line for line in fact.lines if asked.marker in line.text]
        assert [json.loads(line.text)["request_id"] for line in lines] == list(asked.ids)
    assert decode(RequestLogs, json.loads(json.dumps(encode(fact)))) == fact


def test_ids_of_many_answers_at_a_time_are_kept_per_entry() -> None:
    fact, _ = collect(Service())
    assert {entry: len(set(ids)) for entry, ids in fact.burst.items()} == {"proxy": 3, "direct": 24}


def test_the_job_s_id_is_among_the_workers_lines() -> None:
    fact, _ = collect(Service())
    job = fact.of("job")[0]
    assert fact.workers == ("worker",)
    assert [line.service for line in fact.lines if job.ids[0] in line.text] == ["api", "worker"]


def test_each_purpose_is_asked_for() -> None:
    fact, _ = collect(Service())
    assert {asked.purpose for asked in fact.asked} == {
        "ok", "unauthorized", "invalid", "error", "marker", "client", "canary", "job", "slow", "inbound",
    }  # fmt: skip
    assert fact.not_done == {}
    assert fact.of("slow")[0].at_least_seconds == 0.01
    assert all(asked.process_time == "0.001" for asked in fact.of("ok"))


def test_no_secret_is_in_the_fact_and_a_leak_says_where_it_was() -> None:
    service = Service(logs_queries=True)
    fact, _ = collect(service)
    text = json.dumps(encode(fact))
    sent = {word for _, path, _ in service.served for word in path.replace("&", "=").split("=") if "canary" in word}
    assert len(sent) == 2
    assert not any(word in text for word in (*sent, TOKEN, PASSWORD))
    assert {(leak.kind, leak.service) for leak in fact.leaks} == {
        ("API key in the query", "api"),
        ("token in the query", "api"),
    }
    assert all("***" in leak.line for leak in fact.leaks)


def test_a_sound_log_has_no_leak_and_unreadable_ones_are_not_said_to_be_searched() -> None:
    fact, _ = collect(Service())
    assert fact.leaks == ()
    assert fact.searched == ("api", "worker")
    assert len(fact.canaries) == 6


def entries_asked(monkeypatch: pytest.MonkeyPatch, target: Target, **changes: Any) -> list[tuple[str, str, str]]:
    """Entry, path and headers of each request that would be sent."""
    sent: list[tuple[str, str, str]] = []

    def note(stack: Any, entry: Entry, *, path: str, headers: Any, **more: Any) -> RawAnswer:
        sent.append((entry.name, path, str(headers)))
        return RawAnswer(status=404)

    monkeypatch.setattr(log_asking, "send_raw", note)
    stack: Any = FakeStack(0, Service(), **changes)
    canaries = log_asking.Canaries()
    log_asking.Asking(
        target=target, stack=stack, identity=Identity(name="nobody"), canaries=canaries, not_done={}
    ).run()
    return [(n, p, h) for n, p, h in sent if any(value in p + h for value in canaries.by_kind.values())]


def test_every_secret_goes_through_the_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = entries_asked(monkeypatch, shop())
    for entry in ("proxy", "direct"):
        assert [path for name, path, _ in sent if name == entry and "api_key=canary" in path]
        text = "".join(headers for name, _, headers in sent if name == entry)
        assert all(word in text for word in ("Bearer canary", "Basic ", "X-Api-Key", "session=canary"))


def test_a_proxy_is_searched_only_if_a_secret_passed_through_it() -> None:
    assert "web" in collect(Service(), proxy_log="started")[0].searched
    around = shop(entries=ENTRIES[1:])
    assert "web" not in collect(Service(), around, proxy_log="started")[0].searched


def test_every_secret_goes_through_another_service_s_entry_too(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Entry(name="admin", service="admin", port=9000)
    sent = entries_asked(monkeypatch, shop(entries=(*ENTRIES, other)))
    assert {name for name, _, _ in sent} == {"proxy", "direct", "admin"}


def test_what_a_proxy_logs_of_the_requests_is_kept_apart() -> None:
    marker = "readiness-0123456789ab"
    asked = Asked(purpose="client", entry="proxy", method="GET", path=f"/{marker}", marker=marker, status=404)
    secrets = {"bearer token": "canary0123456789"}
    log = f"GET /{marker}?t=canary0123456789 404 0.003\nGET /other 200 0.001\n"
    (line,) = log_reading.lines_naming(RequestLogs(asked=(asked,)), {"web": log}, secrets)
    assert (line.service, line.text) == ("web", f"GET /{marker}?t=*** 404 0.003")


def test_a_service_that_logs_nothing_is_waited_for_and_then_left() -> None:
    fact, _ = collect(Service(is_silent=True))
    assert fact.counts["api"] == {}
    assert fact.of("marker")


def test_without_logs_the_answers_remain() -> None:
    fact, _ = collect(Service(), capabilities=frozenset(Capability) - {Capability.LOGS})
    assert fact.no_logs
    assert fact.burst["direct"]
    assert fact.lines == ()


def test_a_running_system_gets_harmless_requests_alone() -> None:
    service = Service()
    fact, _ = collect(service, shop(login=None), runtime="attached", capabilities=frozenset({Capability.LOGS}))
    assert {method for method, _, _ in service.served} <= SAFE_METHODS
    assert {"error", "inbound", "job", "slow", "login"} <= set(fact.not_done)
    assert not [path for _, path, _ in service.served if path.startswith("/boom")]


def test_a_running_system_that_may_be_written_to_is_still_no_copy() -> None:
    service = Service()
    allowed = frozenset({Capability.WRITE, Capability.LOGS})
    fact, _ = collect(service, shop(limits=()), runtime="attached", capabilities=allowed)
    assert {"error", "inbound", "job", "slow"} <= set(fact.not_done)
    assert not [path for _, path, _ in service.served if path.startswith(("/boom", "/jobs"))]
    assert max(len(value) for _, _, headers in service.served for value in headers.values()) < 1000
    assert max(map(len, fact.burst.values())) <= log_asking.COUNTED_BURST


def test_so_many_are_sent_that_two_share_an_id_where_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_asking, "BURST", 400)
    assert {e: len(ids) for e, ids in collect(Service())[0].burst.items()} == {"proxy": 24, "direct": 400}
    undeclared = collect(Service(), shop(limits=()))[0]
    assert len(undeclared.burst["direct"]) == log_asking.UNDECLARED_BURST
    declined = collect(Service(), shop(limits=(), declined={"limit": "nobody is refused"}))[0]
    assert len(declined.burst["direct"]) == 400


def test_a_slow_service_is_asked_less_often_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_asking, "BURST", 400)
    monkeypatch.setattr(log_asking, "BURST_SECONDS", 0.0)
    fact, _ = collect(Service())
    assert len(fact.burst["direct"]) == log_asking.BURST_AT_A_TIME
    assert fact.not_done["burst"] == "50 of 400 were sent via direct: 0 s were over"


def test_many_requests_end_where_the_first_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Limiting(Service):
        def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], str]:
            status, extra, text = super().answer(method, path, headers, body)
            return (429 if path == "/items" and len(self.served) > 100 else status), extra, text

    monkeypatch.setattr(log_asking, "BURST", 400)
    service = Limiting()
    fact, _ = collect(service, shop(limits=(), declined={"limit": "nobody is refused"}))
    assert "it answered 429" in fact.not_done["burst"]
    assert len(service.served) < 250


def test_the_log_is_read_before_many_requests_fill_it() -> None:
    lines = []

    class Noting(FakeStack):
        def logs(self, service: str, *, since: dt.datetime | None = None, tail: int = 1000) -> str:
            lines.append(len([path for _, path, _ in self.service.served if path == "/live"]))
            return super().logs(service, since=since, tail=tail)

    service = Service()
    with serving(service) as port:
        stack: Any = Noting(port, service)
        with HttpClient(stack) as client:
            request_logs.collect(shop(), stack, client, quiet, sleep=lambda _: None)
    assert set(lines) == {0}
    assert len([path for _, path, _ in service.served if path == "/live"]) > 24


def test_anonymous_requests_are_few_where_a_limiter_counts_them() -> None:
    fact, _ = collect(Service(), shop(login=None))
    assert len(fact.of("marker")) == 8


def test_there_is_nothing_to_ask_without_an_entry() -> None:
    with pytest.raises(Inconclusive, match="no entry"):
        collect(Service(), shop(entries=()))


def test_lines_that_are_no_json_are_counted_and_shown() -> None:
    texts = {"api": 'INFO started\n{"level": "info", "event": "x"}\n\n[1, 2]\n'}
    fact = sorted_out(RequestLogs(services=("api",)), texts, {}, {})
    assert fact.counts == {"api": {"text": 2, "json": 1}}
    assert [line.text for line in fact.strange] == ["INFO started", "[1, 2]"]
    assert fact.levels == {"INFO": 1, "info": 1}


def test_levels_of_text_are_counted_before_lines_are_left_out_and_one_of_each_is_kept() -> None:
    texts = {"api": "INFO: x\n" * 40 + "  File x.py\n" + "2026-01-01 12:00:00,123 - app.db - DEBUG - SELECT\n" * 30}
    fact = sorted_out(RequestLogs(services=("api",)), texts, {}, {})
    assert fact.levels == {"INFO": 40, "DEBUG": 30}
    assert [line.text[:7] for line in fact.sample] == ["INFO: x", "2026-01"]


def test_levels_are_not_pushed_out_by_figures_of_the_same_name() -> None:
    figures = "".join(json.dumps({"level": n + 0.5}) + "\n" for n in range(90)) * 2
    fact = sorted_out(RequestLogs(services=("api",)), {"api": f'{figures}{{"level": "debug"}}\n'}, {}, {})
    assert fact.levels["debug"] == 1


def test_an_id_that_begins_another_is_not_found_in_the_other_s_line() -> None:
    texts = {"api": '{"reqId": "req-1", "n": 1}\n{"reqId": "req-14", "n": 2}\n'}
    asked = Asked(purpose="ok", entry="direct", method="GET", path="/items", status=200, ids=("req-1",))
    fact = sorted_out(RequestLogs(asked=(asked,), services=("api",)), texts, {}, {})
    assert [json.loads(line.text)["n"] for line in fact.lines] == [1]


def test_a_line_that_the_engine_cut_is_one_line() -> None:
    long = json.dumps({"level": "error", "event": "x" * CUT_BYTES})
    texts = {"api": f"{long[:CUT_BYTES]}\n{long[CUT_BYTES:]}\n"}
    fact = sorted_out(RequestLogs(services=("api",)), texts, {}, {})
    assert fact.counts == {"api": {"json": 1}}


def test_a_long_object_stays_one() -> None:
    line = json.dumps({"event": "e" * 9000, "frames": [{"name": "f" * 900}] * 50, "status": 500})
    kept = json.loads(shortened(line))
    assert kept["status"] == 500
    assert len(kept["frames"]) == 3
    assert len(shortened("text " * 9000)) == 4000


LISTING = """total 40
drwxr-xr-x 2 0 0 4096 Sep 21 14:13 archive
-rw-r--r-- 1 0 0 9000 Sep 21 14:13 api.log
-rw-r--r-- 1 0 0 16300 Sep 21 14:12 api.log.1
-rw-r--r-- 1 0 0 100 Sep 21 14:12 api.error.log
"""


def test_a_declared_file_is_read_with_what_it_was_rotated_to() -> None:
    outputs = [Completed(exit_code=0, output=LISTING), Completed(exit_code=0, output='{"level": "info"}\n' * 2)]
    stack: Any = FakeStack(0, Service(), outputs=outputs)
    (file,) = files_of([LogFileDeclared(service="api", path="${LOG_PATH}/api.log")], stack)
    assert (file.size_bytes, file.rotated, file.levels) == (9000, {"api.log.1": 16300}, {"info": 2})
    assert stack.commands[0] == ["ls", "-ln", "/state/logs"]
    assert stack.commands[1][-2:] == ["/state/logs/api.log.1", "/state/logs/api.log"]


def test_levels_in_a_file_of_text_are_counted() -> None:
    listing = "-rw-r--r-- 1 0 0 900 Sep 21 14:13 err.log\n"
    text = "2026-01-01 12:00:00,123 - app - ERROR - boom\nTraceback (most recent call last):\nValueError: x\n"
    outputs = [Completed(exit_code=0, output=listing), Completed(exit_code=0, output=text)]
    stack: Any = FakeStack(0, Service(), outputs=outputs)
    (file,) = files_of([LogFileDeclared(service="api", path="/logs/err.log")], stack)
    assert file.levels == {"ERROR": 1}


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ([], "nothing can be executed"),
        ([Completed(exit_code=2, output="No such file or directory")], "No such file"),
        ([Completed(exit_code=0, output="total 0\n")], "it is not there"),
    ],
)
def test_a_file_that_cannot_be_seen_says_why(outputs: list[Completed], problem: str) -> None:
    stack: Any = FakeStack(0, Service(), outputs=outputs)
    (file,) = files_of([LogFileDeclared(service="api", path="/logs/api.log")], stack)
    assert problem in file.problem


def test_a_container_s_own_addresses_are_those_of_its_kernel() -> None:
    table = "Main:\n  |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 172.18.0.0\n     /16 link UNICAST\n"
    table += "  |-- 172.18.0.4\n     /32 host LOCAL\n"
    stack: Any = FakeStack(0, Service(), runtime="compose", outputs=[Completed(exit_code=0, output=table * 2)])
    assert addresses_of(stack, "web") == ("172.18.0.4",)
    assert addresses_of(stack, "web") == ()


def test_what_is_masked_cannot_be_found_in_base64_either() -> None:
    secret = "canary0123456789abcdef"
    line = 'authorization: "Basic Y2FuYXJ5OmNhbmFyeTAxMjM0NTY3ODlhYmNkZWY="'
    leaks = log_reading.leaks_in({"api": line}, (), {"password": secret})
    assert [leak.kind for leak in leaks] == ["password"]
    assert "Y2FuYXJ5OmNhbmFyeTAxMjM0NTY3ODlhYmNkZWY" not in leaks[0].line
