"""Telling how a stored password was hashed from its text alone, without keeping any of it."""

from __future__ import annotations

import base64
import hashlib
import re

__all__ = ["HASH_PATTERN", "PASSWORD_COLUMN", "digests_of", "recognise"]

#: Modular crypt and PHC strings, and the spellings of Django and Werkzeug; as PostgreSQL's and Python's regex alike.
HASH_PATTERN = (
    r"\$argon2(id|i|d)\$|\$2[abxy]\$[0-9]{2}\$|\$scrypt\$|scrypt:[0-9]+:[0-9]+:[0-9]+\$|\$pbkdf2|pbkdf2[_:]sha[0-9]+[$:]"
    r"|\$[156y]\$[./A-Za-z0-9=,]+\$"
)
#: Names under which a password's hash is usually kept.
PASSWORD_COLUMN = re.compile(r"pass|pwd|hash|secret|credential", re.IGNORECASE)

_ARGON2 = re.compile(r"\$(argon2(?:id|i|d))\$(?:v=\d+\$)?([^$]*)\$")
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_SCRYPT_PHC = re.compile(r"\$scrypt\$([^$]*)\$")
_SCRYPT_WERKZEUG = re.compile(r"scrypt:(\d+):(\d+):(\d+)\$")
_PBKDF2 = re.compile(r"pbkdf2[-_:](?:sha\d+|hmac)?[$:](?:i=)?(\d+)", re.IGNORECASE)
_CRYPT = re.compile(r"\$([156y])\$[./A-Za-z0-9=,$]+\$[./A-Za-z0-9]{20,}")
_CRYPT_NAMES = {"1": "md5-crypt", "5": "sha256-crypt", "6": "sha512-crypt", "y": "yescrypt"}
_UNSALTED = ("md5", "sha1", "sha256", "sha512")


def digests_of(password: str) -> dict[str, str]:
    """Text -> name of every plain digest of a password: what a column holds where nobody salted."""
    found: dict[str, str] = {}
    for name in _UNSALTED:
        digest = hashlib.new(name, password.encode(), usedforsecurity=False).digest()
        found[digest.hex()] = found[base64.b64encode(digest).decode()] = f"{name}, unsalted"
    return found


def recognise(text: str) -> tuple[str, dict[str, int]] | None:  # noqa: PLR0911  # one flat table of formats
    """The scheme and its costs, or None for a text that is no known hash."""
    if found := _ARGON2.search(text):
        costs = _numbers(found[2])
        names = {"m": "memory_kib", "t": "iterations", "p": "parallelism"}
        return found[1], {names[k]: v for k, v in costs.items() if k in names}
    if found := _BCRYPT.search(text):
        return "bcrypt", {"cost": int(found[1])}
    if found := _SCRYPT_PHC.search(text):
        costs = _numbers(found[1])
        return "scrypt", {"iterations": 2 ** min(costs.get("ln", 0), 62), "parallelism": costs.get("p", 1)}
    if found := _SCRYPT_WERKZEUG.search(text):
        return "scrypt", {"iterations": int(found[1]), "parallelism": int(found[3])}
    if found := _PBKDF2.search(text):
        return "pbkdf2", {"iterations": int(found[1])}
    if found := _CRYPT.search(text):
        return _CRYPT_NAMES[found[1]], {}
    return None


def _numbers(text: str) -> dict[str, int]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip(): int(value) for name, _, value in pairs if value.isascii() and value[:12].isdecimal()}
