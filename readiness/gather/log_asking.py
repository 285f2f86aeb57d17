"""The requests of which a log should know."""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from readiness.declared.logs import process_time_of, request_id_of
from readiness.declared.request import request_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.logs import Asked
from readiness.instruments.identity import Identity
from readiness.instruments.raw_http import RawAnswer, send_raw
from readiness.logs.ids import header_among
from readiness.logs.server_timing import has_duration
from readiness.runtime import Capability, Stack
from readiness.target import Entry, Request, Role, Target

__all__ = ["Asking", "Canaries"]

#: Headers that tell a request's duration, where none is declared.
PROCESS_TIME_HEADERS = ("X-Process-Time", "X-Response-Time", "X-Runtime", "X-Request-Duration", "Server-Timing")
MAX_VALUE_CHARS = 300
#: Requests at a time: enough that they overlap in a service of one process, few enough to be ordinary.
AT_A_TIME = 8
MARKER_ROUNDS = 3
#: The claims ledger's figures for reqid.header: 1,000 requests, 50 at a time. Only to a throw-away copy, and only where
#: no limiter counts them.
BURST, BURST_AT_A_TIME = 1000, 50
#: Where nobody has said whether there is a limiter: below what limiters usually allow, so that the looks after this one
#: are not refused. And through a path that a declared limiter counts: a quarter of its figure at most.
UNDECLARED_BURST, COUNTED_BURST = 200, 24
#: A service that answers slowly is asked for so long, and less often: more ids are not worth a longer wait.
BURST_SECONDS = 8.0
#: The body's second half comes so much later: far above any service's own time, far below its patience.
SLOW_SECONDS = 1.0
#: RFC 5737: addresses that are nobody's.
SPOOFED_FIRST, SPOOFED_LAST, SPOOFED_REAL = "203.0.113.77", "198.51.100.8", "203.0.113.78"
#: Another address of the loopback network than the one by which local services know each other.
OTHER_LOOPBACK = "127.0.0.77"
LONG_ID_CHARS = 10_000
FIRST_NOT_SUCCESS = 300
#: RFC 6585, 4: a limiter that nobody declared.
TOO_MANY = 429
#: Shorter ones are words, and are in every log.
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Canaries:
    """Secrets made up for one look: kind -> value, searched for in the logs afterwards."""

    by_kind: dict[str, str] = field(
        default_factory=lambda: {
            kind: f"canary{secrets.token_hex(12)}"
            for kind in (
                "bearer token",
                "password of basic authentication",
                "API key in a header",
                "API key in the query",
                "token in the query",
                "cookie",
            )
        },
        repr=False,
    )

    def headers(self) -> list[tuple[str, str]]:
        """Where they go, but for those of the query and of ``Authorization``."""
        return [("X-Api-Key", self.by_kind["API key in a header"]), ("Cookie", f"session={self.by_kind['cookie']}")]

    def authorizations(self) -> list[tuple[str, str]]:
        """Two ways to say who one is."""
        basic = base64.b64encode(f"canary:{self.by_kind['password of basic authentication']}".encode()).decode()
        return [("Authorization", f"Bearer {self.by_kind['bearer token']}"), ("Authorization", f"Basic {basic}")]

    def query(self) -> str:
        """A query with secrets in it, as careless clients write them."""
        return f"api_key={self.by_kind['API key in the query']}&access_token={self.by_kind['token in the query']}"


