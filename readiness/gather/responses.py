"""The answers of the running stack, one or more per kind and entry, and those of its variants."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from readiness.check import Impact
from readiness.exceptions import StackError
from readiness.facts.http import Exchange, Responses, StatusClass
from readiness.gather import gatherer
from readiness.instruments.client import HttpClient
from readiness.instruments.identity import PLAIN, Identity, log_in, masked
from readiness.instruments.poller import NO_ANSWER
from readiness.instruments.variants import Variants
from readiness.runtime import Stack, Variant
from readiness.target import Entry, Limit, Request, Target
from readiness.verdict import Inconclusive

__all__ = ["collect", "development_responses", "headers_off_responses", "limited_responses", "responses"]

#: One MiB above the 10 MiB that frameworks and proxies commonly allow; sent to the throw-away copy only.
OVERSIZED_BYTES = 11 * 1024 * 1024
#: Hardly a service knows it, and unlike DELETE it changes nothing where one does (RFC 4918, 9.1). HTTP parsers know it:
#: a method that is nowhere registered is refused by some of them (Node's, with 400) before any application hears of it.
UNKNOWN_METHOD = "PROPFIND"
#: Of a collection nothing but itself (RFC 4918, 10.2).
SHALLOW = {"Depth": "0"}
UNKNOWN_PATH = "/readiness-no-such-path"
UNKNOWN_TYPE = "application/x-readiness"
#: RFC 2606, 3: nobody's origin.
FALLBACK_ORIGIN = "https://readiness.example"
#: The longest wait for a limiter that this look itself ran into; a minute is the usual window.
MAX_WAIT_SECONDS = 61.0
#: A burst stops at the first refusal, and here at the latest.
MAX_BURST = 1000
#: An entry that lets so many requests in a row time out is not asked on: every further one would cost as much again.
MAX_SILENT = 2
#: What a limiter may let through beyond its figure while a window turns.
BURST_SLACK = 5
ATTACHED = "attached"

#: The statuses that count as the answer meant: lowest and highest.
EXPECTED: dict[StatusClass, tuple[int, int]] = {
    StatusClass.OK: (200, 299),
    StatusClass.HTML: (200, 299),
    StatusClass.STATIC: (200, 299),
    StatusClass.PRIVATE: (200, 299),
    StatusClass.REDIRECT: (300, 399),
    StatusClass.UNAUTHORIZED: (401, 403),
    StatusClass.NOT_FOUND: (404, 410),
    StatusClass.METHOD_NOT_ALLOWED: (405, 501),
    StatusClass.INVALID: (400, 422),
    StatusClass.TOO_LARGE: (413, 413),
    StatusClass.WRONG_TYPE: (400, 422),
    StatusClass.ERROR: (500, 599),
    StatusClass.TOO_MANY: (429, 429),
}

#: What shows the headers that come with everything: enough to compare two settings of a stack.
COMPARED = frozenset({StatusClass.OK, StatusClass.HTML, StatusClass.PRIVATE})


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """One request to send, or why there is none; the key in ``readiness.yaml`` that names it."""

    purpose: StatusClass
    request: Request | None
    key: str
    headers: Mapping[str, str] = field(default_factory=dict)
    as_user: bool = False
    times: int = 1
    reason: str = ""


@gatherer(impact=Impact.OBSERVES, at_most_seconds=120)
def responses(target: Target, stack: Stack, http: HttpClient) -> Responses:
    """What every entry answers to each kind of request; redirects are not followed.

    Oversized bodies and requests that raise are left out where the stack is not a throw-away copy.
    """
    return collect(target, stack, http)


@gatherer(impact=Impact.PERTURBS, at_most_seconds=120)
def limited_responses(target: Target, stack: Stack, http: HttpClient) -> Responses:
    """A refusal by the rate limiter, per entry, provoked by a user of its own so that nobody else is refused.

    Where the limiter counts by address or for everybody, only ``paths.too_many`` is used: anything else would have every
    later request of the audit refused.
    """
    return _limited(target, stack, http)


def _limited(target: Target, stack: Stack, http: HttpClient) -> Responses:
    try:
        request, headers, secrets, limit = _limited_request(target, stack, http)
    except Inconclusive as reason:
        return Responses(exchanges=(), not_provoked={StatusClass.TOO_MANY.value: reason.reason})
    refused: list[Exchange] = []
    missed: dict[str, str] = {}
    unrefused: dict[str, int] = {}
    burst = _burst(limit)
    for entry in target.entries:
        answer, began = None, time.monotonic()
        # The first entry fills the count; the others usually share it and refuse at once.
        for _ in range(burst):
            answer = _send(http, entry, request, StatusClass.TOO_MANY, headers)
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status is None:
                break
        if answer is not None and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            refused.append(masked(answer, secrets))
        else:
            label = answer.label if answer is not None else "nothing was sent"
            missed[_where(StatusClass.TOO_MANY, entry)] = f"no refusal in {burst} requests: {label}"
            allowed = _size(limit) + (time.monotonic() - began) * limit.requests / limit.window_seconds + 1
            if answer is not None and answer.status is not None and burst > allowed:
                unrefused[entry.name] = burst
    return Responses(exchanges=tuple(refused), not_provoked=missed, unrefused=unrefused)


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def development_responses(target: Target, variants: Variants) -> Responses:
    """What the same stack answers outside production, in a second stack of its own; a burst at its limiter comes last."""
    example = "variants:\n  development: {SERVICE: {ENVIRONMENT: development}}"
    return _variant_responses(target, variants, "development", example, is_limited=bool(target.limits))


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def headers_off_responses(target: Target, variants: Variants) -> Responses:
    """What the same stack answers with its security headers switched off, in a second stack of its own."""
    example = 'variants:\n  headers_off: {SERVICE: {SECURITY_HEADERS_ENABLED: "false"}}'
    return _variant_responses(target, variants, "headers_off", example)


def _variant_responses(
    target: Target, variants: Variants, name: str, example: str, *, is_limited: bool = False
) -> Responses:
    environment = target.variants.get(name)
    target.require(f"variants.{name}", environment, example=example)
    variant = Variant(name=name.replace("_", ""), environment=environment or {})
    with variants(variant) as stack, HttpClient(stack) as http:
        found = collect(target, stack, http, only=COMPARED)
        # One entry tells whether there is a limiter; the refusal itself is judged in production.
        one = dataclasses.replace(target, entries=target.entries[:1])
        burst = _limited(one, stack, http) if is_limited and one.entries else Responses(exchanges=(), not_provoked={})
        return dataclasses.replace(
            found,
            exchanges=found.exchanges + burst.exchanges,
            not_provoked={**found.not_provoked, **burst.not_provoked},
            unrefused=burst.unrefused,
        )


def collect(
    target: Target,
    stack: Stack,
    http: HttpClient,
    *,
    only: frozenset[StatusClass] = frozenset(StatusClass),
    sleep: Callable[[float], None] = time.sleep,
) -> Responses:
    """Ask every entry for every kind of answer in ``only``; the login is done once, through the first entry.

    ``sleep`` waits, at most once, where the audit's own requests ran into a rate limiter.
    """
    identity, no_login = _identity(target, stack, http)
    secrets = identity.secrets if identity else frozenset()
    patient = _Patient(http, identity, sleep=sleep)
    exchanges = list(identity.exchanges) if identity else []
    repeated: list[Exchange] = []
    missed: dict[str, str] = {}
    for entry in target.entries:
        silent = 0
        for plan in _plans(target, is_copy=stack.runtime != ATTACHED):
            if plan.purpose not in only:
                continue
            if silent >= MAX_SILENT:
                missed[_where(plan.purpose, entry)] = f"not asked: {silent} requests in a row got no answer in time"
                continue
            if plan.request is None or (plan.as_user and identity is None):
                missed[_where(plan.purpose, entry)] = plan.reason if plan.request is None else no_login
                continue
            answers = [masked(patient.ask(entry, plan, plan.request), secrets) for _ in range(plan.times)]
            exchanges += answers
            silent = silent + 1 if all(_is_silence(answer) for answer in answers) else 0
            repeated += answers if plan.times > 1 else []
            if plan.purpose in EXPECTED and not _is_meant(answers[-1], plan.purpose):
                missed[_where(plan.purpose, entry)] = f"{answers[-1].label}; {plan.key} names another request"
    return Responses(exchanges=tuple(exchanges), not_provoked=missed, repeated=tuple(repeated))


def _is_silence(answer: Exchange) -> bool:
    return answer.status is None and (answer.error or "").startswith(NO_ANSWER)


def _where(purpose: StatusClass, entry: Entry) -> str:
    return f"{purpose.value} via {entry.name}"


def _is_meant(answer: Exchange, purpose: StatusClass) -> bool:
    lowest, highest = EXPECTED[purpose]
    return answer.status is not None and lowest <= answer.status <= highest


def _identity(target: Target, stack: Stack, http: HttpClient) -> tuple[Identity | None, str]:
    """The first user, or why nobody is logged in."""
    if target.login is None:
        return None, target.declined.get("login", "not configured: login")
    if not target.entries:
        return None, "no entry to log in through"
    try:
        environment = stack.environment(target.service) if target.service else {}
        return log_in(http, target.entries[0], target.login, environment=environment), ""
    except Inconclusive as reason:
        return None, reason.reason
    except StackError as error:
        return None, str(error)


def _plans(target: Target, *, is_copy: bool) -> Iterator[_Plan]:
    """Every kind of request to one entry; what the owner does not name is derived where that is harmless."""
    paths = target.paths

    def named(
        purpose: StatusClass, key: str, request: Request | None, *, times: int = 1, private: bool = False
    ) -> _Plan:
        reason = target.declined.get(key, f"not configured: {key}")
        as_user = private or (request is not None and request.as_user != "anonymous")
        return _Plan(purpose=purpose, request=request, key=key, as_user=as_user, times=times, reason=reason)

    anonymous = dataclasses.replace(paths.private, as_user="anonymous") if paths.private else None
    fallback = Request(path=UNKNOWN_PATH) if "paths.not_found" not in target.declined else None
    yield named(StatusClass.OK, "paths.ok", paths.ok)
    if paths.ok is not None:
        yield from _derived_from(target, paths.ok)
    yield named(StatusClass.UNAUTHORIZED, "paths.unauthorized", paths.unauthorized or anonymous)
    yield named(StatusClass.NOT_FOUND, "paths.not_found", paths.not_found or fallback)
    yield named(StatusClass.REDIRECT, "paths.redirect", paths.redirect)
    yield named(StatusClass.STATIC, "paths.static", paths.static)
    # Twice in a row: a nonce in both is no nonce.
    yield named(StatusClass.HTML, "paths.html", paths.html, times=2)
    yield named(StatusClass.PRIVATE, "paths.private", paths.private, private=True)
    yield named(StatusClass.INVALID, "paths.invalid", paths.invalid)
    yield from _bad_bodies(paths.invalid, is_copy=is_copy)
    if is_copy:
        yield named(StatusClass.ERROR, "error_path", paths.error)
    else:
        yield _Plan(
            purpose=StatusClass.ERROR, request=None, key="error_path", reason="not provoked on a stack that is no copy"
        )


def _derived_from(target: Target, ok: Request) -> Iterator[_Plan]:
    """Requests that only need a path which exists."""
    as_user = ok.as_user != "anonymous"
    if not any(entry.https for entry in target.entries):
        forwarded = {"X-Forwarded-Proto": "https"}
        yield _Plan(purpose=StatusClass.OK, request=ok, key="paths.ok", headers=forwarded, as_user=as_user)
    key = "paths.method_not_allowed"
    unknown = target.paths.method_not_allowed
    if unknown is None and key not in target.declined:
        unknown = Request(method=UNKNOWN_METHOD, path=ok.path, headers=SHALLOW)
    yield _Plan(
        purpose=StatusClass.METHOD_NOT_ALLOWED,
        request=unknown,
        key=key,
        as_user=unknown is not None and unknown.as_user != "anonymous",
        reason=target.declined.get(key, ""),
    )
    asks = {
        "Origin": target.origins[0] if target.origins else FALLBACK_ORIGIN,
        "Access-Control-Request-Method": ok.method,
    }
    preflight = Request(method="OPTIONS", path=ok.path)
    yield _Plan(purpose=StatusClass.PREFLIGHT, request=preflight, key="origins", headers=asks)


def _bad_bodies(invalid: Request | None, *, is_copy: bool) -> Iterator[_Plan]:
    """Bodies that are too large or of an unknown type, to where the owner's invalid one goes."""
    takes_body = invalid is not None and invalid.method in {"POST", "PUT", "PATCH"}
    reason = "not configured: paths.invalid, a request with a body" if not takes_body else ""
    as_user = invalid is not None and invalid.as_user != "anonymous"
    plain = dataclasses.replace(invalid, json=None, form=None, body_base64=None) if invalid and takes_body else None
    oversized = wrong = None
    if plain is not None:
        json_type = {**_without_type(plain.headers), "Content-Type": "application/json"}
        # One JSON string: whoever takes it in finds no record in it.
        text = f'"{"a" * OVERSIZED_BYTES}"'
        oversized = dataclasses.replace(plain, body=text, headers=json_type) if is_copy else None
        wrong = dataclasses.replace(plain, body="x", headers={**json_type, "Content-Type": UNKNOWN_TYPE})
    yield _Plan(
        purpose=StatusClass.TOO_LARGE,
        request=oversized,
        key="paths.invalid",
        as_user=as_user,
        reason=reason or "not sent to a stack that is no copy",
    )
    yield _Plan(purpose=StatusClass.WRONG_TYPE, request=wrong, key="paths.invalid", as_user=as_user, reason=reason)


