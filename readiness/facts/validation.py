"""What a service did with bodies and values that it should refuse."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.http import Exchange

__all__ = ["BadInput", "BadInputs", "BodyTrial", "InputLimits", "SizeTrial", "SizeTrials", "TypeTrial"]


@dataclass(frozen=True, kw_only=True)
class BodyTrial:
    """One large body.

    Attributes:
        kind: ``fits`` (just below the limit), ``announced`` (by its length) or ``streamed`` (in chunks, without a length).
        limit_bytes: the limit in force, None where nobody knows it.
        offered_bytes: how large the body would have been; ``sent_bytes`` how much was sent when the answer came.
        memory_before_bytes, memory_peak_bytes: of the service's container or process; None where it cannot be told.
    """

    entry: str
    kind: str
    limit_bytes: int | None
    offered_bytes: int
    sent_bytes: int
    status: int | None = None
    error: str | None = None
    seconds: float = 0.0
    body: str = ""
    memory_before_bytes: int | None = None
    memory_peak_bytes: int | None = None

    @property
    def label(self) -> str:
        """How evidence names this trial."""
        return f"body of {self.offered_bytes} bytes, {self.kind}, via {self.entry}: {self.status or self.error}"


@dataclass(frozen=True, kw_only=True)
class TypeTrial:
    """The good request's body under some content type; None for a request that names none."""

    content_type: str | None
    exchange: Exchange


@dataclass(frozen=True, kw_only=True)
class SizeTrial:
    """One list or text of some size.

    Attributes:
        kind: ``at`` the limit, ``over`` it by one, ``empty``, or ``multibyte``: at the limit in characters, over it in bytes.
        returned: the length of the longest list in the answer; None where it cannot be told, or means nothing.
        distinct: how many different items were sent; 0 for a text.
    """

    kind: str
    size: int
    exchange: Exchange
    returned: int | None = None
    distinct: int = 0


@dataclass(frozen=True, kw_only=True)
class SizeTrials:
    """The trials of one list or text.

    Attributes:
        at: dotted place in the body.
        limit: what is allowed at most; ``source`` says who says so.
        is_made_up: the request is not the owner's but made from the API's document, and so are the items.
        problem: why there are no trials; ``is_absent``: the API's document shows nothing that could be tried.
        untried: what was left out of the trials, and why.
    """

    at: str = ""
    limit: int | None = None
    source: str = ""
    trials: tuple[SizeTrial, ...] = ()
    is_made_up: bool = False
    problem: str = ""
    is_absent: bool = False
    untried: str = ""


@dataclass(frozen=True, kw_only=True)
class InputLimits:
    """Bodies, content types, lists and texts at their limits and beyond.

    Attributes:
        good: the request that the trials of bodies and types are made of, as it stands.
        types_allowed: the content types that the owner, else the API's document, allows.
        problem: why there is no such request.
    """

    good: Exchange | None = None
    bodies: tuple[BodyTrial, ...] = ()
    types: tuple[TypeTrial, ...] = ()
    types_allowed: tuple[str, ...] = ()
    batch: SizeTrials = field(default_factory=SizeTrials)
    input: SizeTrials = field(default_factory=SizeTrials)
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class BadInput:
    """One bad request that was not answered as one.

    Attributes:
        operation: method and documented path.
        what: what is wrong with the request.
        sent: the request, cut.
        first, again: its answer, and the answer to the very same request a moment later.
    """

    operation: str
    what: str
    sent: str
    first: Exchange
    again: Exchange | None = None


@dataclass(frozen=True, kw_only=True)
class BadInputs:
    """Bad requests to every documented operation, in a stack of its own.

    Attributes:
        sent: how many; ``generated`` how many of them from the document; ``statuses`` how they were answered.
        operations: those that were tried; ``closed`` those of them that let nobody in: every answer was 401, 403 or led
            elsewhere.
        troubled: answers of 500 and above, silence, and broken JSON that was accepted.
        settings_tried: bodies under another limit, set by the declared variable.
        good_after: the ordinary request afterwards.
        restarts: of the service meanwhile; ``is_replaced`` another instance runs now.
        problem: why nothing was sent; ``cut_short`` why less was sent than planned.
        uncounted: why answers say nothing about the input -> how many: the operation fares so with good input too.
        generator: what made the cases: name, version, seed.
    """

    sent: int = 0
    generated: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    operations: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    troubled: tuple[BadInput, ...] = ()
    settings_tried: tuple[BodyTrial, ...] = ()
    setting: str = ""
    good_after: Exchange | None = None
    restarts: int = 0
    is_replaced: bool = False
    problem: str = ""
    cut_short: str = ""
    uncounted: dict[str, int] = field(default_factory=dict)
    generator: str = ""
