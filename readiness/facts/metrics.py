"""What a metrics endpoint showed before, between and after bursts of requests whose number is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from readiness.facts.alerts import Evaluation

__all__ = ["Burst", "Metering", "Scrape"]

OK = 200


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """One look at the metrics.

    Attributes:
        at_seconds: since the first look.
        number: how many looks there had been up to and with this one: each may count itself.
        text: the exposition as received; ``is_whole`` is False where it was longer than what is read.
    """

    url: str
    at_seconds: float = 0.0
    number: int = 1
    status: int | None = None
    error: str | None = None
    content_type: str = ""
    text: str = ""
    is_whole: bool = True

    @property
    def label(self) -> str:
        """``"GET http://api:8000/metrics: 200"``: how evidence names it."""
        return f"GET {self.url}: {self.status if self.status is not None else self.error}"


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Equal requests, one after the other.

    Attributes:
        label: method and URL.
        statuses: status (or error) -> how often.
        is_cached: an answer said that it came from a cache, so not every request need have reached the service.
    """

    label: str
    sent: int
    statuses: dict[str, int] = field(default_factory=dict)
    is_cached: bool = False

    @property
    def status(self) -> int | None:
        """The one status of all answers, else None."""
        only = next(iter(self.statuses)) if len(self.statuses) == 1 else ""
        return int(only) if only.isdigit() else None


@dataclass(frozen=True, kw_only=True)
class Metering:
    """The looks, in the order in which they were taken: ``first``, ``quiet``, 20 good requests, ``good``, 5 bad, ``bad``.

    Attributes:
        late: one more, where metrics of the machine had stood still: a minute later, or when they first moved.
        tried: addresses that were asked and show no metrics, with what they answered; for the reader.
        not_sent: why there were no bursts.
        evaluation: of the owner's alert rules, against the series of the last look.
    """

    first: Scrape | None = None
    quiet: Scrape | None = None
    good: Scrape | None = None
    bad: Scrape | None = None
    late: Scrape | None = None
    good_burst: Burst | None = None
    bad_burst: Burst | None = None
    tried: tuple[str, ...] = ()
    not_sent: str = ""
    evaluation: Evaluation | None = None

    @property
    def scrapes(self) -> tuple[Scrape, ...]:
        """Every look that was answered with 200, in order."""
        looks = (self.first, self.quiet, self.good, self.bad, self.late)
        return tuple(look for look in looks if look is not None and look.status == OK)

    @property
    def last(self) -> Scrape | None:
        """The latest look: it shows whatever only traffic makes appear."""
        return self.scrapes[-1] if self.scrapes else self.first
