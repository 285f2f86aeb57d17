"""What a service is asked while it is stopped, and what its engine would do to it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from readiness.declared.errors import errors_of
from readiness.declared.record import Record, record_of
from readiness.declared.request import request_of
from readiness.declared.validation import validation_of
from readiness.exceptions import GatherError, StackError, UnsupportedError
from readiness.facts.drain import Ending, Kind, Sessions
from readiness.gather.own_user import own_user
from readiness.instruments.client import HttpClient
from readiness.instruments.stores import ask_postgres
from readiness.runtime import ServiceState, Stack
from readiness.target import Entry, ProbeKind, Request, Role, Target
from readiness.verdict import Inconclusive

__all__ = [
    "LAST_WORDS_SECONDS",
    "Manner",
    "Open",
    "SessionCount",
    "app_entry",
    "asked_quickly",
    "back",
    "ending_of",
    "halves",
    "headers_for",
    "id_in",
    "lived",
    "locked_read",
    "manner_of",
    "slow_of",
]

ENTRY_EXAMPLE = "entry:\n  - {name: direct, service: api, port: 8000}   # the service itself, not its proxy"
HALVES_EXAMPLE = "record:\n  create: {method: POST, path: /notes, json: {text: x}, as: user, id: id}"
BACK_SECONDS = 90.0
#: A declared slow request that takes longer is not waited for.
MAX_SLOW_SECONDS = 15.0
#: The lines before the signal that tell how the service logs.
LOG_LINES = 400
_SESSIONS = (
    "select (select coalesce(sum(sessions_abandoned), 0)::bigint from pg_stat_database)::text || '|' || "
    "coalesce((select string_agg(pid::text, ',') from pg_stat_activity "
    "where backend_type = 'client backend' and pid <> pg_backend_pid()), '')"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Open:
    """A request to have in flight."""

    kind: Kind
    request: Request
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manner:
    """How the engine stops the service. ``service`` is its name in the stack."""

    service: str
    signal: str = "SIGTERM"
    grace_seconds: float = 10.0


def app_entry(target: Target) -> Entry:
    """Where the service itself is asked.

    Raises:
        Inconclusive: it is not known which service, or it is only reached through another one, which may answer in its
            place, buffer uploads and try again.
    """
    target.require("service", target.service, example="service: api")
    entry = next((entry for entry in target.entries if entry.service == target.service), None)
    if entry is None:
        raise Inconclusive(
            f"{target.service} is not asked directly, so what another service makes of its end is seen",
            supply=ENTRY_EXAMPLE,
            undeclared="entry",
        )
    return entry


def manner_of(target: Target, stack: Stack) -> Manner:
    """The stop signal and the grace period in force.

    Raises:
        StackError: the engine does not tell.
    """
    service = target.service or ""
    if stack.runtime == "process":
        spec = target.processes[service]
        return Manner(service=service, signal=spec.stop_signal, grace_seconds=spec.stop_grace_seconds)
    container = stack.containers(service)[0]
    name = container.stop_signal if container.stop_signal.startswith("SIG") else f"SIG{container.stop_signal}"
    return Manner(service=service, signal=name, grace_seconds=container.stop_seconds)


def halves(target: Target, *, most: int = 3) -> list[Open]:
    """Requests with a body, to be sent in two parts: writes first."""
    found: list[Open] = []
    record = record_of(target)
    if record is not None and record.create.content()[0]:
        name = f"{record.create.method} {record.create.path}, half sent"
        found += [Open(kind=Kind.WRITE, request=record.create, name=name)] * 2
    harmless = validation_of(target).request
    if harmless is not None and harmless.content()[0]:
        name = f"{harmless.method} {harmless.path}, half sent"
        found.append(Open(kind=Kind.UPLOAD, request=harmless, name=name))
        if len(found) == 1:
            found *= 2
    return found[:most]


def slow_of(target: Target) -> tuple[Request, float] | None:
    """The declared slow request and how long it takes; None where there is none that can be waited for."""
    raw = target.extra.get("slow") or {}
    if "path" not in raw or not raw.get("seconds") or raw["seconds"] > MAX_SLOW_SECONDS:
        return None
    return request_of({key: value for key, value in raw.items() if key not in {"seconds", "body_bytes"}}), raw[
        "seconds"
    ]


def locked_read(target: Target) -> Request | None:
    """A request that waits while the tables of the database are locked, as far as can be told."""
    services = target.services_of(Role.DB)
    needing = next((request for name, request in errors_of(target).needs.items() if name in services), None)
    return needing or (target.paths.ok if services else None)


def asked_quickly(target: Target, entry: Entry) -> Request:
    """What a new connection asks for: something cheap that no limiter counts, where that is known."""
    for kind in (ProbeKind.LIVE, ProbeKind.LEGACY, ProbeKind.HEALTH, ProbeKind.READY):
        probe = target.probes.get(kind)
        if probe is not None and probe.service in {None, entry.service} and probe.port in {None, entry.port}:
            return Request(path=probe.path)
    return target.steady_request


def headers_for(
    target: Target, stack: Stack, http: HttpClient, entry: Entry, *, requests: list[Request], purpose: str
) -> tuple[Mapping[str, str], str]:
    """What makes the caller somebody where a request needs it, and why it could not be had."""
    if all(request.as_user == "anonymous" for request in requests):
        return {}, ""
    try:
        return own_user(target, stack, http, purpose, entry=entry).headers, ""
    except Inconclusive as reason:
        return {}, reason.reason


def id_in(record: Record, body: bytes) -> str | None:
    """The new record's id in the answer to its creation."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    for key in record.id.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None or isinstance(value, dict | list) else str(value)


