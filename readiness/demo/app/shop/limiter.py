"""Counts requests per user, else per address, and all together; refuses those beyond the limits."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from . import defects
from .buckets import Policy
from .errors import error_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .auth import Tokens
    from .buckets import Decision, TokenBuckets
    from .settings import Settings

__all__ = ["RateLimit", "policies_of"]

#: Probes and page decoration must work when a caller is refused everything else.
EXEMPT_PREFIXES = ("/health/", "/static/")
EXEMPT_PATHS = ("/health", "/healthz", "/api/health", "/metrics")


def policies_of(settings: Settings) -> tuple[Policy, ...]:
    """The limits that the settings ask for. An hour of full minutes must not be possible, or the hourly one is idle."""
    return (
        Policy(
            name="minute",
            requests=settings.rate_limit_per_minute,
            window_seconds=settings.rate_limit_window_seconds,
            burst=settings.rate_limit_burst,
        ),
        Policy(name="hour", requests=settings.rate_limit_per_hour, window_seconds=3600.0),
        Policy(name="everybody", requests=settings.rate_limit_global_per_minute, window_seconds=60.0, is_shared=True),
    )


class RateLimit:
    """Counts every request but the exempt ones, and tells each caller where it stands."""

    def __init__(self, app: ASGIApp, buckets: TokenBuckets, tokens: Tokens) -> None:
        self._app = app
        self._buckets = buckets
        self._tokens = tokens
        # For two defects alone: a refusal must not be remembered beside the buckets.
        self._is_unforgiving = defects.is_on("refusal-for-ever")
        self._limits_probe = defects.is_on("probe-refused-with-its-caller")
        self._refused: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer 429."""
        if scope["type"] != "http" or self._is_exempt(scope):
            await self._app(scope, receive, send)
            return
        caller = self._caller(scope)
        decision = await self._buckets.take(caller)
        is_held = self._is_held_against(caller, decision)
        is_allowed = decision.is_allowed and not is_held

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(decision.headers(time.time()))
            await send(message)

        if is_allowed:
            await self._app(scope, receive, tell)
        else:
            await self._refuse(decision, scope, receive, tell)

    async def _refuse(self, decision: Decision, scope: Scope, receive: Receive, send: Send) -> None:
        policy, _ = decision.binding
        sentence = policy.sentence
        if defects.is_on("refusal-names-other-figure"):
            sentence = "Maximum 1000 requests per minute allowed."
        # Never from a cache (RFC 6585, 4): the next request may be allowed.
        stored = "public, max-age=60" if defects.is_on("refusal-cacheable") else "no-store"
        response = error_response(
            scope,
            429,
            code="rate_limit_exceeded",
            message=f"Rate limit exceeded. {sentence}",
            headers={"Cache-Control": stored},
            retry_after=decision.retry_after_seconds,
        )
        await response(scope, receive, send)

    def _is_exempt(self, scope: Scope) -> bool:
        path = scope["path"]
        if path == "/healthz" and self._limits_probe:
            return self._caller(scope) not in self._refused
        if path.startswith("/static/") and defects.is_on("static-limited"):
            return False
        if path.startswith("/items/") and defects.is_on("operation-unlimited"):
            return True
        if defects.is_on("exempt-by-substring") and b"/health" in scope["query_string"]:
            return True
        prefixes = (*EXEMPT_PREFIXES, "/") if defects.is_on("exempt-prefix-slash") else EXEMPT_PREFIXES
        return path in EXEMPT_PATHS or path.startswith(prefixes)

    def _caller(self, scope: Scope) -> str:
        authorization = Headers(scope=scope).get("authorization", "")
        user_id = self._tokens.user_id(authorization)
        if user_id is not None and defects.is_on("limit-per-token"):
            return f"token:{hashlib.sha256(authorization.encode()).hexdigest()}"
        if user_id is not None:
            return f"user:{user_id}"
        return "address:" if defects.is_on("addresses-share-bucket") else f"address:{(scope.get('client') or ('',))[0]}"

    def _is_held_against(self, caller: str, decision: Decision) -> bool:
        """Nothing is: who was refused is served as soon as there is a token."""
        was_refused = caller in self._refused
        if not decision.is_allowed and (self._is_unforgiving or self._limits_probe):
            self._refused.add(caller)
        elif not self._is_unforgiving:
            self._refused.discard(caller)
        return was_refused and caller.startswith("user:") and self._is_unforgiving
