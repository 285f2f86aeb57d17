"""What a check concludes: findings with evidence, measurements with limits, and the outcome they add up to.

Standard library (and :mod:`readiness.chart`) only; everything is frozen, keyword-only and survives a JSON round trip.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from readiness.chart import Chart

__all__ = [
    "Evidence",
    "Finding",
    "Inconclusive",
    "Measurement",
    "NotApplicable",
    "Outcome",
    "Severity",
    "Verdict",
]


class Severity(enum.StrEnum):
    """How much a failed check hurts; the order is that of the enum's members."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low up to 3 for critical."""
        return list(Severity).index(self)


class Outcome(enum.StrEnum):
    """How a check ended. *Inconclusive* is never a pass and never a fail."""

    PASS = "pass"  # noqa: S105  # an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    INCONCLUSIVE = "inconclusive"
    WAIVED = "waived"
    ATTESTED = "attested"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One piece of proof.

    Attributes:
        source: where it was seen, for example ``"GET /items via proxy: 401"`` or ``"log of api"``.
        text: what was seen, verbatim and bounded; never holds a secret when it reaches a writer.
    """

    source: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, in the owner's words, with what proves it."""

    message: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A number with its unit and, where a rule says so, its limits (both inclusive).

    Units are spelled ``s``, ``ms``, ``B``, ``1/s``, ``ratio``, ``count``.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no number: it keeps every limit, or none, and JSON cannot hold it."""
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name} is {self.value}, which is not a measurement")

    @property
    def is_within(self) -> bool:
        """Whether the value keeps its limits; true without limits."""
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    def describe(self) -> str:
        """The measurement in one line, limits included."""
        limits = [f"at most {self.at_most:g}"] if self.at_most is not None else []
        limits += [f"at least {self.at_least:g}"] if self.at_least is not None else []
        suffix = f" ({' and '.join(limits)} {self.unit})" if limits else ""
        return f"{self.name} {self.value:.4g} {self.unit}{suffix}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of judging facts.

    Attributes:
        findings: what is wrong; empty means the check passes.
        measured: figures; one outside its limits becomes a finding by itself.
        summary: one sentence on what was seen, for the reader of a *passed* check.
        credit: for a failed check, the share in [0, 1] of the property that does hold. 0 unless the rule says.
        charts: what happened when, where a picture says more than figures.
    """

    findings: Sequence[Finding] = ()
    measured: Sequence[Measurement] = ()
    summary: str = ""
    credit: float = 0.0
    charts: tuple[Chart, ...] = ()
    all_findings: tuple[Finding, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Turn limits that do not hold into findings."""
        if not 0 <= self.credit <= 1:
            raise ValueError(f"credit is a share in [0, 1], not {self.credit}")
        outside = tuple(
            Finding(message=f"{m.describe()} is outside its limit") for m in self.measured if not m.is_within
        )
        object.__setattr__(self, "all_findings", (*self.findings, *outside))

    @property
    def outcome(self) -> Outcome:
        """Fail with any finding, else pass."""
        return Outcome.FAIL if self.all_findings else Outcome.PASS


class NotApplicable(Exception):  # noqa: N818  # control flow, not an error
    """Raised by a check whose premise does not hold for this target; the reason is checked, not assumed."""


class Inconclusive(Exception):  # noqa: N818  # control flow, not an error
    """Raised where the facts do not decide: what is missing, and the lines of ``readiness.yaml`` that supply it.

    Args:
        reason: what could not be told, and why.
        supply: what the owner can do about it; for a missing declaration, the YAML to add.
        undeclared: the key of ``readiness.yaml`` that neither the owner nor discovery supplied, for example
            ``"probes.startup"``. A profile may list such checks as optional: they are then not applicable.
    """

    def __init__(self, reason: str, *, supply: str = "", undeclared: str = "") -> None:
        self.reason, self.supply, self.undeclared = reason, supply, undeclared
        super().__init__(reason)
