"""Versions of servers, compared figure by figure. Pure."""

from __future__ import annotations

import itertools
import re

__all__ = ["is_at_least"]

#: ``15.18 (Debian 15.18-0+deb12u1)``, ``18beta1``, ``7.0.15``.
_VERSION = re.compile(r"\s*v?(?P<figures>\d+(?:\.\d+)*)(?P<before>[-.]?(?:devel|alpha|beta|rc)\d*)?", re.IGNORECASE)


def is_at_least(version: str, oldest: str) -> bool | None:
    """Whether a server's version is ``oldest`` or newer; what is not said counts as 0.

    A version before a release is older than the release. None where either cannot be read.
    """
    found, wanted = _VERSION.match(version), _VERSION.match(oldest)
    if found is None or wanted is None:
        return None
    pairs = itertools.zip_longest(_figures(found), _figures(wanted), fillvalue=0)
    for has, needs in pairs:
        if has != needs:
            return has > needs
    return not found["before"] or bool(wanted["before"])


def _figures(match: re.Match[str]) -> list[int]:
    return [int(figure) for figure in match["figures"].split(".")]
