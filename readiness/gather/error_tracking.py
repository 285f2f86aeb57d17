"""Put a stub in the error tracker's place, let requests fail, and read what comes; then let the tracker hang."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from readiness.check import Impact
from readiness.declared.tracking import SECRET, Tracking, tracking_of
from readiness.exceptions import StackError, UnsupportedError
from readiness.facts.tracking import Captured, ErrorTracking, Leak, Provoked, Sampled, Stopped, Waiting
from readiness.gather import gatherer
from readiness.gather.own_user import environment_of, own_user
from readiness.gather.reaching import reaches
from readiness.instruments.client import SAFE_METHODS, HttpClient
from readiness.instruments.identity import PLAIN
from readiness.instruments.stub import Plan, Script, Stub, Stubs, answer, hang
from readiness.instruments.variants import Variants
from readiness.runtime import Progress, Stack, Variant
from readiness.target import Request, Role, Target
from readiness.tracking.envelope import (
    MAX_BYTES,
    UnreadableError,
    captured,
    decompressed,
    places_of,
    read_envelope,
    told_ratio,
)
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.facts.http import Exchange
    from readiness.instruments.stub import Received
    from readiness.target import Entry
    from readiness.tracking.envelope import Envelope

__all__ = ["SUPPLY", "Patience", "error_tracking", "observe"]

SUPPLY = "tracking: {dsn_env: SENTRY_DSN, traces_sample_ratio: 0.1}"
FAILED = 500
UNAUTHORIZED, FORBIDDEN = 401, 403
#: Enough that the limiter of the stack under audit is not what is measured.
NO_LIMIT = "1000000"
ANSWERED = answer(body=b'{"id":"00000000000000000000000000000000"}')


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often, how long and how much; seconds.

    Attributes:
        event: the ledger's bound on an event's way.
        quiet: nothing more came for so long: the rest is not coming.
        few: requests whose traces are counted, where the traces themselves tell their ratio.
        many: where they do not: then the number alone has to tell 0.1 from 0.2.
        failing: failing requests with a tracker that answers, and with one that hangs.
        blocked: a request that takes so long waits for the tracker; a second one is not asked for.
        back: for a store that was stopped.
        read_bytes: of all envelopes together, decompressed. A thousand traced requests of 50 KiB each are a fifth of
            it; of an envelope only what is judged is kept, so this bounds the time that reading takes.
        events: a few are expected; a client in a loop must not fill this machine.
    """

    event: float = 10.0
    quiet: float = 1.0
    few: int = 100
    many: int = 1000
    failing: int = 5
    blocked: float = 8.0
    back: float = 30.0
    read_bytes: int = 256 * 1024 * 1024
    events: int = 1000


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=180)
def error_tracking(target: Target, variants: Variants, stubs: Stubs, progress: Progress) -> ErrorTracking:
    """What reaches the tracker of a variant of the stack, whose tracker is ours."""
    target.require("tracking", True, example=SUPPLY)
    declared = tracking_of(target)
    target.require("tracking.dsn_env", declared.dsn_env, example=SUPPLY)
    service = declared.service or target.service
    if service is None or not target.entries:
        raise Inconclusive("which service sends errors is not known", undeclared="service", supply="service: api")
    script = Script(otherwise=Plan(then=ANSWERED))
    with stubs(script) as stub:
        address = f"http://{secrets.token_hex(16)}@{stub.host}:{stub.port}/1"
        limits = {limit.env["requests"]: NO_LIMIT for limit in target.limits if "requests" in limit.env}
        variant = Variant(name="tracked", environment={service: {**limits, declared.dsn_env: address}})
        with variants(variant) as stack, HttpClient(stack) as http:
            progress("provoking errors for a tracker of our own", at_most_seconds=120)
            return observe(target, declared, stack, http, stub, service=service)


