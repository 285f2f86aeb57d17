"""What a kind of store has to answer so that its content can be compared, and what it answers with.

A kind of store is one module of this folder (or of another package, see :mod:`readiness.instruments.digests`). It sums
hashes where the data is and hands over figures: of all rows for the digest, of the rows in some parts for finding where
two stores differ, of single rows at the end. A row belongs to a part by the lowest bits of its key's hash.

**Why a sum, and not exclusive or.** Both are free of order. Under exclusive or a row that is there twice cancels itself
out, so a table with every row doubled has the digest of an empty one, and a lost pair goes unseen; a sum counts it. The
sum is exact, not modulo 2^64: 2^64 copies of a row do not vanish either. For two contents that differ, the chance that
sums of independent 64-bit hashes are equal is 2^-64 a column, and the number of rows and the sum of the keys have to
agree as well. The hashes protect against accidents, not against somebody who looks for two rows of the same hash.

**Why the value is hashed together with its key.** Sums of plain values stay the same when two rows swap theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from readiness.facts.digest import StoreDigest
from readiness.runtime import Stack

__all__ = ["Bucket", "Digested", "Entry", "Opener", "Part", "Side", "Where", "known_key"]


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The rows of one part together.

    Attributes:
        rows: how many.
        sums: of the hashes of their keys, then of the values of each column that was asked for; decimal.
    """

    rows: int
    sums: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row, or all rows of the same key.

    Attributes:
        key: for people; at most 200 characters.
        hash: of the key; the same in both stores.
        rows: how many have it.
        sums: of the values of each column that was asked for; decimal.
    """

    key: str
    hash: str
    rows: int = 1
    sums: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows whose key's hash ends with one of ``endings``, looking at the lowest ``bits``. No bits are all rows."""

    bits: int = 0
    endings: tuple[int, ...] = (0,)


class Side(Protocol):
    """One store that can be asked what it holds. It changes nothing in the store."""

    def digest(self) -> StoreDigest:
        """Everything it holds; a store that cannot be read is a digest with a problem, and never an empty one."""

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """The rows in ``part`` of a table of the digest, by the lowest ``bits`` of the key's hash.

        Raises:
            GatherError, StackError: it cannot be asked.
        """

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """The rows in ``part`` themselves, ``at_most`` so many. Raises as :meth:`buckets` does."""

    def close(self) -> None:
        """Give back what is held on this machine."""


@dataclass(frozen=True, kw_only=True)
class Digested:
    """A store and what it said; it has not changed since."""

    side: Side
    digest: StoreDigest


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which store.

    Attributes:
        stack: where it runs.
        service: its service.
        name: the database, folder or file in it; empty for the only one, or the application's.
        port: its container port; None for the usual one.
        users: services whose variables may hold its login.
        until: what expires before this instant (seconds since 1970) is left out: it may be gone by then.
        keys: table -> the columns by which an earlier digest knew its rows (:attr:`StoreDigest.keys`); rows are told
            from each other by these, also where the index that made them unique is lost.
        folder: of the run, for a copy that is read here; empty for this machine's folder of temporary files.
        progress: is told what is being read.
    """

    stack: Stack
    service: str
    name: str = ""
    port: int | None = None
    users: Iterable[str] = ()
    until: float = 0.0
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""
    progress: Callable[[str], None] = field(default=_silent)


Opener = Callable[[Where], Side]
"""What a module of a kind offers as ``open_side``."""


def known_key(where: Where, table: str, own: tuple[str, ...], columns: Collection[str]) -> tuple[str, ...]:
    """By what the rows of a table are known: as an earlier digest did, where it has these columns, else by its own key."""
    wanted = where.keys.get(table, own)
    return wanted if all(name in columns for name in wanted) else own
