"""Passwords (argon2id), access tokens (JWT, HS256) and refresh tokens (one use each, known to Redis)."""

from __future__ import annotations

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["ACCESS_SECONDS", "REFRESH_SECONDS", "Passwords", "Tokens"]

ACCESS_SECONDS = 900
REFRESH_SECONDS = 7 * 24 * 3600
ISSUER = "shop"


class Passwords:
    """Hashes off the event loop, on threads of its own: a login must not wait for a slow name resolution."""

    def __init__(self) -> None:
        # OWASP's second choice for argon2id: 19 MiB and two passes, so that ten logins fit into the container.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
        # Compared against for unknown users, so that the time does not tell whether a name exists.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def is_right(self, password_hash: str | None, password: str) -> bool:
        """Whether the password fits; never for None, at the same cost."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._hasher.verify, password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False)


class Tokens:
    """Access tokens; valid ones are recognised without asking anybody."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def issue(self, user_id: int) -> str:
        """A token for ``ACCESS_SECONDS``."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": str(user_id), "iat": now, "exp": now + ACCESS_SECONDS}
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def user_id(self, authorization: str) -> int | None:
        """The user behind an ``Authorization`` header, or None for a missing or invalid one."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=ISSUER,
                options={"require": ["exp", "iat", "sub", "iss"]},
            )
            return int(claims["sub"])
        except (jwt.InvalidTokenError, ValueError):
            return None