def ending_of(stack: Stack, manner: Manner, *, zero_unix: float, watched: float, is_killed_later: bool) -> Ending:
    """How the service ended; ``is_killed_later``: whether an engine would have killed it after the grace period."""
    state = stack.state(manner.service)
    grace = manner.grace_seconds if is_killed_later else None
    if state.is_running or not state.finished_at:
        return Ending(signal=manner.signal, watched_seconds=round(watched, 3), grace_seconds=grace)
    return Ending(
        signal=manner.signal,
        watched_seconds=round(watched, 3),
        grace_seconds=grace,
        seconds=round(max(0.0, _unix(state.finished_at) - zero_unix), 3),
        exit_code=state.exit_code,
        is_oom_killed=state.is_oom_killed,
    )


def lived(state: ServiceState) -> float:
    """Seconds from the last start of a service to its end, by the engine's clock; 0 where it has not ended."""
    if state.is_running or not state.finished_at or not state.started_at:
        return 0.0
    return max(0.0, _unix(state.finished_at) - _unix(state.started_at))


def _unix(moment: str) -> float:
    return datetime.fromisoformat(_six_digits(moment)).astimezone(UTC).timestamp()


def _six_digits(moment: str) -> str:
    """Engines write nanoseconds, which the standard library cannot read in every version."""
    head, dot, tail = moment.partition(".")
    digits = "".join(c for c in tail if c.isdigit())
    return f"{head}.{digits[:6]}+00:00" if dot and tail.endswith("Z") else moment


def back(
    target: Target,
    http: HttpClient,
    entry: Entry,
    *,
    seconds: float = BACK_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until the service serves again: its readiness, else an ordinary request; false where it does not."""
    probe = target.probes.get(ProbeKind.READY)
    request = Request(path=probe.path) if probe is not None and probe.service is None else target.steady_request
    expected = set(probe.expect) if probe is not None and probe.service is None else None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            status = http.send(entry, request, timeout_seconds=3.0).status
        except StackError:
            status = None
        if status is not None and (status in expected if expected else status < 500):  # noqa: PLR2004  # server errors
            return True
        sleep(0.1)
    return False


class SessionCount:
    """Asks the database for its sessions, before and after; the first trouble ends it, and is told."""

    def __init__(self, target: Target, stack: Stack) -> None:
        self._stack, self._target = stack, target
        services = target.services_of(Role.DB)
        self.service = services[0] if services else ""
        self._at: list[tuple[int, frozenset[str]]] = []
        self._problem = "" if services else "there is no database"

    def look(self) -> None:
        """One look; ``before`` and ``after`` come from the order."""
        if self._problem:
            return
        users = [name for name in (self._target.service, *self._stack.services) if name]
        try:
            text = ask_postgres(self._stack, self.service, _SESSIONS, users=users)
            count, _, pids = text.strip().partition("|")
            self._at.append((int(count), frozenset(filter(None, pids.strip().split(",")))))
        except (GatherError, StackError, UnsupportedError, ValueError) as error:
            self._problem = str(error)[:300] or "the answer cannot be read"

    def result(self) -> Sessions | None:
        """From three looks: at rest, right before the signal, after the end. None without a database."""
        if not self.service:
            return None
        if self._problem or len(self._at) != 3:  # noqa: PLR2004  # the three looks
            return Sessions(service=self.service, problem=self._problem or "not asked")
        (first, _), (second, before), (third, after) = self._at
        return Sessions(
            service=self.service,
            before=len(before),
            after=len(before & after),
            abandoned=third - second,
            at_rest=second - first,
        )


#: What was cut at the very end is told as such.
LAST_WORDS_SECONDS = 0.2