def _without_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


def _send(
    http: HttpClient, entry: Entry, request: Request, purpose: StatusClass, headers: Mapping[str, str]
) -> Exchange:
    """Send one request; a service that is not there is recorded like one that does not answer."""
    try:
        return http.send(entry, request, purpose=purpose, headers={**PLAIN, **headers})
    except StackError as error:
        scheme = "https" if entry.https else "http"
        url = f"{scheme}://{entry.service}:{entry.port}{entry.base}{request.path}"
        return Exchange(
            entry=entry.name, purpose=purpose, method=request.method, url=url, https=entry.https, error=str(error)[:500]
        )


class _Patient:
    """Asks; where a limiter refuses what this audit sent in all, asks as the user, then once after the announced wait."""

    def __init__(self, http: HttpClient, identity: Identity | None, *, sleep: Callable[[float], None]) -> None:
        self._http, self._sleep = http, sleep
        self._headers = identity.headers if identity else {}
        self._has_waited = False

    def ask(self, entry: Entry, plan: _Plan, request: Request) -> Exchange:
        """The answer to the plan's request; a refusal by the limiter only where patience did not help."""
        own = self._headers if plan.as_user else {}
        answer = _send(self._http, entry, request, plan.purpose, {**plan.headers, **own})
        if (
            answer.status == HTTPStatus.TOO_MANY_REQUESTS
            and plan.purpose is not StatusClass.UNAUTHORIZED
            and self._headers != own
        ):
            answer = _send(self._http, entry, request, plan.purpose, {**plan.headers, **self._headers})
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS and not self._has_waited:
            self._has_waited = True
            said = answer.first("retry-after") or ""
            # One second more, because the announced one is rounded.
            self._sleep(
                min(float(said[:9]) + 1 if said.isascii() and said.isdigit() else MAX_WAIT_SECONDS, MAX_WAIT_SECONDS)
            )
            answer = _send(self._http, entry, request, plan.purpose, {**plan.headers, **own})
        return answer


