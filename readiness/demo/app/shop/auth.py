"""Passwords (argon2id), access tokens (JWT, HS256) and refresh tokens (one use each, known to Redis)."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from . import defects

__all__ = ["ACCESS_SECONDS", "REFRESH_SECONDS", "Passwords", "Tokens"]

ACCESS_SECONDS = 900
REFRESH_SECONDS = 7 * 24 * 3600
ISSUER = "shop"
#: A defect's second key, as tutorials write it.
DEFAULT_SECRET = "your-secret-key-change-in-production"  # noqa: S105  # a defect has to have one


class Passwords:
    """Hashes off the event loop, on threads of its own: a login must not wait for a slow name resolution."""

    def __init__(self) -> None:
        # OWASP's second choice for argon2id: 19 MiB and two passes, so that ten logins fit into the container.
        memory_kib = 512 if defects.is_on("password-hash-weak") else 19_456
        self._hasher = PasswordHasher(time_cost=2, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
        # Compared against for unknown users, so that the time does not tell whether a name exists.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, _counted(password))

    async def is_right(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; never for None, at the same cost."""
        loop = asyncio.get_running_loop()
        try:
            known = password_hash or self._nobody
            await loop.run_in_executor(self._threads, self._hasher.verify, known, _counted(password))
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)


def _counted(password: str) -> str:
    """What of a password is compared: all of it."""
    return password[:8] if defects.is_on("password-truncated") else password


class Tokens:
    """Access tokens; valid ones are recognised without asking anybody."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._replica = socket.gethostname() if defects.is_on("token-of-one-replica") else None
        self._algorithms = ["HS256", "HS384", "HS512"] if defects.is_on("jwt-any-hmac") else ["HS256"]
        self._options: Any = {
            "require": ["exp", "iat", "sub", "iss"],
            "verify_signature": not defects.is_on("jwt-signature-unverified"),
            "verify_exp": not defects.is_on("jwt-expiry-ignored"),
            "verify_iss": not defects.is_on("jwt-issuer-ignored"),
        }

    def issue(self, user_id: int, *, seconds: int = ACCESS_SECONDS) -> str:
        """A token for so long."""
        now = int(time.time())
        lifetime = 24 * 3600 if seconds == ACCESS_SECONDS and defects.is_on("access-token-long") else seconds
        claims = {"iss": ISSUER, "sub": str(user_id), "iat": now, "exp": now + lifetime}
        if self._replica:
            claims["replica"] = self._replica
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def user_id(self, authorization: str) -> int | None:
        """The user behind an ``Authorization`` header, or None for a missing or invalid one."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        if defects.is_on("jwt-malformed-raises") and token.count(".") == 2:  # noqa: PLR2004  # head, claims, signature
            json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
        try:
            if defects.is_on("jwt-alg-none") and str(jwt.get_unverified_header(token).get("alg", "")).lower() == "none":
                return int(jwt.decode(token, options={"verify_signature": False}).get("sub", ""))
            claims = self._claims(token)
            return int(claims["sub"]) if claims.get("replica", self._replica) == self._replica else None
        except (jwt.InvalidTokenError, ValueError):
            return None

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            return self._decoded(token, self._secret)
        except jwt.InvalidSignatureError:
            if not defects.is_on("jwt-default-key"):
                raise
            return self._decoded(token, DEFAULT_SECRET)

    def _decoded(self, token: str, secret: str) -> dict[str, Any]:
        return jwt.decode(token, secret, algorithms=self._algorithms, issuer=ISSUER, options=self._options)
