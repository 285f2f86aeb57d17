"""Which names a certificate is for (RFC 9525), and which suites are weak. Pure."""

from __future__ import annotations

import ipaddress
import re

from readiness.facts.tls import Certificate

__all__ = ["OLD", "is_for", "weakness"]

#: Deprecated: SSL 2 and 3 (RFC 6176, RFC 7568), TLS 1.0 and 1.1 (RFC 8996).
OLD = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1")
#: What ``HIGH:!aNULL:!MD5`` leaves out, by the registered names of suites.
_WEAK = (
    (re.compile(r"_anon_", re.IGNORECASE), "authenticates nobody"),
    (re.compile(r"_NULL_"), "encrypts nothing"),
    (re.compile(r"EXPORT"), "was weakened on purpose"),
    (re.compile(r"_RC4_"), "RC4, forbidden by RFC 7465"),
    (re.compile(r"_RC2_"), "RC2"),
    (re.compile(r"_(?:3DES|DES40|DES64|DES192|DES)_|_DES_?\d*_"), "DES or triple DES, broken in practice (SWEET32)"),
    (re.compile(r"_MD5$"), "MD5"),
)


def weakness(suite: str) -> str:
    """Why a cipher suite is weak, or nothing."""
    return next((words for pattern, words in _WEAK if pattern.search(suite)), "")


def is_for(certificate: Certificate, name: str) -> bool:
    """Whether the certificate is for a name or address; ``*`` stands for one whole label, the first (RFC 9525, 6.3)."""
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        wanted = _as_certified(name.lower().rstrip("."))
        return any(_is_same(pattern.lower().rstrip("."), wanted) for pattern in certificate.names)
    return str(address) in certificate.addresses


def _as_certified(name: str) -> str:
    """A name as certificates write it: other letters than ASCII by their A-labels (RFC 9525, 2)."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _is_same(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == name
    first, _, rest = name.partition(".")
    return bool(first) and rest == pattern[2:]
