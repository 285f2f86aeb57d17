"""Damaged, forged and swapped tokens, and how long the right ones last."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from readiness.declared.access import LOGIN_EXAMPLE, PRIVATE_EXAMPLE
from readiness.exceptions import StackError
from readiness.facts.auth import Lifetime, Tokens, Trial, TrialKind
from readiness.gather.auth_asking import Asker, shown, user_named
from readiness.gather.auth_keys import default_keys
from readiness.gather.auth_stores import store_lifetimes
from readiness.instruments import forgery
from readiness.instruments.forgery import Forged, Token, read_token
from readiness.instruments.identity import Identity, filled, token_at
from readiness.target import Request
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.target import Login, Target

__all__ = ["private_request", "try_tokens"]

#: A key is no longer than this.
MAX_FILE_BYTES = 256 * 1024


def private_request(target: Target) -> Request | None:
    """What only a user may ask, or None."""
    declared = target.paths.private or target.paths.unauthorized
    return None if declared is None else dataclasses.replace(declared, expect=())


def try_tokens(asker: Asker, *, now: Callable[[], float] = time.time) -> Tokens:
    """Log in as two users, then send what must be refused in place of the first one's token."""
    target, login = asker.target, asker.target.login
    request = private_request(target)
    if login is None:
        if (why := target.declined.get("login")) is not None:
            return Tokens(problem=f"login: none, because {why}", is_declined=True)
        return Tokens(problem="no login is configured", supply=LOGIN_EXAMPLE)
    if request is None:
        return Tokens(problem="no path is known that needs a login", supply=PRIVATE_EXAMPLE)
    try:
        alice = asker.log_in(user_named(login, "auth-a", nth=0))
    except Inconclusive as reason:
        return Tokens(problem=reason.reason, supply=reason.supply)
    issued, text = now(), _credential(asker, request, alice)
    if not text:
        return Tokens(
            problem=f"nothing of what the login of {alice.name} gives was found to identify it", supply=PRIVATE_EXAMPLE
        )
    sent = _Sent(asker, request, alice, text)
    token = read_token(text)
    facts = Tokens(
        request=shown(request, asker.entry),
        is_jwt=token is not None,
        algorithm=token.algorithm if token else "",
        claims=tuple(sorted(map(str, token.claims)))[:50] if token else (),
        with_token=sent.status(text),
        without_token=asker.send(request).status,
    )
    # Before it is used for anything else: some sessions are prolonged by being used.
    own = tuple(_by_claims("access", token, issued) if token else store_lifetimes(asker, "access", text, alice))
    not_tried: dict[str, str] = {}
    declared, problem = _key(asker, login)
    known: bytes | None = None
    if token is not None and declared is not None:
        known, problem = _key_in_use(sent, token, declared)
    trials = [sent.trial(each) for each in forgery.tampered(text, token, _other(asker, login))]
    if token is not None:
        trials += map(sent.trial, _forged(token, known, problem, not_tried=not_tried, now=now))
        keys, left_out = default_keys(target, in_force=declared)
        if left_out:
            not_tried[TrialKind.DEFAULT_KEY.value] = left_out
        trials += map(sent.trial, forgery.guessed(token, keys))
    trials += sent.malformed()
    refresh = _Refresh(asker, login, sent)
    trials += refresh.trials()
    return dataclasses.replace(
        facts,
        trials=tuple(trials),
        not_tried=not_tried,
        after=sent.status(text),
        lifetimes=(*own, *refresh.lifetimes),
        refresh_problem=refresh.problem,
        refreshed=refresh.refreshed,
        refreshed_works=refresh.works,
    )


def _credential(asker: Asker, request: Request, who: Identity) -> str:
    """What identifies: the token, a key in a header, else the cookie without which nobody is let in."""
    if who.token:
        return who.token
    lines = [value for name, value in who.headers.items() if name.lower() != "cookie"]
    if held := [secret for secret in who.secrets if any(secret in line for line in lines)]:
        return max(held, key=len)
    pairs = [pair for pair in who.headers.get("Cookie", "").split("; ") if pair]
    for pair in pairs:
        rest = "; ".join(other for other in pairs if other != pair)
        if not _is_success(asker.send(request, {"Cookie": rest} if rest else {}).status):
            return pair.partition("=")[2]
    return ""


