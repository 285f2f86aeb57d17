"""Wrong passwords for one account, one after the other, until the service has had enough of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from http import HTTPStatus

from readiness.declared.access import LOGIN_EXAMPLE
from readiness.facts.auth import MOST_GUESSES, Guesses
from readiness.gather.auth_asking import Asker, user_named
from readiness.instruments.identity import filled, identity_from
from readiness.verdict import Inconclusive

__all__ = ["try_guesses"]

#: A hundred verifications of a slow hash: a second and a half each on a busy machine.
AT_MOST_SECONDS = 150.0
#: A refusal that lasts no longer delays a guesser by nothing; it is waited out, and guessing goes on.
SHORT_SECONDS = 2.0
#: Of such waits; who is refused that often is refused.
MOST_WAITS = 40
#: A limiter, or an account that is locked (RFC 4918, 11.3).
STOPPED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.LOCKED})


def try_guesses(
    asker: Asker,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Guesses:
    """Guess until refused for longer than a moment, or once more often than anybody should; then log in rightly."""
    login = asker.target.login
    user = None if login is None else user_named(login, "auth-guessed", nth=0)
    if login is None or login.request is None or user is None:
        return Guesses(problem="nobody is declared who logs in with a name and a password", supply=LOGIN_EXAMPLE)
    try:
        asker.log_in(user)
    except Inconclusive as reason:
        return Guesses(problem=reason.reason, supply=reason.supply)
    began, failed, waits = clock(), 0, 0
    stopped, announced = None, ""
    while failed <= MOST_GUESSES and stopped is None and clock() - began < AT_MOST_SECONDS:
        answer = asker.send_once(filled(login.request, {**user, "password": _wrong(user["password"], failed)}))
        if answer.status in STOPPED:
            announced = answer.first("retry-after") or ""
            is_short = announced.isdecimal() and float(announced[:9]) <= SHORT_SECONDS
            if is_short and waits < MOST_WAITS:
                waits += 1
                sleep(max(float(announced[:9]), 0.5))
            else:
                stopped = answer.status
            continue
        if answer.status is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Guesses(problem=f"a wrong password could not be tried: {answer.label}", failed=failed)
        with contextlib.suppress(Inconclusive):
            identity_from(answer, login, login.request, user)
            return Guesses(problem="a wrong password logs in, which auth.wrong_password judges", failed=failed)
        failed += 1
    seconds = round(clock() - began, 2)
    if stopped is not None:
        return Guesses(failed=failed, stopped=stopped, announced=announced[:40], seconds=seconds)
    # An account may be locked without a word, so that nobody learns of it: then the right password is refused too.
    status, identity = asker.sent_login(user)
    return Guesses(failed=failed, right_status=status, is_right_let_in=identity is not None, seconds=seconds)


def _wrong(password: str, number: int) -> str:
    """As long as the right one, because what is refused for its form is not compared."""
    wrong = f"{password[:-3]}{number:03d}"
    return wrong if wrong != password else f"{password[:-3]}{MOST_GUESSES + 1:03d}"
