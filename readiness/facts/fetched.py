"""How a service starts whose model hub, or whose copy of the model, is not as it should be.

Times are seconds from the zero of each start. Log lines are bounded, known secrets in them masked.
"""

from __future__ import annotations

from dataclasses import dataclass

from readiness.facts.startup import Said

__all__ = ["FetchedStart", "HubRequest", "ModelDownloads", "SmallCache"]


@dataclass(frozen=True, kw_only=True)
class HubRequest:
    """One request to the hub, which the audit plays.

    Attributes:
        answer: what it got: ``cut`` half way, ``limited`` by a 429, ``served`` whole or the part that it wants, ``sized``
            where it only wants to know how large it is, ``unchanged`` where it has that already, or ``unknown`` where
            nothing is served.
    """

    seconds: float
    method: str
    path: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class FetchedStart:
    """One start, watched.

    Attributes:
        seconds: how long.
        ready_seconds: when the probe first said yes; None where it never did.
        first_end_seconds: when its program was first seen to have ended, with this ``exit_code``; None where it ran on.
        last_end_seconds: when it was last seen to.
        restarts: how often its engine started it again.
        requests: that came to the hub meanwhile, the first and the last of them; ``requests_total`` is their number.
        said: the probe's last answer.
        log: its last lines.
    """

    seconds: float
    ready_seconds: float | None = None
    first_end_seconds: float | None = None
    last_end_seconds: float | None = None
    exit_code: int | None = None
    restarts: int = 0
    requests: tuple[HubRequest, ...] = ()
    requests_total: int = 0
    said: Said | None = None
    log: tuple[str, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether its program ended by itself, started again or not."""
        return self.first_end_seconds is not None or self.restarts > 0

    @property
    def has_ended_again(self) -> bool:
        """Whether it ended more than once."""
        is_later = self.last_end_seconds is not None and self.last_end_seconds != self.first_end_seconds
        return self.restarts > 1 or is_later

    def has_ended_after(self, seconds: float) -> bool:
        """Whether one of its ends was seen then or later: an earlier one has another reason."""
        ends = [end for end in (self.first_end_seconds, self.last_end_seconds) if end is not None]
        return max(ends, default=-1.0) >= seconds


@dataclass(frozen=True, kw_only=True)
class ModelDownloads:
    """A service in a copy of the stack whose hub is the audit's.

    Attributes:
        file: the one that is cut: the largest.
        broken: the first start: the download is cut half way, the next one limited once, then all is served.
        control: where ``broken`` did not get ready: another start, everything served from the first.
        cut_files: copies in the cache that were cut to half their length before ``corrupt``; ``cut_sources`` where the hub
            has what is as long.
        corrupt: the start after that; ``corrupt_again`` one more, where it ended and nobody started it again.
        is_same_answer: whether the service answers the proof of its model as before the copies were cut; None unknown.
        not_done: why nothing was done; ``corrupt_not_done`` why no copy was cut.
    """

    service: str = ""
    file: str = ""
    broken: FetchedStart | None = None
    control: FetchedStart | None = None
    cut_files: tuple[str, ...] = ()
    cut_sources: tuple[str, ...] = ()
    corrupt: FetchedStart | None = None
    corrupt_again: FetchedStart | None = None
    is_same_answer: bool | None = None
    corrupt_not_done: str = ""
    not_done: str = ""


@dataclass(frozen=True, kw_only=True)
class SmallCache:
    """A start with a cache on a file system that is smaller than the model.

    Attributes:
        file: the largest, which finds no room there.
        disk_bytes: its size as the service sees it; ``model_bytes`` of the largest file.
        not_done: why nothing was done.
    """

    service: str = ""
    file: str = ""
    disk_bytes: int = 0
    model_bytes: int = 0
    start: FetchedStart | None = None
    not_done: str = ""