def _is_success(status: int | None) -> bool:
    return status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


class _Sent:
    """Sends a request with something in the place of the user's credential."""

    def __init__(self, asker: Asker, request: Request, who: Identity, credential: str) -> None:
        self.asker, self.request, self.who, self._credential = asker, request, who, credential

    def headers(self, text: str) -> dict[str, str]:
        """The user's headers with ``text`` in them."""
        return {name: value.replace(self._credential, text) for name, value in self.who.headers.items()}

    def status(self, text: str) -> int | None:
        """The status of the request with ``text``."""
        return self.asker.send(self.request, self.headers(text)).status

    def trial(self, forged: Forged) -> Trial:
        """What became of a token."""
        answer = self.asker.send(self.request, self.headers(forged.text))
        where = shown(self.request, self.asker.entry)
        error = (answer.error or "")[:200]
        return Trial(kind=forged.kind, name=forged.name, request=where, status=answer.status, error=error)

    def malformed(self) -> Iterator[Trial]:
        """Through the public entry, and directly, where a proxy may have refused on its own."""
        entries = [self.asker.entry, *(e for e in self.asker.target.entries if e.service == self.asker.target.service)]
        for entry in {entry.name: entry for entry in entries}.values():
            for forged in forgery.malformed():
                headers = {**self.request.headers, **self.headers(forged.text)}
                try:
                    status, error = self.asker.send_bytes(self.request, headers, entry=entry)
                except StackError as problem:
                    status, error = None, str(problem)
                where = shown(self.request, entry)
                yield Trial(kind=forged.kind, name=forged.name, request=where, status=status, error=error[:200])


def _key(asker: Asker, login: Login) -> tuple[bytes | None, str]:
    """The stack's own signing key, or why it is not known."""
    variable = login.key.get("env") or (login.static.get("jwt") or {}).get("secret_env")
    if variable:
        try:
            value = asker.environment.get(variable)
        except StackError as error:
            return None, str(error)
        return (value.encode(), "") if value else (None, f"the service has no variable {variable}")
    if "file" in login.key:
        path = Path(asker.target.folder) / login.key["file"]
        if not path.is_file() or path.stat().st_size > MAX_FILE_BYTES:
            return None, f"login.key: {login.key['file']} is no readable file"
        return path.read_bytes().strip(), ""
    return None, "login.key is not declared"


def _key_in_use(sent: _Sent, token: Token, declared: bytes) -> tuple[bytes | None, str]:
    """The form of the declared key that the service verifies with; else why a refusal of what it signs would show nothing."""
    problem = ""
    for form in forgery.forms_of(declared):
        try:
            status = sent.status(forgery.resigned(token, form))
        except ValueError as error:
            problem = problem or f"login.key cannot sign with {token.algorithm}: {error}"[:200]
            continue
        if _is_success(status):
            return form, ""
        problem = f"a token signed with login.key is answered with {status}: it is not the key in use"
    return None, problem


def _other(asker: Asker, login: Login) -> Token | None:
    """A second user's token: only what it says of its user is taken over, and without it the other trials stand."""
    user = user_named(login, "auth-b", nth=1)
    if user is None:
        return None
    try:
        return read_token(asker.log_in(user).token)
    except Inconclusive:
        return None


def _forged(
    token: Token,
    key: bytes | None,
    problem: str,
    *,
    not_tried: dict[str, str],
    now: Callable[[], float],
) -> Iterator[Forged]:
    """Every forged token; without ``key``, and ``problem`` says why, those that need none."""
    yield from forgery.unsigned(token)
    yield from forgery.confused(token, key)
    if key is None:
        for kind in (TrialKind.CONFUSION, TrialKind.EXPIRED, TrialKind.ISSUER):
            not_tried[kind.value] = f"nothing can be signed as the service does: {problem}"
    else:
        yield from forgery.expired(token, key, now=int(now()))
        yield from forgery.foreign(token, key)


