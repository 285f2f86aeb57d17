"""A user with a password that exists nowhere else: how it is checked, how it is kept, and where it shows up."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from readiness.facts.auth import Passwords, Place, Trial, TrialKind
from readiness.gather.auth_asking import Asker, shown, user_named
from readiness.gather.auth_stores import search_database, search_logs, search_redis
from readiness.instruments.identity import filled
from readiness.target import Request
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
        return Passwords(problem="the login takes no name and password")
    # Meets the usual rules for passwords: lower and upper case, digit, sign.
    canary = f"Qx7-{secrets.token_hex(10)}-zR"
    user = user_named(login, "auth-canary", password=canary)
    if user is None:
        return Passwords(problem="login.users is not declared")
    password = user["password"]
    try:
        identity = asker.log_in(user)
    except Inconclusive as reason:
        return Passwords(problem=reason.reason)
    trials = list(
        _wrong(asker, login.request, user, dict(_variants(password)), asked=shown(login.request, asker.entry))
    )
    not_tried: list[str] = []
    trials += _long(asker, login.request, not_tried)
    missed: dict[str, str] = {}
    found: list[Place] = []
    places, hashes = search_database(asker, name=user["name"], password=password, missed=missed)
    wanted = {"password": password} if len(password) >= LEAST_CANARY else {}
    tokens = {"access token": identity.token, "refresh token": identity.refresh_token}
    tokens |= {
        f"cookie {pair.partition('=')[0]}": pair.partition("=")[2] for pair in identity.cookies.split("; ") if pair
    }
    if wanted:
        found += places
        found += search_redis(asker, wanted, missed)
    else:
        missed["password"] = f"it has fewer than {LEAST_CANARY} characters, which occur by chance"
    long_enough = {words: text for words, text in tokens.items() if len(text) >= LEAST_CANARY}
    found += search_logs(asker, {**wanted, **long_enough}, missed)
    return Passwords(
        trials=tuple(trials), not_tried=tuple(not_tried), hashes=hashes, searched=tuple(found), not_searched=missed
    )


def _variants(password: str) -> Iterator[tuple[str, str]]:
    yield "another password", "Wrong-" + password[::-1]
    yield "the empty password", ""
    yield "the password without its last character", password[:-1]
    yield "the first eight characters of the password", password[:8]
    yield "the password with a character more", password + "x"
    yield "the password in other case", password.swapcase()


def _wrong(
    asker: Asker, request: Request, user: Mapping[str, str], variants: Mapping[str, str], *, asked: str
) -> Iterator[Trial]:
    """Before each a right one: it takes back what the service may count, and shows that nobody is locked out."""
    for words, password in variants.items():
        before = asker.send(filled(request, user)).status
        answer = asker.send(filled(request, {**user, "password": password}))
        yield Trial(
            kind=TrialKind.PASSWORD,
            name=words,
            request=asked,
            status=answer.status,
            error=(answer.error or "")[:200],
            before=before,
        )


def _long(asker: Asker, request: Request, not_tried: list[str]) -> Iterator[Trial]:
    """Two passwords that differ behind the 72nd byte."""
    login = asker.target.login
    words = "a password that differs behind its 72nd byte"
    if login is None or login.register is None:
        not_tried.append(f"{words}: nobody can register")
        return
    right = f"Qx7-{secrets.token_hex(34)}-zR-"  # 76 bytes
    user = user_named(login, "auth-long", password=right)
    assert user is not None  # noqa: S101  # there is a register request, so there is a user
    registered = asker.send(filled(login.register, user)).status
    if registered is None or registered >= 400:  # noqa: PLR2004  # refused: too long for this service, and it says so
        not_tried.append(f"{words}: registering with 76 bytes is answered with {registered}")
        return
    wrong = {words: right[:BCRYPT_BYTES] + "fail"}
    yield from _wrong(asker, request, user, wrong, asked=shown(request, asker.entry))
