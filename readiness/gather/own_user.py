"""A user that belongs to one look alone, so that its requests count against nobody else's limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from readiness.exceptions import StackError, UnsupportedError
from readiness.instruments.identity import Identity, log_in
from readiness.verdict import Inconclusive

if TYPE_CHECKING:
    from readiness.instruments.client import HttpClient
    from readiness.runtime import Stack
    from readiness.target import Entry, Target

__all__ = ["environment_of", "own_user"]


def own_user(target: Target, stack: Stack, http: HttpClient, purpose: str, *, entry: Entry | None = None) -> Identity:
    """Log in as ``<purpose>-<first user>``, else, where nobody can register, as the last declared user.

    Raises:
        Inconclusive: there is no login, or it was refused; says why.
    """
    login = target.login
    if login is None:
        raise Inconclusive("no login is configured", undeclared="login", supply="login: {…}   # or none, with why")
    where = entry or (target.entries[0] if target.entries else None)
    if where is None:
        raise Inconclusive("there is no entry to log in through", undeclared="entry")
    user: Mapping[str, str] | None = None
    if login.request is not None and login.users:
        first = login.users[0]
        can_register = login.register is not None
        user = {**first, "name": f"{purpose}-{first.get('name', 'user')}"} if can_register else login.users[-1]
    try:
        return log_in(http, where, login, environment=environment_of(target, stack), user=user)
    except (StackError, UnsupportedError) as error:
        raise Inconclusive(str(error)) from error


def environment_of(target: Target, stack: Stack, service: str = "") -> Mapping[str, str]:
    """The variables of a service, by default of the one under audit; none where they cannot be seen."""
    name = service or target.service
    try:
        return stack.environment(name) if name else {}
    except (StackError, UnsupportedError):
        return {}
