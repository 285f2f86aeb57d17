"""A side whose content is kept in a file: what its parts are, and whose instants moved too far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from readiness.instruments.digests.kept import Kept
from readiness.instruments.digests.side import Bucket, Entry, Part

__all__ = ["KeptSide"]


class KeptSide:
    """Three of the four methods of a :class:`~readiness.instruments.digests.side.Side`; ``digest`` fills ``kept``.

    Args:
        kept: where the content goes.
        until: what expires before this instant is left out.
        tolerance_seconds: by how much instants may differ.
    """

    def __init__(self, kept: Kept, *, until: float = 0.0, tolerance_seconds: float = 0.0) -> None:
        self.kept = kept
        self._until, self._tolerance_seconds = until, tolerance_seconds

    def buckets(self, table: str, columns: Sequence[str], part: Part, *, bits: int) -> Mapping[int, Bucket]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return self.kept.buckets(table, columns, part, bits=bits)

    def entries(self, table: str, columns: Sequence[str], part: Part, *, at_most: int) -> Sequence[Entry]:
        """See :class:`~readiness.instruments.digests.side.Side`."""
        return self.kept.entries(table, columns, part, at_most=at_most)

    def close(self) -> None:
        """Remove the file."""
        self.kept.close()

    def is_at_the_edge(self, table: str, entry: Entry) -> bool:
        """Whether an entry expires so near to the instant before which nothing counts that the other side may leave it out."""
        number = self.kept.number(table, entry.hash)
        return number is not None and abs(number - self._until) <= self._tolerance_seconds

    def moved(self, other: KeptSide, table: str) -> Iterator[str]:
        """Keys that both have, whose instants differ by more than the tolerance."""
        ours, theirs = self.kept.numbers(table), other.kept.numbers(table)
        left, right = next(ours, None), next(theirs, None)
        while left is not None and right is not None:
            if left[0] == right[0] and abs(left[2] - right[2]) > self._tolerance_seconds:
                yield left[1]
            is_behind = left[0] <= right[0]
            if right[0] <= left[0]:
                right = next(theirs, None)
            if is_behind:
                left = next(ours, None)
