"""What a store holds, as figures that do not depend on the order of its rows, and where two stores differ.

Two digests of the same content are equal whatever the order in which rows lie or are read; one value that changes, one
row that is missing, and one that is there twice make them different. Values themselves are not in here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

__all__ = ["EVERY", "Difference", "DifferenceKind", "SequenceState", "StoreDigest", "TableDigest"]

#: Ends what was left out where that is everything whose name begins so: ``owner of …``.
EVERY = "…"


@dataclass(frozen=True, kw_only=True)
class TableDigest:
    """The rows of one table (of one Redis database, of one folder).

    Attributes:
        rows: how many.
        key: the columns that identify a row; empty where nothing does, and a row is known by all its values.
        keys: sum of the hashes of every row's key, of its whole text where it has none; decimal.
        columns: column -> sum of the hashes of its values, each bound to its row's key where there is one; decimal.
        lowest, highest: of the first column of the key, as text.
    """

    rows: int
    key: tuple[str, ...] = ()
    keys: str = "0"
    columns: dict[str, str] = field(default_factory=dict)
    lowest: str = ""
    highest: str = ""


@dataclass(frozen=True, kw_only=True)
class SequenceState:
    """Where a sequence stands.

    Attributes:
        value: the last one given, or the one to come.
        is_called: whether ``value`` has been given already.
        step: from one value to the next; negative where it counts down.
    """

    value: int
    is_called: bool
    step: int = 1

    @property
    def following(self) -> int:
        """What is given next."""
        return self.value + self.step if self.is_called else self.value


@dataclass(frozen=True, kw_only=True)
class StoreDigest:
    """Everything that one store holds.

    Attributes:
        service: of the stack.
        kind: of the store: ``postgres``, ``redis``, ``files``, ``sqlite`` …
        name: the database, folder or file in it; empty where there is only one.
        version: of the server, as it tells it.
        method: how the hashes were made; sums of different methods cannot be compared.
        tables: name -> its rows.
        sequences: name -> where it stands.
        objects: what there is beside rows, as ``index public.items_name`` -> its definition.
        tolerances: column -> by how much its value may differ and still be the same, in seconds.
        not_digested: what was left out -> why; ``could not …`` where it should have been read.
        is_quiet: nothing was written while it was read; None where the store does not tell.
        size_bytes: on disk, as the store tells it; 0 where it does not.
        seconds: that it took.
        problem: why there is nothing to be told; empty where there is.
    """

    service: str
    kind: str
    name: str = ""
    version: str = ""
    method: str = ""
    tables: dict[str, TableDigest] = field(default_factory=dict)
    sequences: dict[str, SequenceState] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    tolerances: dict[str, float] = field(default_factory=dict)
    not_digested: dict[str, str] = field(default_factory=dict)
    is_quiet: bool | None = None
    size_bytes: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """Table -> the columns by which its rows are known; a second store has to be digested by the same ones."""
        return {name: table.key for name, table in self.tables.items()}

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())


class DifferenceKind(enum.StrEnum):
    """In what two stores differ."""

    LOST = "lost"
    ADDED = "added"
    CHANGED = "changed"
    ROWS = "rows"
    BEHIND = "behind"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which a store differs from what it was.

    Attributes:
        place: what differs: ``rows of public.items``, ``index public.items_name``, ``grants on table
            public.items to web``.
        kind: ``lost`` and ``added`` are of the place as a whole, ``rows`` of a table's content, ``behind`` of a sequence.
        before, after: the definition, the number of rows, the value; each at most 300 characters.
        columns: of a table: the columns whose values differ.
        lost, added, changed: keys of such rows; some of them where there are many.
        is_partial: there are more such keys than are named.
    """

    place: str
    kind: DifferenceKind
    before: str = ""
    after: str = ""
    columns: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    is_partial: bool = False
