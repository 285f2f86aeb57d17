"""A user with a password that exists nowhere else: how it is checked, how it is kept, and where it shows up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from readiness.declared.access import LOGIN_EXAMPLE
from readiness.facts.auth import Passwords, Place, Trial, TrialKind
from readiness.gather.auth_asking import Asker, shown, user_named
from readiness.gather.auth_stores import is_in_redis, search_database, search_logs, search_redis
from readiness.gather.auth_tokens import private_request
from readiness.instruments.identity import filled
from readiness.target import Login, Request
from readiness.verdict import Inconclusive

__all__ = ["try_passwords"]

#: bcrypt takes in so many bytes of a password, and most implementations drop the rest without a word.
BCRYPT_BYTES = 72
#: A password below this length occurs in texts by chance; it is not looked for.
LEAST_CANARY = 10


def try_passwords(asker: Asker) -> Passwords:
    """Register, log in rightly and wrongly, then look where the password went."""
    login = asker.target.login
    if login is None or login.request is None:
        return Passwords(problem="the login takes no name and password", supply=LOGIN_EXAMPLE)
    # Meets the usual rules for passwords: lower and upper case, digit, sign.
    canary = f"Qx7-{secrets.token_hex(10)}-zR"
    user = user_named(login, "auth-canary", password=canary)
    if user is None:
        return Passwords(problem="login.users is not declared", supply=LOGIN_EXAMPLE)
    password = user["password"]
    try:
        asker.log_in(user)
    except Inconclusive as reason:
        return Passwords(problem=reason.reason, supply=reason.supply)
    private = private_request(asker.target)
    attempts = _Attempts(asker, login.request, private)
    variants = dict(_variants(password))
    # A short password is its own beginning, and one of digits has no other case: these are right, and no trial.
    not_tried = [f"{words}: that is the password itself" for words, text in variants.items() if text == password]
    trials = list(attempts.wrong(user, {words: text for words, text in variants.items() if text != password}))
    trials += _long(attempts, login, not_tried)
    missed: dict[str, str] = {}
    found: list[Place] = []
    places, hashes, is_named = search_database(asker, name=user["name"], password=password, missed=missed)
    if places and login.register is not None and not is_named and not is_in_redis(asker, user["name"]):
        missed["the user's own row"] = "no row names the user registered for this look, so it is kept somewhere else"
    if len(password) >= LEAST_CANARY:
        found += (*places, *search_redis(asker, password, missed), *search_logs(asker, password, missed))
    else:
        missed["password"] = f"it has fewer than {LEAST_CANARY} characters, which occur by chance"
    return Passwords(
        trials=tuple(trials), not_tried=tuple(not_tried), hashes=hashes, searched=tuple(found), not_searched=missed
    )


def _variants(password: str) -> Iterator[tuple[str, str]]:
    yield "another password", _another(password)
    yield "the empty password", ""
    yield "the password without its last character", password[:-1]
    yield "the first eight characters of the password", password[:8]
    yield "the password with a character more", password + "x"
    yield "the password in other case", password.swapcase()


def _another(password: str) -> str:
    return f"Wrong-{password[::-1]}"


class _Attempts:
    """Logins with right and wrong passwords."""

    def __init__(self, asker: Asker, request: Request, private: Request | None) -> None:
        self.asker = asker
        self._private = private
        self._shown = shown(request, asker.entry)

    def wrong(self, user: Mapping[str, str], variants: Mapping[str, str]) -> Iterator[Trial]:
        """Before each a right one: it takes back what the service may count, and shows that nobody is locked out."""
        is_told = self._is_told(user)
        for words, password in variants.items():
            before = self._status(user)
            status = self._status({**user, "password": password})
            error = ""
            if not is_told and status == HTTPStatus.OK:
                status, error = (
                    None,
                    "every password is answered with a cookie; paths.private would tell whom it lets in",
                )
            yield Trial(
                kind=TrialKind.PASSWORD, name=words, request=self._shown, status=status, before=before, error=error
            )

    def _is_told(self, user: Mapping[str, str]) -> bool:
        """Whether a login that lets in can be told from one that does not.

        Many services give a cookie also to those whom they refuse, to show them the reason on the next page.
        """
        if self._private is not None:
            return True
        _, identity = self.asker.sent_login({**user, "password": _another(user["password"])})
        return identity is None or bool(identity.token)

    def _status(self, user: Mapping[str, str]) -> int | None:
        """200 where the login lets in: what it gives opens what only users may ask. Else how it was refused."""
        status, identity = self.asker.sent_login(user)
        if identity is None:
            is_success = status is not None and status < HTTPStatus.BAD_REQUEST
            return HTTPStatus.UNAUTHORIZED.value if is_success else status
        if self._private is None:
            return HTTPStatus.OK.value
        return self.asker.send(self._private, identity.headers).status


def _long(attempts: _Attempts, login: Login, not_tried: list[str]) -> Iterator[Trial]:
    """Two passwords that differ behind the 72nd byte."""
    words = "a password that differs behind its 72nd byte"
    if login.register is None:
        not_tried.append(f"{words}: nobody can register")
        return
    right = f"Qx7-{secrets.token_hex(34)}-zR-"  # 76 bytes
    user = user_named(login, "auth-long", password=right)
    assert user is not None  # noqa: S101  # there is a register request, so there is a user
    registered = attempts.asker.send(filled(login.register, user)).status
    if registered is None or registered >= HTTPStatus.BAD_REQUEST:  # too long for this service, and it says so
        not_tried.append(f"{words}: registering with 76 bytes is answered with {registered}")
        return
    yield from attempts.wrong(user, {words: right[:BCRYPT_BYTES] + "fail"})
