"""A small embedding: hashed character trigrams, projected by a matrix that takes a moment to compute.

It stands for any model that is too slow to load before the first request can be answered.
"""

from __future__ import annotations

import array
import asyncio
import hashlib
import math
import random
import time
import zlib
from collections.abc import Sequence

from .weights import Weights

__all__ = ["DIMENSIONS", "EmbeddingModel", "ModelLoadingError"]

DIMENSIONS = 32
BUCKETS = 512
NGRAM = 3
#: More than anybody waits for a service that says nothing.
FETCH_SECONDS = 18.0
#: How long a server waits for more texts that it could compute together.
BATCHING_SECONDS = 0.01


class ModelLoadingError(Exception):
    """The model is asked before it is loaded."""


class EmbeddingModel:
    """Unit vectors of ``DIMENSIONS`` numbers; equal texts have equal vectors, similar ones are near.

    Args:
        weights: where they come from; made up here without it.
    """

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights
        self._rows: Sequence[Sequence[float]] | None = None
        self._buffer = ""

    @property
    def is_loaded(self) -> bool:
        """Whether :meth:`embed` works."""
        return self._rows is not None

    @property
    def problem(self) -> str:
        """Why it is not loaded yet, in words; empty while nothing has gone wrong."""
        return self._weights.problem if self._weights is not None else ""

    async def fetch(self) -> None:
        """Get the weights of a larger model first; only the defect that does so before it listens asks for it."""
        await asyncio.sleep(FETCH_SECONDS)

    async def load(self, *, at_least_seconds: float) -> None:
        """Get the matrix from its weights, or make one up, which takes ``at_least_seconds``; the event loop keeps answering."""
        if self._weights is not None:
            self._rows = _rows(await self._weights.get())
            return
        until = time.monotonic() + at_least_seconds
        numbers = random.Random(hashlib.sha256(b"shop").digest())  # noqa: S311  # a fixed projection, no secret
        rows = []
        for _ in range(BUCKETS):
            rows.append([numbers.gauss(0, 1) for _ in range(DIMENSIONS)])
            await asyncio.sleep(0)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        self._rows = rows

    def embed(self, text: str) -> list[float]:
        """The vector of a text.

        Raises:
            ModelLoadingError: not loaded yet.
        """
        if self._rows is None:
            raise ModelLoadingError
        padded = f" {text.lower()} "
        total = [0.0] * DIMENSIONS
        for start in range(max(1, len(padded) - NGRAM + 1)):
            row = self._rows[zlib.crc32(padded[start : start + NGRAM].encode()) % BUCKETS]
            total = [a + b for a, b in zip(total, row, strict=True)]
        norm = math.sqrt(sum(x * x for x in total)) or 1.0
        return [round(x / norm, 6) for x in total]

    async def embed_from_buffer(self, text: str) -> list[float]:
        """The vector of the text that came last; only the defect that shares its buffer among requests asks for it."""
        self._buffer = text
        await asyncio.sleep(BATCHING_SECONDS)
        return self.embed(self._buffer)


def _rows(weights: bytes) -> Sequence[Sequence[float]]:
    """The matrix that these bytes are: whatever they are, as numbers between -1 and 1."""
    numbers = array.array("i", weights)
    scale = float(1 << 8 * numbers.itemsize - 1)
    return [[n / scale for n in numbers[at : at + DIMENSIONS]] for at in range(0, BUCKETS * DIMENSIONS, DIMENSIONS)]
