"""Whether two texts mean the same setting: ``256MB`` and 32768 blocks of 8 kB, ``on`` and ``yes``."""

from __future__ import annotations

import math
import re

__all__ = ["is_same_in_postgres", "is_same_in_redis"]

#: PostgreSQL documentation, 20.1.1: memory by powers of 1024, case counts; times in milliseconds here.
_POSTGRES_UNITS = {
    "B": 1.0, "kB": 1024.0, "MB": 1024.0**2, "GB": 1024.0**3, "TB": 1024.0**4,
    "us": 0.001, "ms": 1.0, "s": 1000.0, "min": 60_000.0, "h": 3_600_000.0, "d": 86_400_000.0,
}  # fmt: skip
#: redis.conf, "Note on units": k is a thousand, kb 1024, and case does not count.
_REDIS_UNITS = {"": 1, "b": 1, "k": 10**3, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_UNIT = re.compile(r"(\d*)([A-Za-z]+)")
_TRUE, _FALSE = {"on", "true", "yes", "1", "t", "y"}, {"off", "false", "no", "0", "f", "n"}
#: A server rounds to whole units of its own.
_TOLERANCE = 0.01


def is_same_in_postgres(declared: str, setting: str, unit: str = "") -> bool:
    """Whether ``declared``, as a configuration file writes it, is what ``pg_settings`` shows in units of ``unit``."""
    wanted, found = _amount(declared, unit), _amount(f"{setting}", unit)
    if wanted is not None and found is not None:
        return math.isclose(wanted, found, rel_tol=_TOLERANCE)
    return _word(declared) == _word(setting)


def is_same_in_redis(declared: str, setting: str) -> bool:
    """Whether ``declared``, as redis.conf writes it, is what ``CONFIG GET`` shows."""
    wanted, found = _NUMBER.fullmatch(declared), _NUMBER.fullmatch(setting)
    if wanted and found:
        one, other = _REDIS_UNITS.get(wanted[2].lower()), _REDIS_UNITS.get(found[2].lower())
        if one is not None and other is not None:
            return float(wanted[1]) * one == float(found[1]) * other
    return _word(declared) == _word(setting)


def _amount(text: str, unit: str) -> float | None:
    """A number in bytes or milliseconds; without a unit of its own in those of the setting."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    own = match[2] or unit
    if not own:
        return float(match[1])
    parts = _UNIT.fullmatch(own)
    if parts is None or parts[2] not in _POSTGRES_UNITS:
        return None
    return float(match[1]) * float(parts[1] or 1) * _POSTGRES_UNITS[parts[2]]


def _word(text: str) -> str:
    plain = " ".join(text.replace('"', " ").replace("'", " ").split()).lower()
    return "on" if plain in _TRUE else "off" if plain in _FALSE else plain
