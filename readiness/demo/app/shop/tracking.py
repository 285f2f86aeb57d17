"""Error tracking: what went wrong reaches the tracker, and nothing that identifies or opens anything does.

Locals and bodies stay here: they hold passwords and tokens, whatever their names. The queries of URLs too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sentry_sdk
from fastapi import Depends, Request
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.integrations.redis import RedisIntegration

from . import defects

if TYPE_CHECKING:
    from .auth import Tokens
    from .settings import Settings

__all__ = ["configure", "foresee_nothing", "report", "who"]

#: Keys of an event that hold the query of a URL.
QUERY_KEYS = frozenset({"query_string", "http.query", "url.query"})


#: Of the defect: an outage of the tracker is felt, and the demo's audit does not take for ever.
BLOCKED_SECONDS = 2.0


def configure(settings: Settings) -> None:
    """Start sending, in the background, where an address is configured."""
    address = settings.sentry_dsn.get_secret_value()
    if not address:
        return
    is_open = defects.is_on("tracker-secrets-sent")
    sentry_sdk.init(
        dsn=address,
        environment=settings.environment,
        traces_sample_rate=1.0 if defects.is_on("traces-all-sent") else settings.sentry_traces_sample_rate,
        # RequestContext logs what nobody foresaw; the tracker has it from the application already.
        integrations=[LoggingIntegration(event_level=None)],
        # Keys in Redis are made of tokens, and it would send each command with its key.
        disabled_integrations=[] if is_open else [RedisIntegration()],
        send_default_pii=is_open,
        include_local_variables=is_open,
        max_request_body_size="medium" if is_open else "never",
        before_send=_cleaned,
        before_send_transaction=_cleaned,
    )


def report(error: Exception) -> None:
    """Send an error that is answered, and yet is nobody's wish: a dependency that failed."""
    sentry_sdk.capture_exception(error)


def foresee_nothing(error: Exception) -> None:
    """What nobody foresaw is sent by the tracker's own layer, once it is answered: nobody waits for that."""
    if defects.is_on("tracker-blocks-requests"):
        sentry_sdk.capture_exception(error)
        sentry_sdk.flush(timeout=BLOCKED_SECONDS)


def who(tokens: Tokens) -> Any:
    """A dependency of routes that puts the user's number, and nothing else of the user, on whatever a request sends."""

    async def tell(request: Request) -> None:
        user_id = tokens.user_id(request.headers.get("authorization", ""))
        if user_id is not None:
            sentry_sdk.set_user({"id": str(user_id)})

    return Depends(tell)


def _cleaned(event: Any, hint: dict[str, Any]) -> Any:
    """The event as it may leave, or None."""
    if defects.is_on("unhandled-not-sent") and isinstance(hint.get("exc_info", (None, None))[1], RuntimeError):
        return None
    if defects.is_on("tracker-environment-missing"):
        event.pop("environment", None)
    return _without_queries(event)


def _without_queries(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_queries(item) for key, item in value.items() if key not in QUERY_KEYS}
    if isinstance(value, list):
        return [_without_queries(item) for item in value]
    return value
