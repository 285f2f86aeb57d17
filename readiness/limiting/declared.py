"""Which of the declared limits a check is about."""

from __future__ import annotations

from readiness.target import Limit, Target
from readiness.verdict import Inconclusive, NotApplicable

__all__ = [
    "EXAMPLE",
    "HOUR_SECONDS",
    "VARIABLE_EXAMPLE",
    "caller_limit",
    "limit_by",
    "limiting_service",
    "require_variables",
]

HOUR_SECONDS = 3600.0
#: What an owner adds where nothing is declared.
EXAMPLE = (
    "limit:\n"
    "  path: /items            # a GET that is limited\n"
    "  requests: 100\n"
    "  window_seconds: 60\n"
    "  key: user               # user, address or global\n"
    "  algorithm: token_bucket\n"
    "  exempt: [/health]\n"
    "  env: {requests: RATE_LIMIT_PER_MINUTE}"
)
#: What lets a limit be met that is too large for a burst.
VARIABLE_EXAMPLE = "limit:\n  env: {requests: RATE_LIMIT_PER_MINUTE}"


def caller_limit(target: Target) -> Limit:
    """The limit that one caller meets first: per user where there is one, else per address, else whatever is declared.

    Raises:
        NotApplicable, Inconclusive: there is none, by declaration or for lack of one.
    """
    target.require("limit", target.limits, example=EXAMPLE)
    short = [limit for limit in target.limits if limit.window_seconds < HOUR_SECONDS] or list(target.limits)
    for key in ("user", "address", "global"):
        found = [limit for limit in short if limit.key == key and (key != "user" or target.login is not None)]
        if found:
            return min(found, key=lambda limit: limit.requests / limit.window_seconds)
    raise Inconclusive(
        "the limit is per user, and nobody can be logged in",
        supply="login:\n  request: {method: POST, path: /auth/login, json: {name: '{name}', password: '{password}'}}",
        undeclared="login",
    )


def limit_by(target: Target, key: str, *, is_hourly: bool = False) -> Limit:
    """The declared limit counted by ``key``; an hourly one is one of an hour or longer.

    Raises:
        NotApplicable: limits are declared, and none is of this kind.
        Inconclusive: none is declared at all.
    """
    target.require("limit", target.limits, example=EXAMPLE)
    for limit in target.limits:
        if (limit.window_seconds >= HOUR_SECONDS) is is_hourly and (limit.key == key or (is_hourly and key == "any")):
            return limit
    what = "of an hour or longer" if is_hourly else "over all callers together" if key == "global" else f"per {key}"
    raise NotApplicable(f"no limit {what} is declared")


def limiting_service(target: Target, limit: Limit) -> str:
    """Whose variables set the figures: the declared one, a proxy say, else the service under audit.

    Raises:
        Inconclusive: neither is known.
    """
    service = limit.service or target.service
    if service is None:
        raise Inconclusive("no service to set the limits of", supply="service: SERVICE", undeclared="service")
    return service


def require_variables(limit: Limit, *figures: str) -> None:
    """Stop where the owner has not said which variables set the figures.

    Raises:
        Inconclusive: carries the YAML to add.
    """
    missing = [figure for figure in figures if figure not in limit.env]
    if missing:
        named = ", ".join(f"{figure}: VARIABLE" for figure in missing)
        raise Inconclusive(
            f"not configured: limit.env.{missing[0]}", supply=f"limit:\n  env: {{{named}}}", undeclared="limit.env"
        )
