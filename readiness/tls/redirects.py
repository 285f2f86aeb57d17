"""Whether a redirect from plain HTTP leads to the same place on https. Pure."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from readiness.facts.tls import PlainAnswer, TlsEntry
from readiness.tls.names import is_for

__all__ = ["astray"]

#: Clients remember these (RFC 9110, 15.4); the claims ledger demands one of them, as RFC 6797, 7.2 does.
FOR_GOOD = (301, 308)


def astray(answer: PlainAnswer, entry: TlsEntry) -> str:
    """What is wrong with a redirect, in words, or nothing. The port is not judged: it is the deployment's own."""
    if not answer.location.lower().startswith("https://"):
        return "leads on in clear"
    try:
        place = urlsplit(answer.location)
    except ValueError:
        return "leads to an address that no client can read"
    if not _is_here(place.hostname or "", entry):
        return f"leads to another host than {entry.server_name}"
    if _as_compared(place.path) != _as_compared(answer.path.partition("?")[0]):
        return "leads to https and loses the path"
    return "" if answer.status in FOR_GOOD else f"leads to https with {answer.status}, not for good (301 or 308)"


def _is_here(host: str, entry: TlsEntry) -> bool:
    """Whether a host is the entry itself: by its name, with or without ``www.``, or by its certificate."""
    if not entry.server_name:
        return True
    is_certified = entry.certificate is not None and is_for(entry.certificate, host)
    return _bare(host) == _bare(entry.server_name) or is_certified


def _bare(host: str) -> str:
    return host.lower().rstrip(".").removeprefix("www.")


def _as_compared(path: str) -> str:
    """A path without escapes, and with or without the slash at its end, which frameworks add."""
    return unquote(path).rstrip("/")