@dataclass(kw_only=True)
class Asking:
    """Sends everything; ``asked``, ``burst``, ``header`` and ``source`` say what came of it."""

    target: Target
    stack: Stack
    identity: Identity
    canaries: Canaries
    not_done: dict[str, str]
    asked: list[Asked] = field(default_factory=list)
    burst: dict[str, tuple[str, ...]] = field(default_factory=dict)
    header: str | None = None
    source: str | None = None
    job_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Choose where requests go: past the proxies where that is possible, because it is the service that logs."""
        proxies = self.target.services_of(Role.PROXY)
        self._proxied = [entry for entry in self.target.entries if entry.service in proxies]
        self._direct = next((e for e in self.target.entries if e not in self._proxied), self.target.entries[0])
        # A running system may be written to where its owner allows it, and is still no place for errors on purpose,
        # forged log lines or real jobs.
        self._is_copy = self.stack.runtime != "attached" and Capability.WRITE in self.stack.capabilities
        self._user = list(self.identity.headers.items())
        self.header = request_id_of(self.target).header
        self._time_header = process_time_of(self.target).header

    @property
    def tokens(self) -> dict[str, str]:
        """What identifies the user, where it was given by the login: its password is nobody's business here."""
        values = {name: value.partition(" ")[2] or value for name, value in self.identity.headers.items()}
        return {f"the user's own {name}": value for name, value in values.items() if len(value) >= SHORTEST_TOKEN}

    def run(self) -> None:
        """Send everything of which the log should know, one kind after the other."""
        self._statuses()
        self._markers()
        self._clients()
        self._secrets()
        self._job()
        self._slow()
        self._inbound()

    def _statuses(self) -> None:
        paths = self.target.paths
        for entry in self.target.entries:
            self._ask("ok", paths.ok or Request(path="/"), entry, headers=self._user)
        anonymous = paths.unauthorized or paths.private
        if anonymous is not None:
            self._ask("unauthorized", anonymous, self._direct)
        if paths.invalid is not None:
            headers = self._user if paths.invalid.as_user != "anonymous" else []
            self._ask("invalid", paths.invalid, self._direct, headers=headers)
        if paths.error is None or not self._is_copy:
            self.not_done["error"] = "not configured: error_path" if self._is_copy else "not done to a running system"
        else:
            self._ask("error", paths.error, self._direct, headers=self._user)

    def _markers(self) -> None:
        """Several at a time to paths of their own: what a request logs must name its id and no other's."""
        rounds = MARKER_ROUNDS if self._user or not self.target.limits else 1
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for _ in range(rounds):
                list(pool.map(lambda _: self._marked("marker", "", self._direct, self._user), range(AT_A_TIME)))

    def _clients(self) -> None:
        """Through the proxies and past them, plainly and with somebody else's address on the letter."""
        spoof = [("X-Forwarded-For", f"{SPOOFED_FIRST}, {SPOOFED_LAST}"), ("X-Real-IP", SPOOFED_REAL)]
        # Containers see the address of their network's gateway, whichever address of this machine is used.
        self.source = OTHER_LOOPBACK if self.stack.runtime == "process" else None
        for entry in self._proxied:
            self._marked("client", "plain via proxy", entry, self._user, source=self.source)
            self._marked("client", "spoofed via proxy", entry, [*self._user, *spoof], source=self.source)
        if self._direct not in self._proxied:
            self._marked("client", "plain", self._direct, self._user, source=self.source)
            self._marked("client", "spoofed", self._direct, [*self._user, *spoof], source=self.source)

    def _secrets(self) -> None:
        """Each canary to a path that is, to one that is not, and to one that fails; and through each other entry.

        A proxy, or another service, writes a log of its own, and only of what it has seen.
        """
        paths = self.target.paths
        error = paths.error if self._is_copy else None
        for request in (paths.ok or Request(path="/"), error):
            for authorization in self.canaries.authorizations() if request is not None else ():
                headers = [authorization, *self.canaries.headers()]
                self._ask("canary", request or Request(), self._direct, headers=headers, query=self.canaries.query())
        self._marked("canary", "", self._direct, [*self._user, *self.canaries.headers()], query=self.canaries.query())
        for entry in self.target.entries:
            for authorization in self.canaries.authorizations() if entry is not self._direct else ():
                headers = [authorization, *self.canaries.headers()]
                self._marked("canary", "another entry", entry, headers, query=self.canaries.query())

    def _job(self) -> None:
        raw = self.target.extra.get("jobs")
        if not isinstance(raw, Mapping) or "enqueue" not in raw:
            self.not_done["job"] = self.target.declined.get("jobs", "not configured: jobs")
            return
        if not self._is_copy:
            self.not_done["job"] = "not done to a running system"
            return
        self.job_seconds = float(raw.get("seconds", 0.0)) or 10.0
        enqueue = request_of(raw["enqueue"])
        answer = self._ask("job", enqueue, self._direct, headers=self._user if enqueue.as_user != "anonymous" else [])
        if answer.status is None or answer.status >= FIRST_NOT_SUCCESS:
            self.not_done["job"] = f"the job was not taken: {answer.label}"

    def _slow(self) -> None:
        """A request of known least duration: the declared one, else one whose body comes in two halves."""
        if not self._is_copy:
            self.not_done["slow"] = "not done to a running system"
            return
        paths = self.target.paths
        bodies = (paths.invalid, self.target.login.request if self.target.login else None)
        request = next((r for r in bodies if r is not None and len(r.content()[0]) > 1 and r.service is None), None)
        if request is None:
            self.not_done["slow"] = "not configured: paths.invalid, a request with a body"
            return
        headers = self._user if request.as_user != "anonymous" else []
        self._ask("slow", request, self._direct, headers=headers, body_wait_seconds=SLOW_SECONDS)

    def _inbound(self) -> None:
        header = self.header
        if header is None or header.lower() == "traceparent":
            self.not_done["inbound"] = "no header names the request"
            return
        if not self._is_copy:
            self.not_done["inbound"] = "not done to a running system"
            return
        forged = '{"level":"info","event":"forged","forged":true}'
        values = {
            "well-formed": str(uuid.uuid4()),
            "long": "a" * LONG_ID_CHARS,
            "quotes and braces": f'x"}}{{"{secrets.token_hex(4)}":"',
            "control characters": f"x\x1b[31m\x0b\x01{secrets.token_hex(4)}",
            "line ends": f"x\r {forged}",
            "encoded line ends": f"x%0d%0a{forged}",
        }
        for kind, value in values.items():
            self._marked("inbound", kind, self._direct, [*self._user, (header, value)], sent_id=value)

    def send_burst(self) -> None:
        """Many at a time, only for their ids: to a path that no limiter counts, where there is one.

        After the log was read: so many lines push those about :meth:`run`'s requests out of what runtimes keep.
        """
        if self.header is None:
            return
        exempt = [Request(path=path) for limit in self.target.limits for path in limit.exempt]
        most = BURST if self._is_copy else COUNTED_BURST
        count, request, headers = COUNTED_BURST, self.target.paths.ok or Request(path="/"), self._user
        for candidate in exempt[:5]:
            answer = self._send(candidate, self._direct)
            if answer.status is not None and answer.status < FIRST_NOT_SUCCESS and answer.all(self.header):
                count, request, headers = most, candidate, []
                break
        else:
            if not self.target.limits:
                count = most if "limit" in self.target.declined else min(most, UNDECLARED_BURST)
            elif not self._user:
                self.not_done["burst"] = "the limiter counts every path, and no login is configured"
                return
        for entry in self.target.entries:
            # Through the other entries only to see that the header arrives: the ids are made in one place.
            share = count if entry is self._direct else min(count // 8, COUNTED_BURST)
            self._burst_via(entry, request, headers, share)

    def _burst_via(self, entry: Entry, request: Request, headers: Sequence[tuple[str, str]], count: int) -> None:
        """Send so many through one entry, in rounds that end early where the service is slow or refuses."""
        answers: list[RawAnswer] = []
        deadline = time.monotonic() + BURST_SECONDS
        with ThreadPoolExecutor(BURST_AT_A_TIME) as pool:
            while len(answers) < count:
                share = range(min(BURST_AT_A_TIME, count - len(answers)))
                answers += pool.map(lambda _: self._send(request, entry, headers), share)
                is_refused = any(answer.status == TOO_MANY for answer in answers)
                if len(answers) < count and (is_refused or time.monotonic() > deadline):
                    why = f"it answered {TOO_MANY}" if is_refused else f"{BURST_SECONDS:g} s were over"
                    self.not_done["burst"] = f"{len(answers)} of {count} were sent via {entry.name}: {why}"
                    break
        good = [a for a in answers if a.status is not None and a.status < FIRST_NOT_SUCCESS]
        self.burst[entry.name] = tuple(next(iter(a.all(self.header or "")), "")[:MAX_VALUE_CHARS] for a in good)

    def _marked(self, purpose: str, kind: str, entry: Entry, headers: Sequence[tuple[str, str]], **more: Any) -> Asked:
        """Ask for a path that is nowhere and that no other request of anybody names."""
        marker = f"readiness-{secrets.token_hex(6)}"
        return self._ask(purpose, Request(path=f"/{marker}"), entry, headers=headers, kind=kind, marker=marker, **more)

    def _ask(
        self,
        purpose: str,
        request: Request,
        entry: Entry,
        *,
        headers: Sequence[tuple[str, str]] = (),
        kind: str = "",
        marker: str = "",
        query: str = "",
        sent_id: str = "",
        **more: Any,
    ) -> Asked:
        """Send one request and note what came back."""
        began = time.time()
        path = request.path if not query else f"{request.path}{'&' if '?' in request.path else '?'}{query}"
        answer = self._send(request, entry, headers, path=path, **more)
        if self.header is None:
            self.header = header_among(name for name, _ in answer.headers)
        if self._time_header is None:
            told = (name for name, value in answer.headers if name.lower() != "server-timing" or has_duration(value))
            self._time_header = _first_of(PROCESS_TIME_HEADERS, told)
        asked = Asked(
            purpose=purpose,
            kind=kind,
            entry=entry.name,
            method=request.method,
            path=f"{entry.base}{request.path}".partition("?")[0],
            marker=marker,
            status=answer.status,
            sent_id=_cut(sent_id),
            ids=tuple(_cut(value) for value in (answer.all(self.header)[:4] if self.header else ())),
            process_time=next(iter(answer.all(self._time_header)), "")[:MAX_VALUE_CHARS] if self._time_header else "",
            began=began,
            seconds=answer.seconds,
            at_least_seconds=float(more.get("body_wait_seconds", 0.0)),
            error=answer.error,
        )
        self.asked.append(asked)
        return asked

    def _send(
        self,
        request: Request,
        entry: Entry,
        headers: Iterable[tuple[str, str]] = (),
        *,
        path: str = "",
        **more: Any,
    ) -> RawAnswer:
        body, content_type = request.content()
        own = {"User-Agent": "readiness-audit", **({"Content-Type": content_type} if content_type else {})}
        sent = [*{**own, **request.headers}.items(), *headers]
        try:
            return send_raw(
                self.stack, entry, method=request.method, path=path or request.path, headers=sent, body=body, **more
            )
        except (StackError, UnsupportedError) as error:
            return RawAnswer(error=str(error)[:MAX_VALUE_CHARS])


def _cut(value: str) -> str:
    return value if len(value) <= MAX_VALUE_CHARS else f"{value[:MAX_VALUE_CHARS]}… ({len(value)} characters)"


def _first_of(wanted: Iterable[str], names: Iterable[str]) -> str | None:
    present = {name.lower() for name in names}
    return next((name for name in wanted if name.lower() in present), None)
