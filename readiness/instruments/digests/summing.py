"""Sums of hashes on this machine, for stores that cannot hash by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from readiness.facts.digest import TableDigest
from readiness.instruments.digests.side import Bucket, Entry

__all__ = ["HASH_METHOD", "by_ending", "digested", "hash_of", "merged"]

HASH_METHOD = "blake2b"


def hash_of(data: bytes, seed: int = 0) -> int:
    """64 bits of a hash."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=seed.to_bytes(8, "big")).digest(), "big")


def digested(
    entries: Iterable[Entry], columns: Sequence[str], *, key: tuple[str, ...], lowest: str = "", highest: str = ""
) -> TableDigest:
    """Everything together, in one pass."""
    rows, keys, totals = 0, 0, [0] * len(columns)
    for entry in entries:
        rows += entry.rows
        keys += int(entry.hash) * entry.rows
        for index, value in enumerate(entry.sums):
            totals[index] += int(value)
    return TableDigest(
        rows=rows,
        key=key,
        keys=str(keys),
        columns=dict(zip(columns, map(str, totals), strict=True)),
        lowest=lowest,
        highest=highest,
    )


def by_ending(entries: Iterable[Entry], *, bits: int) -> Mapping[int, Bucket]:
    """The entries by the lowest bits of their key's hash."""
    found: dict[int, list[int]] = {}
    for entry in entries:
        totals = found.setdefault(int(entry.hash) & ((1 << bits) - 1), [0] * (2 + len(entry.sums)))
        totals[0] += entry.rows
        totals[1] += int(entry.hash) * entry.rows
        for index, value in enumerate(entry.sums):
            totals[2 + index] += int(value)
    return {
        ending: Bucket(rows=rows, sums=tuple(str(total) for total in totals))
        for ending, (rows, *totals) in found.items()
    }


def merged(entries: Iterable[Entry], *, at_most: int) -> tuple[Entry, ...]:
    """Entries of the same key as one, at most so many."""
    found: dict[str, Entry] = {}
    for entry in entries:
        held = found.get(entry.hash)
        if held is None and len(found) >= at_most:
            continue
        found[entry.hash] = entry if held is None else _sum(held, entry)
    return tuple(found.values())


def _sum(one: Entry, other: Entry) -> Entry:
    sums = tuple(str(int(a) + int(b)) for a, b in zip(one.sums, other.sums, strict=True))
    return Entry(key=one.key, hash=one.hash, rows=one.rows + other.rows, sums=sums)
