"""What the gatherers of the rate limiter share: callers of their own, and timelines of their requests."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from readiness.exceptions import StackError
from readiness.facts.limiter import UNANSWERED, Answer, Figures, Phase, Tried
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import log_in
from readiness.instruments.poller import Ask, Sample, ask_once
from readiness.runtime import Endpoint, Stack
from readiness.target import Entry, Limit, Login, Request, Role, Target
from readiness.verdict import Inconclusive

__all__ = [
    "Caller",
    "Exchanges",
    "Lowered",
    "addresses",
    "answer_of",
    "callers",
    "clients",
    "figures_of",
    "lowered",
    "newly_logged_in",
    "public_entry",
]

#: One request; a paused store or a hashing login may take its time.
TIMEOUT_SECONDS = 10.0
#: A login that is refused by the very limiter under audit is tried again, for so long in all.
PATIENCE_SECONDS = 30.0
#: A token comes back every few seconds with the figures that these gatherers set.
LOGIN_PAUSE_SECONDS = 2.0
#: What is kept of an answer: what it says of the limit, and who may read or store it.
KEPT_HEADERS = ("retry-after", "ratelimit", "x-ratelimit-", "x-rate-limit-", "cache-control", "access-control-")
#: Loopback addresses beside the usual one; the whole block is this machine's (RFC 1122, 3.2.1.3).
LOOPBACK_SOURCES = "127.0.77."
#: A wider limit beside the one that is exhausted is left so many times as wide: what exhausts the one is several bursts.
SEVERAL = 10
#: A burst of more is a load test: twice the largest figure that is met (a window may turn in the middle), and some beyond.
MAX_PHASE = 2100


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody whom the limiter counts apart.

    Attributes:
        name: for evidence; the headers hold secrets.
        source: the address of this machine to send from.
        who: the user behind it, where there is one.
    """

    name: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    source: str | None = None
    secrets: frozenset[str] = field(default_factory=frozenset, repr=False)
    who: Mapping[str, str] | None = field(default=None, repr=False)


ANONYMOUS = Caller(name="nobody in particular")


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """The figures of a variant, and the variables that set them.

    Attributes:
        strangers: the figures of whoever is not logged in; those of ``figures`` where no limit per address is declared.
    """

    figures: Figures
    environment: dict[str, str]
    is_lowered: bool
    strangers: Figures


def figures_of(limit: Limit) -> Figures:
    """The figures as deployed."""
    return Figures(requests=limit.requests, window_seconds=limit.window_seconds, burst=limit.burst, key=limit.key)


def lowered(target: Target, limit: Limit, *, requests: int, window_seconds: float | None = None) -> Lowered:
    """Small figures for every limit of this length, by the variables that the owner names; as deployed without them."""
    figures, environment, is_lowered = figures_of(limit), dict[str, str](), False
    variable = limit.env.get("requests")
    if variable is not None and limit.requests > requests:
        environment[variable] = str(requests)
        figures, is_lowered = replace(figures, requests=requests), True
    window = limit.env.get("window_seconds")
    if is_lowered and window is not None and window_seconds is not None and limit.window_seconds > window_seconds:
        environment[window] = f"{window_seconds:g}"
        figures = replace(figures, window_seconds=window_seconds)
    for other in target.limits:
        # Anonymous requests and users often have a limit each, and both are to be small.
        if is_lowered and other.window_seconds == limit.window_seconds and other.key in {"user", "address"}:
            same, figure = other.env.get("requests"), _beside(limit, other, requests)
            if same is not None and other.requests > figure:
                environment.setdefault(same, str(figure))
    return Lowered(
        figures=figures,
        environment=environment,
        is_lowered=is_lowered,
        strangers=_of_strangers(target, limit, figures, environment),
    )


def _beside(limit: Limit, other: Limit, requests: int) -> int:
    """The small figure of another limit, where that of ``limit`` is ``requests``.

    A wider limit of another key may hold at the same time, 1000 per address beside 100 per user: as small as the
    other one, a single exhausted user would use it up, and have all others refused.
    """
    if other.key == limit.key or other.requests <= limit.requests:
        return requests
    return max(math.ceil(requests * other.requests / limit.requests), SEVERAL * requests)


def _of_strangers(target: Target, limit: Limit, figures: Figures, environment: Mapping[str, str]) -> Figures:
    found = [
        other for other in target.limits if other.key == "address" and other.window_seconds == limit.window_seconds
    ]
    if limit.key == "address" or not found:
        return figures
    other = min(found, key=lambda each: each.requests)
    requests = int(environment.get(other.env.get("requests", ""), other.requests))
    window = float(environment.get(other.env.get("window_seconds", ""), other.window_seconds))
    return replace(figures_of(other), requests=requests, window_seconds=window)