def observe(
    target: Target,
    declared: Tracking,
    stack: Stack,
    http: HttpClient,
    stub: Stub,
    *,
    service: str,
    patience: Patience | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ErrorTracking:
    """Provoke, count, disturb; the stub answers at the end as at the beginning."""
    watch = _Watch(
        target=target,
        http=http,
        stub=stub,
        entry=next((e for e in target.entries if e.service == service), target.entries[0]),
        patience=patience or Patience(),
        clock=clock,
    )
    environment = environment_of(target, stack, service).get(declared.environment_env, "")
    watch.become_somebody(stack)
    error = declared.error or target.paths.error
    provoked: list[Provoked] = []
    is_reachable: bool | None = True
    waiting: Waiting | None = None
    if error is None:
        watch.not_done["unhandled"] = "not configured: error_path"
    else:
        unhandled = watch.provoke("unhandled", [error], trace_id=secrets.token_hex(16))
        is_protected = unhandled.status is not None and watch.is_protected(error)
        provoked.append(dataclasses.replace(unhandled, is_protected=is_protected))
        if stub.count == 0:
            is_reachable = reaches(stack, service, stub)
    sampled = watch.sample(declared)
    usual = watch.time_failures(error) if error is not None else ()
    if is_reachable:
        provoked += watch.provoke_outages(stack)
    if error is not None and usual and is_reachable:
        waiting = watch.hang_with(error, usual, stack, service)
    return ErrorTracking(
        is_reachable=is_reachable if stub.count == 0 else True,
        envelopes=len(watch.arrived()),
        unreadable=tuple(sorted(watch.unreadable)),
        expected_environment=environment,
        provoked=tuple(p for p in provoked if p.status is not None),
        secrets=tuple(sorted({label for label, _ in watch.sent})),
        leaks=tuple(watch.leaks()),
        sampled=sampled,
        waiting=waiting,
        not_done=watch.not_done,
    )


@dataclass(frozen=True, kw_only=True)
class _Arrived:
    """What is judged of one envelope.

    Attributes:
        at: monotonic time when it came.
        leaks: label, value and place of each secret in it. The value never leaves this file.
    """

    at: float
    events: tuple[Captured, ...] = ()
    transactions: int = 0
    told_ratio: float | None = None
    leaks: tuple[tuple[str, str, str], ...] = ()


@dataclass(kw_only=True)
class _Watch:
    """Sends to the stack with secrets in every place, and reads what the stub receives."""

    target: Target
    http: HttpClient
    stub: Stub
    entry: Entry
    patience: Patience
    clock: Callable[[], float]
    headers: dict[str, str] = field(default_factory=dict)
    is_somebody: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    sent: set[tuple[str, str]] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    not_done: dict[str, str] = field(default_factory=dict)
    _arrived: list[_Arrived] = field(default_factory=list)
    _seen: int = 0
    _read_bytes: int = 0
    _kept_events: int = 0

    def become_somebody(self, stack: Stack) -> None:
        """Log in where that is possible, and make up what else is secret."""
        for place in ("cookie", "query", "body", "API key header"):
            self.secrets[place] = f"canary{secrets.token_hex(12)}"
        try:
            identity = own_user(self.target, stack, self.http, "tracked")
        except Inconclusive as reason:
            self.not_done["login"] = reason.reason
            self.headers = {"Authorization": f"Bearer {self._new('Authorization')}"}
            self.is_somebody = False
        else:
            self.headers = dict(identity.headers)
            self.is_somebody = True
            for number, value in enumerate(sorted(identity.secrets), start=1):
                self.secrets[f"login ({number})"] = value
        cookie = next((v for n, v in self.headers.items() if n.lower() == "cookie"), "")
        self.headers = {n: v for n, v in self.headers.items() if n.lower() != "cookie"}
        self.headers["Cookie"] = "; ".join(part for part in (cookie, f"session={self.secrets['cookie']}") if part)
        self.headers.setdefault("X-Api-Key", self.secrets["API key header"])

    def _new(self, place: str) -> str:
        self.secrets[place] = f"canary{secrets.token_hex(12)}"
        return self.secrets[place]

    def provoke(self, name: str, requests: list[Request], *, trace_id: str = "") -> Provoked:
        """Send the first of these requests that fails, as part of a trace where one is given, and wait for its event."""
        last: Exchange | None = None
        for request in requests:
            for has_query in (True, False):
                before = self.clock()
                last = self._send(request, has_query=has_query, headers=_tracing(trace_id))
                if last is not None and last.status is not None and last.status >= FAILED:
                    self._note_secrets(request, has_query=has_query)
                    return Provoked(
                        name=name,
                        request=f"{last.method} {last.url.partition('?')[0]}: {last.status}",
                        status=last.status,
                        as_user=self.is_somebody,
                        events=self._await_events(before),
                        trace_id=trace_id,
                    )
        said = last.label.replace(self.secrets["query"], "***") if last is not None else "nothing was sent"
        self.not_done[name] = f"no request failed: {said}"
        return Provoked(name=name, request="", status=None)

    def is_protected(self, request: Request) -> bool:
        """Whether a request that fails with this login is refused without one."""
        if not self.is_somebody:
            return False
        try:
            answer = self.http.send(self.entry, _filled(request, self.secrets["body"]), headers=PLAIN)
        except StackError:
            return False
        # Whoever changes something may also be forbidden it for want of a token against forged requests (CWE-352).
        is_reading = request.method.upper() in SAFE_METHODS
        return answer.status == UNAUTHORIZED or (answer.status == FORBIDDEN and is_reading)

    def _send(self, request: Request, *, has_query: bool, headers: Mapping[str, str] | None = None) -> Exchange | None:
        filled = _filled(request, self.secrets["body"])
        if has_query:
            joint = "&" if "?" in filled.path else "?"
            filled = dataclasses.replace(filled, path=f"{filled.path}{joint}access_token={self.secrets['query']}")
        try:
            return self.http.send(self.entry, filled, headers={**PLAIN, **self.headers, **(headers or {})})
        except StackError:
            return None

    def _note_secrets(self, request: Request, *, has_query: bool) -> None:
        for label, value in self.secrets.items():
            is_sent = {"query": has_query, "body": _filled(request, value) != request}.get(label, True)
            if is_sent:
                self.sent.add((label.partition(" (")[0], value))

    def _await_events(self, since: float) -> tuple[Captured, ...]:
        """Events that came after ``since``; a moment longer than the first, for those that come in two."""
        ended = self.clock()

        def found() -> tuple[Captured, ...]:
            return tuple(
                dataclasses.replace(event, seconds=round(max(0.0, arrived.at - ended), 3))
                for arrived in self.arrived(since=since)
                for event in arrived.events
            )

        self.stub.wait_until(lambda: bool(found()), seconds=self.patience.event)
        return found()

    def arrived(self, *, since: float = 0.0) -> list[_Arrived]:
        """Every envelope that came, oldest first."""
        received = self.stub.received("/")
        for request in received[self._seen :]:
            if request.path.partition("?")[0].rstrip("/").endswith(("/envelope", "/store")):
                self._arrived.append(self._read(request))
        self._seen = len(received)
        return [arrived for arrived in self._arrived if arrived.at >= since]

    def _read(self, request: Received) -> _Arrived:
        """What is judged of an envelope; the rest of it is not kept."""
        bound = min(MAX_BYTES, self.patience.read_bytes - self._read_bytes)
        try:
            plain = decompressed(request.body, request.first("content-encoding") or "", at_most=bound)
        except UnreadableError as error:
            # What grew too large has been read up to there.
            self._read_bytes += bound
            self.unreadable.add(str(error)[:200])
            return _Arrived(at=request.at)
        self._read_bytes += len(plain)
        try:
            envelope = read_envelope(request.path, plain)
        except UnreadableError as error:
            self.unreadable.add(str(error)[:200])
            return _Arrived(at=request.at)
        return _Arrived(
            at=request.at,
            events=self._events_of(envelope),
            transactions=envelope.transactions,
            told_ratio=told_ratio(envelope),
            leaks=tuple(
                (label.partition(" (")[0], value, place)
                for label, value in self.secrets.items()
                for place in places_of(value, envelope)
            ),
        )

    def _events_of(self, envelope: Envelope) -> tuple[Captured, ...]:
        try:
            events = tuple(captured(event, seconds=0.0) for event in envelope.errors())
        except UnreadableError as error:
            self.unreadable.add(str(error)[:200])
            return ()
        kept = events[: self.patience.events - self._kept_events]
        if len(kept) < len(events):
            self.unreadable.add(f"more than {self.patience.events} events came, and no more were kept")
        self._kept_events += len(kept)
        return kept

    def leaks(self) -> Iterator[Leak]:
        """Every secret that was sent with a failing request, or to log in, wherever it came out again."""
        found = {leak for arrived in self.arrived() for leak in arrived.leaks}
        seen = set()
        for label, value, place in sorted(found):
            if (label, value) in self.sent and (label, place) not in seen:
                seen.add((label, place))
                yield Leak(secret=label, place=place)

    def sample(self, declared: Tracking) -> Sampled | None:
        """Send ordinary requests and count the transactions that come of them."""
        request = self.target.paths.ok
        if declared.traces_sample_ratio is None or request is None:
            missing = "tracking.traces_sample_ratio" if declared.traces_sample_ratio is None else "paths.ok"
            self.not_done["sampling"] = f"not configured: {missing}"
            return None
        began, answered = self.clock(), 0
        for number in range(self.patience.many):
            if number == self.patience.few:
                self._let_come()
                if self._told(began):
                    break
            response = self._send(request, has_query=False)
            if response is None or response.status is None or response.status >= 400:  # noqa: PLR2004  # refused or failed
                said = response.label if response is not None else "no answer"
                self.not_done["sampling"] = f"ended after {answered} requests: {said}"
                break
            answered += 1
        self._let_come()
        return Sampled(
            answered=answered,
            transactions=sum(arrived.transactions for arrived in self.arrived(since=began)),
            told_ratios=self._told(began),
        )

    def _told(self, since: float) -> tuple[float, ...]:
        seen = (arrived.told_ratio for arrived in self.arrived(since=since) if arrived.transactions)
        return tuple(sorted({ratio for ratio in seen if ratio is not None}))

    def _let_come(self) -> None:
        """Wait until nothing more comes."""
        deadline = self.clock() + self.patience.event
        while self.clock() < deadline:
            before = self.stub.count
            if not self.stub.wait_until(lambda before=before: self.stub.count > before, seconds=self.patience.quiet):  # type: ignore[misc]  # bound now
                return

    def provoke_outages(self, stack: Stack) -> list[Provoked]:
        """Stop one store after the other in this throw-away variant, and see what fails without it."""
        provoked = []
        for role in (Role.REDIS, Role.DB):
            service = next(iter(self.target.services_of(role)), None)
            if service is None:
                continue
            # What earlier errors have still to send is not of this outage.
            self._let_come()
            try:
                stack.stop(service)
                provoked.append(self.provoke(role.value, self._candidates()))
                stack.start(service)
            except StackError as error:
                self.not_done[role.value] = str(error)[:300]
                return provoked
            if not self._is_back():
                self.not_done["hanging"] = f"the stack did not come back after {service} had been stopped"
                return provoked
        return provoked

    def _candidates(self) -> list[Request]:
        """Requests that may need a store: read, read one's own, log in."""
        paths, login = self.target.paths, self.target.login
        requests = [request for request in (paths.ok, paths.private) if request is not None]
        if login is not None and login.request is not None and login.users:
            first = login.users[0]
            user = {**first, "name": f"tracked-{first.get('name', 'user')}"} if login.register else login.users[-1]
            raw = json.dumps(login.request.json)
            body = raw.replace("{name}", user.get("name", "")).replace("{password}", user.get("password", ""))
            requests.append(dataclasses.replace(login.request, json=json.loads(body)))
        return requests

    def _is_back(self) -> bool:
        deadline = self.clock() + self.patience.back
        while self.clock() < deadline:
            response = self._send(self.target.steady_request, has_query=False)
            if response is not None and response.status is not None and response.status < FAILED:
                return True
            self.stub.wait_until(lambda: False, seconds=0.1)
        return False

    def time_failures(self, error: Request) -> tuple[float, ...]:
        """How long failing requests take; none where they do not fail."""
        times = []
        for _ in range(self.patience.failing):
            response = self._send(error, has_query=False)
            if response is None or response.status is None or response.status < FAILED:
                return ()
            times.append(round(response.seconds, 4))
        return tuple(times)

    def hang_with(self, error: Request, usual: tuple[float, ...], stack: Stack, service: str) -> Waiting | None:
        """The same failing requests while the tracker hangs, and the service's stop; nothing comes after it."""
        if "hanging" in self.not_done:
            return None
        times, errors = [], []
        before = self.stub.count
        self.stub.play(Script(otherwise=Plan(then=hang())))
        try:
            for _ in range(self.patience.failing):
                response = self._send(error, has_query=False)
                if response is None:
                    break
                times.append(round(response.seconds, 4))
                if response.status is None:
                    errors.append(response.error or "no answer")
                if sum(seconds > self.patience.blocked for seconds in times) > 1:
                    break
            self.stub.wait_until(lambda: self.stub.count > before, seconds=self.patience.event)
            was_asked = self.stub.count > before
            stopped = self._stop(stack, service) if was_asked else None
        finally:
            self.stub.play(Script(otherwise=Plan(then=ANSWERED)))
        answering = None
        if stopped is not None and stopped.was_killed:
            answering = self._stop_again(error, stack, service, Plan(then=ANSWERED))
            if answering is not None and not answering.was_killed:
                # The first time it may have been busy with a request that an earlier outage left behind.
                stopped = self._stop_again(error, stack, service, Plan(then=hang()))
        return Waiting(
            answering=usual,
            hanging=tuple(times),
            hanging_errors=tuple(errors),
            was_asked=was_asked,
            stopped=stopped,
            stopped_answering=answering,
        )

    def _stop(self, stack: Stack, service: str) -> Stopped | None:
        began = self.clock()
        try:
            stack.stop(service)
            seconds = self.clock() - began
            return Stopped(seconds=round(seconds, 3), exit_code=stack.state(service).exit_code)
        except (StackError, UnsupportedError) as reason:
            self.not_done["stopping"] = str(reason)[:300]
            return None

    def _stop_again(self, error: Request, stack: Stack, service: str, tracker: Plan) -> Stopped | None:
        """The stop of a fresh process after the same requests, while the tracker does as told."""
        try:
            stack.start(service)
        except StackError as reason:
            self.not_done["stopping"] = str(reason)[:300]
            return None
        if not self._is_back():
            self.not_done["stopping"] = f"{service} did not come back after it had been stopped"
            return None
        before = self.stub.count
        self.stub.play(Script(otherwise=tracker))
        try:
            for _ in range(self.patience.failing):
                self._send(error, has_query=False)
            self.stub.wait_until(lambda: self.stub.count > before, seconds=self.patience.event)
            return self._stop(stack, service)
        finally:
            self.stub.play(Script(otherwise=Plan(then=ANSWERED)))


def _tracing(trace_id: str) -> dict[str, str]:
    """Headers that make a request part of a trace: the standard's, and the one that Sentry's clients have beside it."""
    if not trace_id:
        return {}
    span_id = secrets.token_hex(8)
    # W3C Trace Context, 3.2.2: version, trace, parent, and that the caller samples it.
    return {"traceparent": f"00-{trace_id}-{span_id}-01", "sentry-trace": f"{trace_id}-{span_id}"}


def _filled(request: Request, secret: str) -> Request:
    """The request with a secret where the owner wrote ``{secret}``."""
    raw = json.dumps(request.json).replace(SECRET, secret)
    return dataclasses.replace(
        request,
        path=request.path.replace(SECRET, secret),
        headers=_replaced(request.headers, secret),
        json=json.loads(raw),
        form=None if request.form is None else _replaced(request.form, secret),
        body=None if request.body is None else request.body.replace(SECRET, secret),
    )


def _replaced(values: Mapping[str, str], secret: str) -> dict[str, str]:
    return {name: value.replace(SECRET, secret) for name, value in values.items()}