def _limited_request(
    target: Target, stack: Stack, http: HttpClient
) -> tuple[Request, Mapping[str, str], frozenset[str], Limit]:
    """What to send, as whom, and the limit that refuses it.

    Raises:
        Inconclusive: nothing can be sent without harm to the rest of the audit; says why.
    """
    if "limit" in target.declined:
        raise Inconclusive(f"limit: none, because {target.declined['limit']}")
    declared = target.paths.too_many
    limit = next((limit for limit in target.limits if limit.key == "user"), None)
    if limit is not None and target.login is not None:
        headers, secrets = _own_user(target, stack, http)
        return declared or Request(path=limit.path), headers, secrets, limit
    if limit is not None:
        raise Inconclusive("the limiter counts per user, and no login is configured")
    if declared is not None:
        largest = max(target.limits, key=_size, default=Limit(path=declared.path, requests=MAX_BURST))
        return declared, {}, frozenset(), largest
    if not target.limits:
        raise Inconclusive("not configured: limit")
    raise Inconclusive(
        f"the limiter counts per {target.limits[0].key}: a burst would have the rest of the audit refused; "
        "paths.too_many names a request that may be refused"
    )


def _size(limit: Limit) -> int:
    return limit.requests + limit.burst


def _burst(limit: Limit) -> int:
    # Half as much again: the limit refills while a slow service is asked. The first refusal ends it.
    return min(_size(limit) + _size(limit) // 2 + BURST_SLACK, MAX_BURST)


def _own_user(target: Target, stack: Stack, http: HttpClient) -> tuple[Mapping[str, str], frozenset[str]]:
    """Headers of a user that nothing else of the audit uses."""
    login = target.login
    if login is None or login.request is None:
        raise Inconclusive("a user of its own is needed, and the declared login knows only one")
    if login.register is not None and login.users:
        user: Mapping[str, str] = {**login.users[0], "name": f"limited-{login.users[0].get('name', 'user')}"}
    elif len(login.users) > 1:
        user = login.users[-1]
    else:
        raise Inconclusive("a user of its own is needed: declare a second one in login.users, or login.register")
    try:
        environment = stack.environment(target.service) if target.service else {}
        identity = log_in(http, target.entries[0], login, environment=environment, user=user)
    except StackError as error:
        raise Inconclusive(str(error)) from error
    return identity.headers, identity.secrets
