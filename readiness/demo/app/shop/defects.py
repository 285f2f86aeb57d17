"""The switches of the audit's demo: each breaks one property on purpose, and none is on in production.

Every defect is asked for at exactly one place, where the sound behaviour is written beside it.
"""

from __future__ import annotations

import os

__all__ = ["is_on"]


def is_on(name: str) -> bool:
    """Whether ``SHOP_DEFECTS``, a comma-separated list, names this defect."""
    return name in os.environ.get("SHOP_DEFECTS", "").split(",")