def public_entry(target: Target) -> Entry:
    """Where strangers enter.

    Raises:
        Inconclusive: nothing is declared or found.
    """
    if not target.entries:
        raise Inconclusive("no entry to send requests to", supply="entry: {service: SERVICE, port: 8000}")
    return target.entries[0]


class Exchanges:
    """Sends requests of callers to one stack, and keeps their timelines.

    Args:
        stack: where the entries are.
        clock: monotonic; sleep is asyncio's.
    """

    def __init__(self, stack: Stack, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stack, self._clock = stack, clock
        self._began = clock()
        self._where: dict[tuple[str, int], Endpoint] = {}

    @property
    def now(self) -> float:
        """Seconds since the gathering began."""
        return self._clock() - self._began

    async def send(
        self, entry: Entry, request: Request, caller: Caller, headers: Mapping[str, str] | None = None
    ) -> Sample:
        """One request; what goes wrong is recorded, not raised."""
        if request.service is not None or request.port is not None:
            # Past the entry, as the client does it: neither its base nor its TLS nor its headers are this port's.
            entry = Entry(name=entry.name, service=request.service or entry.service, port=request.port or entry.port)
        complete = replace(request, headers={**request.headers, **caller.headers, **(headers or {})})
        ask = Ask(name="limit", entry=entry, request=complete, timeout_seconds=TIMEOUT_SECONDS, source=caller.source)
        return await ask_once(ask, await self._place(entry))

    async def phase(
        self,
        name: str,
        entry: Entry,
        request: Request,
        caller: Caller,
        figures: Figures,
        *,
        count: int,
        at_once: int = 1,
        refusals: int | None = None,
        unanswered: int | None = None,
        at_most_seconds: float | None = None,
    ) -> tuple[Phase, list[Sample]]:
        """Up to ``count`` requests, ``at_once`` under way, until so many were refused or left unanswered, or time is up."""
        await self._place(entry)
        began, monotonic = self.now, time.monotonic()
        samples: list[Sample] = []
        slots = asyncio.Semaphore(at_once)
        refused = silent = 0

        async def one() -> None:
            nonlocal refused, silent
            try:
                sample = await self.send(entry, request, caller)
                samples.append(sample)
                refused += sample.status == HTTPStatus.TOO_MANY_REQUESTS
                silent += sample.status is None
            finally:
                slots.release()

        def is_enough() -> bool:
            return (
                (refusals is not None and refused >= refusals)
                or (unanswered is not None and silent >= unanswered)
                or (at_most_seconds is not None and time.monotonic() - monotonic >= at_most_seconds)
            )

        async with asyncio.TaskGroup() as group:
            for _ in range(min(count, MAX_PHASE)):
                await slots.acquire()
                if is_enough():
                    slots.release()
                    break
                group.create_task(one())
        samples.sort(key=lambda sample: sample.sent)
        shots = tuple((round(s.sent - monotonic, 3), s.status or UNANSWERED) for s in samples)
        phase = Phase(
            name=name,
            caller=caller.name,
            figures=figures,
            began=round(began, 3),
            seconds=round(self.now - began, 3),
            shots=shots,
            slowest_seconds=round(max((s.seconds for s in samples), default=0.0), 3),
        )
        return phase, samples

    async def exhausted(self, entry: Entry, request: Request, caller: Caller, *, at_most: int) -> int:
        """Send until refused, or ``at_most`` times; the last status."""
        status = UNANSWERED
        for _ in range(at_most):
            status = (await self.send(entry, request, caller)).status or UNANSWERED
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                break
        return status

    async def tried(
        self,
        name: str,
        entry: Entry,
        limited: Request,
        tried: Request,
        caller: Caller,
        *,
        figures: Figures,
        count: int = 1,
        as_whom: Caller | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> Tried:
        """Ask something as an exhausted caller, the limited path before and after it; ``count`` times at most.

        Ends with the first refusal, and with the first request without an answer: a stream would cost its timeout each time.
        """
        before = await self.exhausted(entry, limited, caller, at_most=3)
        began = self._clock()
        statuses: list[int] = []
        for _ in range(count):
            statuses.append((await self.send(entry, tried, as_whom or caller, headers())).status or UNANSWERED)
            if statuses[-1] in {HTTPStatus.TOO_MANY_REQUESTS, UNANSWERED}:
                break
        refilled = (self._clock() - began) / figures.interval_seconds
        # So many allowances may have come back meanwhile, and one that had nearly come; no more.
        after = await self.exhausted(entry, limited, caller, at_most=3 + int(refilled))
        return Tried(
            name=name,
            method=tried.method,
            path=tried.path,
            statuses=tuple(statuses),
            before=before,
            after=after,
            refilled=round(refilled, 2),
        )

    async def _place(self, entry: Entry) -> Endpoint | None:
        key = (entry.service, entry.port)
        if key not in self._where:
            try:
                self._where[key] = await asyncio.to_thread(self._stack.endpoint, *key)
            except (StackError, OSError):
                return None
        return self._where[key]


def answer_of(sample: Sample, began: float) -> Answer:
    """What is kept of a sample; ``began`` is the monotonic time from which it is counted."""
    kept = tuple((name.lower(), value[:200]) for name, value in sample.headers if name.lower().startswith(KEPT_HEADERS))
    return Answer(
        seconds=round(sample.sent - began, 3),
        unix=round(sample.unix, 3),
        status=sample.status or UNANSWERED,
        headers=kept,
    )


def clients(target: Target, stack: Stack, limit: Limit, purpose: str, count: int) -> list[Caller]:
    """Up to ``count`` callers whom the limit counts apart, and whom nothing else of the audit uses; at least one.

    Raises:
        Inconclusive: there is nobody; says what would help.
    """
    if limit.key == "user":
        with HttpClient(stack) as http:
            return callers(target, stack, http, purpose, count)
    if limit.key == "address":
        own = addresses(stack, public_entry(target), count)
        return own or [ANONYMOUS]
    return [ANONYMOUS]


def addresses(stack: Stack, entry: Entry, count: int) -> list[Caller]:
    """Callers with addresses of their own: this machine's loopback ones, where the stack listens on loopback itself."""
    if stack.runtime != "process":
        return []
    try:
        host = stack.endpoint(entry.service, entry.port).host
        is_loopback = ipaddress.ip_address(host).is_loopback
    except (StackError, ValueError):
        return []
    sources = [f"{LOOPBACK_SOURCES}{number}" for number in range(1, count + 1)]
    return [Caller(name=source, source=source) for source in sources] if is_loopback else []


def callers(
    target: Target,
    stack: Stack,
    http: HttpClient,
    purpose: str,
    count: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Caller]:
    """Users of their own: newly registered ones where that is possible, else those declared.

    Raises:
        Inconclusive: nobody can be logged in; says why.
    """
    login = target.login
    if login is None:
        reason = target.declined.get("login")
        raise Inconclusive(
            f"the limit is per user, and nobody can be logged in{f': {reason}' if reason else ''}",
            supply="login:\n  request: {method: POST, path: /auth/login, json: {name: '{name}', password: '{password}'}}",
            undeclared="login",
        )
    return [newly_logged_in(target, stack, http, login, user, sleep=sleep) for user in _users(login, purpose, count)]


def newly_logged_in(
    target: Target,
    stack: Stack,
    http: HttpClient,
    login: Login,
    user: Mapping[str, str] | None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Caller:
    """This user with a new login; a login that the limiter itself refuses is tried again for a while.

    Raises:
        Inconclusive: the login is not accepted.
    """
    environment = stack.environment(target.service) if target.service else {}
    waited = 0.0
    while True:
        try:
            identity = log_in(http, public_entry(target), login, environment=environment, user=user)
        except StackError as error:
            raise Inconclusive(f"nobody could be logged in: {error}") from error
        except Inconclusive as reason:
            if f": {HTTPStatus.TOO_MANY_REQUESTS.value}" not in reason.reason or waited >= PATIENCE_SECONDS:
                raise
            sleep(LOGIN_PAUSE_SECONDS)
            waited += LOGIN_PAUSE_SECONDS
        else:
            return Caller(name=f"user {identity.name}", headers=identity.headers, secrets=identity.secrets, who=user)


def _users(login: Login, purpose: str, count: int) -> Sequence[Mapping[str, str] | None]:
    if login.request is None:
        return [None]
    if login.register is not None and login.users:
        first = login.users[0]
        name = first.get("name", "user")
        return [{**first, "name": f"{purpose}{number}-{name}"} for number in range(1, count + 1)]
    # The first one belongs to the other gatherers.
    return login.users[1 : count + 1] or login.users[:1]


def is_proxied(target: Target, entry: Entry) -> bool:
    """Whether a proxy stands behind this entry."""
    return entry.service in target.services_of(Role.PROXY)