def _by_claims(which: str, token: Token, now: float) -> Iterator[Lifetime]:
    ends, begins = token.claims.get("exp"), token.claims.get("iat", now)
    if not isinstance(ends, int | float) or not isinstance(begins, int | float):
        yield Lifetime(token=which, source="the token has no exp claim", seconds=None, is_enforced=True)
    else:
        yield Lifetime(token=which, source="the token's exp claim", seconds=float(ends - begins), is_enforced=True)


class _Refresh:
    """A refresh token used as it should be, and as it should not be."""

    def __init__(self, asker: Asker, login: Login, sent: _Sent) -> None:
        self._asker, self._login, self._private = asker, login, sent.request
        self.problem = ""
        self.refreshed: int | None = None
        self.works: int | None = None
        self.lifetimes: tuple[Lifetime, ...] = ()

    def trials(self) -> Iterator[Trial]:
        """What must be refused; the rest is in the attributes afterwards."""
        asker, request = self._asker, self._login.refresh
        if request is None:
            self.problem = "login.refresh is not declared"
            return
        try:
            carol = asker.log_in(user_named(self._login, "auth-refresh", nth=0))
        except Inconclusive as reason:
            self.problem = reason.reason
            return
        in_body = bool(self._login.refresh_token)
        name, secret = ("", carol.refresh_token) if in_body else _refresh_cookie(carol)
        if not secret:
            self.problem = "the login's answer has no refresh token: login.refresh_token names its place, else a cookie"
            return
        if not carol.token:
            self.problem = "the login gives no access token beside the refresh token"
            return
        self.lifetimes = tuple(self._lifetimes_of(carol, name, secret))
        # Swapped first: using a refresh token may end it.
        using = _Sent(asker, self._private, carol, carol.token)
        yield self._trial("a refresh token, used as an access token", self._private, using.status(secret))
        swapped = self._sent(request, carol, name, secret, carol.token)
        yield self._trial("an access token, used as a refresh token", request, swapped)
        self.refreshed = None
        body = asker.send(*self._prepared(request, carol, secret))
        self.refreshed = body.status
        fresh = _renewed(carol, body.body, self._login.token)
        if fresh is not None:
            self.works = using.status(fresh)

    def _prepared(
        self, request: Request, who: Identity, secret: str, cookies: str | None = None
    ) -> tuple[Request, Mapping[str, str]]:
        ready = filled(request, {"refresh_token": secret})
        pairs = who.cookies if cookies is None else cookies
        return ready, ({"Cookie": pairs} if ready == request and pairs else {})

    def _sent(self, request: Request, who: Identity, name: str, old: str, new: str) -> int | None:
        cookies = who.cookies.replace(f"{name}={old}", f"{name}={new}")
        ready, headers = self._prepared(request, who, new, cookies)
        return self._asker.send(ready, headers).status

    def _trial(self, words: str, request: Request, status: int | None) -> Trial:
        where = shown(request, self._asker.entry)
        return Trial(kind=TrialKind.REFRESH, name=words, request=where, status=status)

    def _lifetimes_of(self, who: Identity, name: str, secret: str) -> Iterator[Lifetime]:
        token = read_token(secret)
        if token is not None:
            yield from _by_claims("refresh", token, time.time())
        if name in who.cookie_seconds:
            yield Lifetime(
                token="refresh",  # noqa: S106  # which token it is
                source=f"Max-Age of the cookie {name}",
                seconds=who.cookie_seconds[name],
                is_enforced=False,
            )
        yield from store_lifetimes(self._asker, "refresh", secret, who)


def _refresh_cookie(who: Identity) -> tuple[str, str]:
    """Name and value of the cookie that holds the refresh token: the only one, else the one that is called so."""
    pairs = [pair.partition("=") for pair in who.cookies.split("; ") if pair]
    named = [pair for pair in pairs if "refresh" in pair[0].lower()]
    chosen = named[0] if named else pairs[0] if len(pairs) == 1 else ("", "", "")
    return chosen[0], chosen[2]


def _renewed(who: Identity, body: str, place: str) -> str | None:
    fresh = token_at(body, place)
    return fresh if fresh and fresh != who.refresh_token else None
