"""The forms in which a secret turns up in a log."""

from __future__ import annotations

import base64
from functools import lru_cache

__all__ = ["spellings"]


@lru_cache(maxsize=256)
def spellings(secret: str) -> tuple[str, ...]:
    """The value itself, and as it looks inside base64: ``Basic`` credentials, cookies, encoded bodies.

    Values are made of letters and digits, so that quoting for URLs, JSON and HTML changes nothing.
    """
    forms = [secret]
    for shift in range(3):
        # Inside a longer text it begins at any of three places of a base64 group; the characters at its edges depend
        # on its neighbours and are left out.
        encoded = base64.b64encode(b"\0" * shift + secret.encode()).rstrip(b"=").decode()
        core = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (shift + len(secret)) % 3 else 0)]
        forms.append(core)
    return tuple(forms)
