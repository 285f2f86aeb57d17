"""Security headers on every answer, whoever made it: this is the outermost layer, around even the last-resort 500."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

from . import defects

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .settings import Settings

__all__ = ["SecurityHeaders", "new_nonce"]

#: An answer that is data can load nothing and be framed nowhere.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_POLICY = (
    "default-src 'self'; {script}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
#: From here on an answer is an error (RFC 9110, 15.5).
FIRST_ERROR = 400
#: A defect's nonce, the same for ever.
REPEATED_NONCE = "c2hvcC1hbHdheXMtdGhlLXNhbWU"


def new_nonce() -> str:
    """128 random bits for one answer's scripts (CSP level 3, 7.1)."""
    return REPEATED_NONCE if defects.is_on("csp-nonce-repeated") else secrets.token_urlsafe(16)


class SecurityHeaders:
    """Pure ASGI, so that nothing inside can answer around it. A route's own header of the same name stays."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._is_enabled = settings.security_headers_enabled or defects.is_on("toggle-ignored")
        self._has_hsts = settings.is_production or defects.is_on("hsts-in-development")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; complete the headers of the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", _cache_control(scope))
                is_left_out = message["status"] >= FIRST_ERROR and defects.is_on("errors-without-headers")
                if self._is_enabled and not is_left_out:
                    for name, value in self._headers(scope):
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, complete)

    def _headers(self, scope: Scope) -> list[tuple[str, str]]:
        is_report_only = defects.is_on("csp-report-only")
        headers = [
            ("Content-Security-Policy-Report-Only" if is_report_only else "Content-Security-Policy", _policy(scope)),
            ("X-Frame-Options", "SAMEORIGIN" if defects.is_on("frame-sameorigin") else "DENY"),
            (
                "Referrer-Policy",
                "unsafe-url" if defects.is_on("referrer-unsafe-url") else "strict-origin-when-cross-origin",
            ),
            (
                "Permissions-Policy",
                "geolocation=*, microphone=(self), camera=()"
                if defects.is_on("permissions-open")
                else "geolocation=(), microphone=(), camera=()",
            ),
            # Browsers no longer have the filter; owners' checklists still ask for the header.
            ("X-XSS-Protection", "1" if defects.is_on("xss-filter-without-block") else "1; mode=block"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ]
        if not defects.is_on("no-nosniff"):
            headers.append(("X-Content-Type-Options", "nosniff"))
        if not defects.is_on("coop-missing"):
            headers.append(("Cross-Origin-Opener-Policy", "same-origin"))
        if self._has_hsts:
            age_seconds = 86400 if defects.is_on("hsts-short") else 31536000
            headers.append(("Strict-Transport-Security", f"max-age={age_seconds}; includeSubDomains"))
        return headers


def _policy(scope: Scope) -> str:
    nonce = scope["state"].get("csp_nonce")
    script = f"script-src 'nonce-{nonce}'"
    if defects.is_on("csp-unsafe-inline"):
        # Beside a nonce browsers would ignore 'unsafe-inline' (CSP level 3, 6.7.3.2): the defect has none.
        script, nonce = "script-src 'self' 'unsafe-inline'", "none"
    return PAGE_POLICY.format(script=script) if nonce else DATA_POLICY


def _cache_control(scope: Scope) -> str:
    """Nothing is stored unless its route says so; what belongs to one user least of all."""
    is_private = any(name in {b"authorization", b"cookie"} for name, _ in scope["headers"])
    if is_private and defects.is_on("private-cacheable"):
        return "public, max-age=600"
    return "no-store"
