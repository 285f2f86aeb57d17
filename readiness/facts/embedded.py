"""Texts that a service turned into vectors, one after the other and many at once."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BatchAnswer", "ConcurrentInference", "Embedded"]


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """The answer to one text that was sent among others, beside what the text got when it was sent alone.

    Attributes:
        text: its number.
        difference: the largest one of two members of the two vectors, by the largest member of the first; None without
            a vector of the same length.
        nearest: the text whose own vector is the nearest to this one.
        error: what came instead of an answer; empty where there was one.
    """

    text: int
    status: int | None = None
    difference: float | None = None
    nearest: int | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class BatchAnswer:
    """The answer to several texts in one request.

    Attributes:
        sent: the numbers of its texts, in their order.
        nearest: for each vector of the answer, the text whose own vector is the nearest; empty without vectors.
        difference: the largest one between a vector of the answer and the nearest one; None where one has none.
        others: whether other requests were under way meanwhile.
    """

    sent: tuple[int, ...]
    status: int | None = None
    nearest: tuple[int, ...] = ()
    difference: float | None = None
    others: bool = False
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ConcurrentInference:
    """Distinct texts, embedded one by one and then all at once.

    Attributes:
        request: what carries one text.
        alone: how many texts were answered with a vector when they were sent one by one.
        alone_seconds: of one of them, the median; ``repeated_seconds`` of those that were sent once more after it.
        repeated_difference: the largest one between two answers to the same text, nothing else under way; None where no
            text was answered twice.
        smallest_distance: between the vectors of two different texts, measured as a difference is.
        at_once: the same texts, sent together.
        no_vector: the requests were accepted, and none of their answers holds exactly one vector.
        batch_not_done: why no batch was sent; ``not_done`` why nothing at all was.
    """

    request: str = ""
    alone: int = 0
    alone_seconds: float = 0.0
    repeated_seconds: float | None = None
    repeated_difference: float | None = None
    smallest_distance: float = 0.0
    at_once: tuple[Embedded, ...] = ()
    batches: tuple[BatchAnswer, ...] = ()
    no_vector: bool = False
    batch_not_done: str = ""
    not_done: str = ""
