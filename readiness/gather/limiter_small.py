"""The limiter as a state machine: in a stack of its own, with figures so small that nothing has to be waited for long."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus

from readiness.check import Impact
from readiness.discovery.openapi import document_of
from readiness.facts.limiter import (
    SURE,
    UNANSWERED,
    Addressed,
    Answer,
    Figures,
    Phase,
    Refilled,
    Reopened,
    SmallLimit,
    Tried,
    is_served,
)
from readiness.gather import gatherer
from readiness.gather._elsewhere import Elsewhere
from readiness.gather._limiting import (
    ANONYMOUS,
    Caller,
    Exchanges,
    answer_of,
    clients,
    is_proxied,
    lowered,
    newly_logged_in,
    public_entry,
)
from readiness.inputs.documented import body_operations, example_of
from readiness.instruments.client import HttpClient
from readiness.instruments.poller import Sample, run_bounded
from readiness.instruments.variants import Variants
from readiness.limiting.declared import VARIABLE_EXAMPLE, caller_limit, limiting_service
from readiness.runtime import Stack, Variant
from readiness.target import Entry, Limit, ProbeKind, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["SmallPlan", "examine", "relogin", "small_limit"]

#: From here on a limit that cannot be lowered is not met in a reasonable number of requests.
MAX_CAPACITY = 300
#: Sent beyond what a limiter may let through, so that one that lets everything through shows.
SLACK = 5
#: Of the paths that the API's document names.
MAX_OPERATIONS = 60
#: Documentation addresses (RFC 5737), and one that servers often trust.
FORGED, TRUSTED = "203.0.113.", ("X-Forwarded-For", "127.0.0.1")
#: From another address, least and most.
ASKED, MAX_ASKED = 2, 5
#: Of these many numbers of a block.
FORGED_HOSTS = 254
#: More would be too many requests to each exempt path; strangers are then not exhausted, and a user is instead.
MAX_STRANGERS = 150
#: Headers by which proxies name the client; the last three belong to content networks.
FORGEABLE = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP", "Fastly-Client-IP")
#: "Sun, 06 Nov 1994 08:49:37 GMT"
MAX_DATE_CHARS = 29
#: Its last digit's worth.
DATE_SECONDS = 1.0
#: And a little.
SECOND_OF_ISSUE = 1.1
#: What the checks look for where something is missing.
PARTS = ("exhausted", "another user", "operations", "anonymous", "one after another", "refill", "cut")
#: Its answer describes the present; the ledger only asks to report it.
REPORTED_ONLY = frozenset({ProbeKind.DETAILED, ProbeKind.LOADING})


@dataclass(frozen=True, kw_only=True)
class SmallPlan:
    """The small figures.

    Attributes:
        requests, window_seconds: a request every two seconds: twice the rounding of ``Retry-After``, so that a wrong one
            shows, and slow enough that an exhausted caller stays so for a handful of requests.
        at_once: connections of the burst, the ledger's figure.
        margin_seconds: after an announced wait.
        early_ratio: part of the announced wait after which it is tried too early.
        refill_ratio: part of an interval that is waited for one more request: more than one, less than two.
        max_wait_seconds: no wait is longer; a limiter that announces more has to be lowered.
        operations_seconds: for all operations together; one that streams costs its timeout.
        at_most_seconds: for everything; what is left out then is said.
    """

    requests: int = 12
    window_seconds: float = 24.0
    at_once: int = 50
    margin_seconds: float = 0.3
    early_ratio: float = 0.3
    refill_ratio: float = 1.25
    max_wait_seconds: float = 35.0
    operations_seconds: float = 40.0
    at_most_seconds: float = 140.0


@dataclass(kw_only=True)
class _Notes:
    """The fact, as it grows."""

    phases: list[Phase] = field(default_factory=list)
    answers: tuple[Answer, ...] = ()
    reopened: Reopened | None = None
    refills: list[Refilled] = field(default_factory=list)
    tried: dict[str, list[Tried]] = field(default_factory=dict)
    addresses: list[Addressed] = field(default_factory=list)
    not_done: dict[str, str] = field(default_factory=dict)

    def keep(self, part: str, tried: Tried) -> None:
        self.tried.setdefault(part, []).append(tried)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=150)
def small_limit(target: Target, variants: Variants) -> SmallLimit:
    """Bursts, waits and evasions of callers of their own, in a stack with small figures where the owner names variables."""
    plan, limit = SmallPlan(), caller_limit(target)
    limiter = limiting_service(target, limit)
    public_entry(target)
    small = lowered(target, limit, requests=plan.requests, window_seconds=plan.window_seconds)
    if small.figures.capacity > MAX_CAPACITY:
        raise Inconclusive(
            f"{small.figures.words} is too much to reach in every experiment, and no variable lowers it",
            supply=VARIABLE_EXAMPLE,
            undeclared="limit.env",
        )
    variant = Variant(name="smalllimit", environment={limiter: small.environment})
    with variants(variant) as stack:
        return examine(
            target, stack, limit, small.figures, plan, is_lowered=small.is_lowered, strangers=small.strangers
        )


def examine(
    target: Target,
    stack: Stack,
    limit: Limit,
    figures: Figures,
    plan: SmallPlan,
    *,
    is_lowered: bool,
    strangers: Figures | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> SmallLimit:
    """Everything that is tried in one stack; ``clock`` and ``sleep`` are those of the waits for the limiter.

    ``strangers`` are the figures of whoever is not logged in, where they differ.
    """
    people = clients(target, stack, limit, "limit", 4)
    again = relogin(target, stack, people[0])
    notes = _Notes()
    work = _Work(
        target,
        stack,
        limit=limit,
        figures=figures,
        strangers=strangers or figures,
        plan=plan,
        notes=notes,
        clock=clock,
        sleep=sleep,
    )
    try:
        run_bounded(work.run(people, again), at_most_seconds=plan.at_most_seconds)
    except TimeoutError:
        # What was seen until then is true; what is missing must not look like a choice of ours.
        for part in PARTS:
            notes.not_done.setdefault(part, f"cut short: the experiments took longer than {plan.at_most_seconds:g} s")
    kept = {part: tuple(found) for part, found in notes.tried.items()}
    return SmallLimit(
        figures=figures,
        is_lowered=is_lowered,
        phases=tuple(notes.phases),
        answers=notes.answers,
        reopened=notes.reopened,
        refills=tuple(notes.refills),
        operations=kept.get("operations", ()),
        variants=kept.get("variants", ()),
        spoofs=kept.get("spoofs", ()),
        exempt=kept.get("exempt", ()),
        probes=kept.get("probes", ()),
        users=kept.get("users", ()),
        addresses=tuple(notes.addresses),
        not_done=notes.not_done,
    )


def relogin(
    target: Target, stack: Stack, caller: Caller, *, sleep: Callable[[float], None] = time.sleep
) -> Caller | None:
    """The same user with another token, or None where the login gives the same one again."""
    if caller.who is None or target.login is None:
        return None
    with HttpClient(stack) as http:
        found = newly_logged_in(target, stack, http, target.login, caller.who)
        if found.headers == caller.headers:
            # A signed token names the second of its issue: within that second it is the same text (RFC 7519, 4.1.6).
            sleep(SECOND_OF_ISSUE)
            found = newly_logged_in(target, stack, http, target.login, caller.who)
    return found if found.headers != caller.headers else None


class _Work:
    """The experiments of one stack."""

    def __init__(
        self,
        target: Target,
        stack: Stack,
        *,
        limit: Limit,
        figures: Figures,
        strangers: Figures,
        plan: SmallPlan,
        notes: _Notes,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._target, self._stack, self._limit = target, stack, limit
        self._figures, self._strangers, self._plan, self._notes = figures, strangers, plan, notes
        self._exchanges = Exchanges(stack)
        self._clock, self._sleep = clock, sleep
        self._entry = public_entry(target)
        self._request = Request(path=limit.path)
        self._reach, self._many = _reach_of(figures), _many_of(figures)
        # What the path answers with where it is served; empty while nobody was.
        self._content_type = ""
        # An address of its own for each request: one that is believed has an allowance, and that may be small.
        self._forged = itertools.count(1)

    async def run(self, people: list[Caller], again: Caller | None) -> None:
        """All of them; those that wait run beside those that do not, each with a caller of its own."""
        first = people[0]
        await self._at_once(first)
        if len(people) >= 3:  # noqa: PLR2004  # one caller for each of the three
            tries = self._in_turn(first, people[1:], again)
            await asyncio.gather(self._one_by_one(people[1]), self._refill(people[2]), tries)
        else:
            await self._in_turn(first, people[1:], again)
            await self._rested(first, "one after another", self._one_by_one)
            await self._rested(first, "refill", self._refill)

    async def _in_turn(self, first: Caller, others: list[Caller], again: Caller | None) -> None:
        """What is tried without waiting, by an exhausted user and then by an exhausted address."""
        await self._as_exhausted(first, others, again)
        await self._anonymously(first)

    async def _rested(self, caller: Caller, part: str, work: Callable[[Caller], Awaitable[None]]) -> None:
        """With the only caller there is, after a rest in which the limiter forgets."""
        rest = self._figures.capacity * self._figures.interval_seconds + 1
        if rest > self._plan.max_wait_seconds:
            self._notes.not_done[part] = (
                f"one caller only, and it is exhausted for {rest:.0f} s: more users (login.register, or login.users), "
                "or limit.env.window_seconds"
            )
            return
        await self._sleep(rest)
        await work(caller)

    async def _at_once(self, caller: Caller) -> None:
        figures = self._figures
        phase = await self._burst("all at once", caller)
        rest = figures.capacity * figures.interval_seconds + 1
        if phase.let_through > figures.most(phase.span_seconds) and rest <= self._plan.max_wait_seconds:
            # A window may have turned in the middle; not twice.
            await self._sleep(rest)
            await self._burst("all at once, again", caller)

    async def _burst(self, name: str, caller: Caller) -> Phase:
        phase, samples = await self._exchanges.phase(
            name,
            self._entry,
            self._request,
            caller,
            self._figures,
            count=3 * self._figures.capacity,
            at_once=self._plan.at_once,
        )
        self._content_type = next((_type_of(s) for s in samples if s.status and is_served(s.status)), "")
        self._notes.phases.append(phase)
        return phase

    async def _one_by_one(self, caller: Caller) -> None:
        began = asyncio.get_running_loop().time()
        phase, samples = await self._exchanges.phase(
            "one after another", self._entry, self._request, caller, self._figures, count=self._reach, refusals=1
        )
        self._notes.phases.append(phase)
        self._notes.answers = tuple(answer_of(sample, began) for sample in samples)
        if phase.refused:
            self._notes.reopened = await self._reopen(caller, samples[-1])

    async def _reopen(self, caller: Caller, refusal: Sample) -> Reopened:
        raw = _retry_after(refusal)
        announced = _announced(raw, refusal.unix)
        # A date is written in whole seconds, and may be cut to them.
        margin = self._plan.margin_seconds + (0.0 if (raw or "").isdecimal() else DATE_SECONDS)
        whole = self._figures.capacity * self._figures.interval_seconds + 1
        since = self._clock()
        later: tuple[float, int] | None = None
        if announced is not None and announced + margin <= self._plan.max_wait_seconds:
            await self._sleep(announced + margin)
            later = (self._clock() - since, await self._status(caller))
        last: tuple[float, int] | None = None
        if (later is None or later[1] == HTTPStatus.TOO_MANY_REQUESTS) and whole <= self._plan.max_wait_seconds:
            since = self._clock()
            await self._sleep(whole)
            last = (self._clock() - since, await self._status(caller))
        early: tuple[float, float, int] | None = None
        if later is not None and later[1] != HTTPStatus.TOO_MANY_REQUESTS:
            # After the proof that silence helps: where refused requests count too, this one would have spoilt it.
            early = await self._too_early(caller)
        return Reopened(
            raw=None if raw is None else raw[:100],
            announced_seconds=announced,
            early_announced_seconds=early[0] if early else None,
            early_seconds=early[1] if early else None,
            early_status=early[2] if early else None,
            later_seconds=later[0] if later else None,
            later_status=later[1] if later else None,
            last_seconds=last[0] if last else None,
            last_status=last[1] if last else None,
        )

    async def _too_early(self, caller: Caller) -> tuple[float, float, int] | None:
        """What another refusal announces, and what a request got after a part of that; None where nothing is announced."""
        _, samples = await self._exchanges.phase(
            "too early", self._entry, self._request, caller, self._figures, count=self._reach, refusals=1
        )
        if not samples or samples[-1].status != HTTPStatus.TOO_MANY_REQUESTS:
            return None
        announced = _announced(_retry_after(samples[-1]), samples[-1].unix)
        if not announced or announced > self._plan.max_wait_seconds:
            return None
        since = self._clock()
        await self._sleep(announced * self._plan.early_ratio)
        return announced, self._clock() - since, await self._status(caller)

    async def _status(self, caller: Caller) -> int:
        return (await self._exchanges.send(self._entry, self._request, caller)).status or UNANSWERED

    async def _refill(self, caller: Caller) -> None:
        wait = self._figures.interval_seconds * self._plan.refill_ratio
        if wait > self._plan.max_wait_seconds:
            self._notes.not_done["refill"] = (
                f"a request comes back every {self._figures.interval_seconds:.0f} s; limit.env.requests and .window_seconds name "
                "what shortens that"
            )
            return
        phase, _ = await self._exchanges.phase(
            "until refused", self._entry, self._request, caller, self._figures, count=self._reach, refusals=1
        )
        self._notes.phases.append(phase)
        if not phase.refused:
            return
        for number in (1, 2):
            since = self._clock()
            await self._sleep(wait)
            waited = self._clock() - since
            phase, _ = await self._exchanges.phase(
                f"after a wait, {number}",
                self._entry,
                self._request,
                caller,
                self._figures,
                count=self._reach,
                refusals=1,
            )
            self._notes.phases.append(phase)
            self._notes.refills.append(
                Refilled(
                    waited_seconds=round(waited, 3),
                    seconds=phase.seconds,
                    let_through=phase.let_through,
                    refused=phase.refused,
                )
            )

    async def _as_exhausted(self, caller: Caller, others: list[Caller], again: Caller | None) -> None:
        if await self._exchanges.exhausted(self._entry, self._request, caller, at_most=self._reach) != (
            HTTPStatus.TOO_MANY_REQUESTS
        ):
            self._notes.not_done["exhausted"] = f"no refusal in {self._reach} requests"
            return
        await self._try_users(caller, others, again)
        await self._try_operations(caller)
        await self._try_disguises(caller)

    async def _try_operations(self, caller: Caller) -> None:
        found, began = self._operations(), time.monotonic()
        for number, request in enumerate(found):
            if time.monotonic() - began > self._plan.operations_seconds:
                self._notes.not_done["operations"] = (
                    f"{len(found) - number} operations were not asked: the others took {self._plan.operations_seconds:g} s"
                )
                break
            name = f"{request.method} {request.path}"
            await self._try("operations", name, request, caller, count=self._many)

    async def _try_disguises(self, caller: Caller) -> None:
        # Many pages' servers answer whatever they do not know with the page's frame, and do not limit that.
        segments = self._limit.path.partition("?")[0].strip("/").split("/")
        unknown = Request(path="".join("/readiness-unknown" for _ in segments))
        frame = await self._exchanges.send(self._entry, unknown, caller)
        for name, request, headers in self._disguises():
            tried = await self._tried(name, request, caller, headers=partial(dict, headers))
            if tried.has_evaded and frame.status == tried.statuses[-1]:
                shown = await self._exchanges.send(self._entry, request, caller, headers)
                if self._is_frame(shown, frame):
                    continue
            self._notes.keep("variants", tried)

    def _is_frame(self, shown: Sample, frame: Sample) -> bool:
        """Whether it is what unknown paths get: the same text, or the same kind of text and not the limited path's kind."""
        is_other_kind = bool(self._content_type) and _type_of(shown) != self._content_type
        return shown.body == frame.body or (_type_of(shown) == _type_of(frame) and is_other_kind)

    async def _try_users(self, caller: Caller, others: list[Caller], again: Caller | None) -> None:
        if self._limit.key != "user":
            return
        if again is not None:
            # Half of an allowance, because it may be tried twice: the more, the surer on a busy machine.
            half = max(SURE, self._figures.capacity // 2)
            name = "the same user after another login"
            await self._try("users", name, self._request, caller, count=half, as_whom=again)
        else:
            self._notes.not_done["another login"] = "the login gives the same token again, or knows no users"
        if others:
            tried = await self._tried("another user", self._request, caller, count=1, as_whom=others[-1])
            if HTTPStatus.TOO_MANY_REQUESTS in tried.statuses:
                # Both users have one address. Where that is what is exhausted, nobody at it is served.
                tried = replace(tried, stranger=await self._status(ANONYMOUS))
            self._notes.keep("users", tried)
        else:
            self._notes.not_done["another user"] = "a second user is needed: login.register, or one more in login.users"

    async def _try(
        self,
        part: str,
        name: str,
        request: Request,
        caller: Caller,
        *,
        count: int = SURE,
        as_whom: Caller | None = None,
        figures: Figures | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> Tried:
        tried = await self._tried(name, request, caller, count=count, as_whom=as_whom, figures=figures, headers=headers)
        self._notes.keep(part, tried)
        return tried

    async def _tried(
        self,
        name: str,
        request: Request,
        caller: Caller,
        *,
        count: int = SURE,
        as_whom: Caller | None = None,
        figures: Figures | None = None,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> Tried:
        for number in range(2):  # once more where the allowance came back in the middle
            if number:
                # All of it, where a window turned.
                await self._exchanges.exhausted(self._entry, self._request, caller, at_most=self._reach)
            tried = await self._exchanges.tried(
                name,
                self._entry,
                self._request,
                request,
                caller,
                figures=figures or self._figures,
                count=count,
                as_whom=as_whom,
                headers=headers,
            )
            if tried.is_exhausted or UNANSWERED in tried.statuses:
                break
        return tried

    def _operations(self) -> list[Request]:
        """What the API's document names: every GET, parameters filled in, and every JSON body's operation with an example.

        What is exempt or limited apart is left out. A body that is not accepted proves nothing, and does no harm here.
        """
        document = document_of(self._target.openapi)
        if document is None:
            self._notes.not_done["operations"] = "no OpenAPI document: openapi: openapi.json"
            return []
        # A path with a limit of its own is not refused with this one.
        apart = {limit.path for limit in self._target.limits} - {self._limit.path}
        left_out = {*apart, *self._exempt_paths(), *(probe.path for probe in self._target.probes.values())}
        bare = {operation.path: operation.path.removeprefix(self._entry.base) for operation in document.operations}
        reads = [o.path for o in document.operations if o.method == "GET" and bare[o.path] not in left_out]
        writes = [o for o in body_operations(self._target.openapi) if bare[o.path] not in left_out]
        asked = [Request(path=path) for path in dict.fromkeys(_filled(bare[path]) for path in reads)]
        asked += [Request(method=o.method, path=bare[o.path], json=example_of(o)) for o in writes]
        return asked[:MAX_OPERATIONS]

    def _disguises(self) -> list[tuple[str, Request, dict[str, str]]]:
        """The limited path, written in other ways that a server may take for the same."""
        path = self._limit.path
        letter = next((i for i, c in enumerate(path) if c.isalpha()), 0)
        escaped = f"{path[:letter]}%{ord(path[letter]):02X}{path[letter + 1 :]}" if path[letter].isalpha() else path
        decoy = next(iter(self._limit.exempt), "/health")
        mark = "&" if "?" in path else "?"
        spellings = {
            "with a trailing slash": f"{path}/",
            "with a doubled slash": f"/{path}",
            "with a dot segment": f"/.{path}",
            "in capitals": path.upper(),
            "percent-encoded": escaped,
            "with a query": f"{path}{mark}readiness=1",
            "with an exempt path in the query": f"{path}{mark}next={decoy}/",
        }
        found = [(name, Request(path=text), dict[str, str]()) for name, text in spellings.items() if text != path]
        found.append(("as HEAD", Request(method="HEAD", path=path), {}))
        overriding = {"X-HTTP-Method-Override": "HEAD", "X-Original-URL": decoy, "X-Rewrite-URL": decoy}
        found += [(f"with {name}", Request(path=path), {name: value}) for name, value in overriding.items()]
        return found

    async def _anonymously(self, person: Caller) -> None:
        """What an exhausted address may still do, and what another address may."""
        reach = _reach_of(self._strangers) if self._strangers.capacity <= MAX_STRANGERS else 0
        status = await self._exchanges.exhausted(self._entry, self._request, ANONYMOUS, at_most=reach)
        if status != HTTPStatus.TOO_MANY_REQUESTS:
            self._notes.not_done["anonymous"] = (
                f"no refusal in {reach} anonymous requests; the last one: {status}"
                if reach
                else f"{self._strangers.words} is too much to reach in every experiment"
            )
            # Where strangers are not limited, probers are not either; the exempt paths are then a user's.
            await self._exempt(person, self._figures)
            return
        for header in (*FORGEABLE, "Forwarded"):
            await self._try_forged(f"{header}: {FORGED}0", partial(self._forged_by, header))
        header, trusted = TRUSTED
        await self._try_forged(f"{header}: {trusted}", lambda: {header: trusted})
        await self._from_elsewhere(reach)
        await self._exempt(ANONYMOUS, self._strangers)

    async def _try_forged(self, name: str, headers: Callable[[], Mapping[str, str]]) -> None:
        await self._try("spoofs", name, self._request, ANONYMOUS, figures=self._strangers, headers=headers)

    def _forged_by(self, header: str) -> dict[str, str]:
        address = f"{FORGED}{next(self._forged) % FORGED_HOSTS + 1}"
        return {header: f"for={address}" if header == "Forwarded" else address}

    async def _from_elsewhere(self, reach: int) -> None:
        elsewhere = Elsewhere(self._target, self._stack, self._exchanges)
        rest = self._strangers.capacity * self._strangers.interval_seconds + 1
        for entry in self._target.entries:
            seen = await self._meanwhile(elsewhere, entry, reach)
            if seen.is_refused and rest <= self._plan.max_wait_seconds:
                # The other address's own allowance may have been spent before: a service that was late to trust its
                # proxy has counted everybody's requests for the proxy's.
                await self._sleep(rest)
                _, rested, _ = await elsewhere.ask(entry, self._request)
                seen = replace(await self._meanwhile(elsewhere, entry, reach), rested=rested)
            self._notes.addresses.append(seen)

    async def _meanwhile(self, elsewhere: Elsewhere, entry: Entry, reach: int) -> Addressed:
        """What another address gets while this one is exhausted."""
        before = await self._exchanges.exhausted(entry, self._request, ANONYMOUS, at_most=reach)
        began = self._exchanges.now
        other, statuses, problem, refilled = "", list[int](), "", 0.0
        for _ in range(MAX_ASKED):
            other, status, problem = await elsewhere.ask(entry, self._request)
            if status == UNANSWERED:
                break
            statuses.append(status)
            refilled = (self._exchanges.now - began) / self._strangers.interval_seconds
            # The slower it is to ask from there, the more may have come back to the first address.
            if len(statuses) >= ASKED and len(statuses) > refilled + 1:
                break
        # A command in a container takes a while, in which an allowance or two come back.
        after = await self._exchanges.exhausted(entry, self._request, ANONYMOUS, at_most=SLACK + int(refilled))
        return Addressed(
            entry=entry.name,
            is_proxy=is_proxied(self._target, entry),
            before=before,
            after=after,
            other=other,
            statuses=tuple(statuses),
            refilled=round(refilled, 2),
            problem=problem,
        )

    async def _exempt(self, caller: Caller, figures: Figures) -> None:
        """Exempt paths and probes, as often as a rested caller would be refused, by an exhausted one."""
        probes = {
            kind: Request(path=probe.path, service=probe.service, port=probe.port)
            for kind, probe in self._target.probes.items()
            if kind not in REPORTED_ONLY
        }
        asked = [("exempt", path, Request(path=path)) for path in self._exempt_paths()]
        asked += [("probes", f"{kind} probe {request.path}", request) for kind, request in probes.items()]
        known: list[tuple[Request, Tried]] = []
        for part, name, request in asked:
            same = next((tried for other, tried in known if other == request), None)
            if same is not None:
                self._notes.keep(part, replace(same, name=name))
            else:
                tried = await self._try(part, name, request, caller, count=_many_of(figures), figures=figures)
                known.append((request, tried))

    def _exempt_paths(self) -> list[str]:
        return list(dict.fromkeys(path for limit in self._target.limits for path in limit.exempt))


def _reach_of(figures: Figures) -> int:
    """Until refused: a window that turns in the middle lets twice its figure through."""
    return 2 * figures.capacity + SLACK


def _many_of(figures: Figures) -> int:
    """To the end, of what an exhausted caller tries: a bucket of its own would refuse by then."""
    return figures.capacity + SLACK


def _type_of(sample: Sample) -> str:
    value = next((v for k, v in sample.headers if k.lower() == "content-type"), "")
    return value.partition(";")[0].strip().lower()


def _retry_after(refusal: Sample) -> str | None:
    return next((v for k, v in refusal.headers if k.lower() == "retry-after"), None)


def _announced(raw: str | None, unix: float) -> float | None:
    """Seconds, or the time until a date (RFC 9110, 10.2.3); None for anything else."""
    if raw is None or len(raw) > MAX_DATE_CHARS:
        return None
    if raw.isascii() and raw.isdigit():
        return float(raw)
    try:
        date = parsedate_to_datetime(raw)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - unix)


def _filled(path: str) -> str:
    """Placeholders filled with what most identifiers look like."""
    parts = [("1" if part.startswith("{") else part) for part in path.split("/")]
    return "/".join(parts)
