"""The scorecard: the one model that every format is rendered from, and its JSON form.

Field by field the contract of ``schemas/scorecard.schema.json``. Times are UTC ISO 8601, durations seconds, sizes
bytes, ratios 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from readiness.chart import Chart
from readiness.check import Category, CheckMeta, Impact
from readiness.facts._codec import decode, encode
from readiness.verdict import Finding, Measurement, Outcome, Severity

__all__ = [
    "SCHEMA_VERSION",
    "CategoryScore",
    "CheckResult",
    "CriticalPathStep",
    "GateResult",
    "NextGrade",
    "ProfileInfo",
    "RunInfo",
    "Scorecard",
    "TargetInfo",
    "ToolInfo",
    "from_json",
    "to_json",
]

#: Raised with every new or changed field.
SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How one check ended. ``weight`` and ``credit`` are filled by scoring; ``reason`` explains every non-verdict.

    Attributes:
        supply: what the owner adds to make an inconclusive check decidable, as YAML or one sentence.
        waiver: owner, reason and expiry where the finding is accepted.
    """

    id: str
    covers: tuple[str, ...]
    title: str
    category: Category
    severity: Severity
    impact: Impact
    outcome: Outcome
    credit: float = 0.0
    weight: float = 0.0
    summary: str = ""
    measurements: tuple[Measurement, ...] = ()
    charts: tuple[Chart, ...] = ()
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    supply: str = ""
    why: str = ""
    source: str = ""
    remediation: str = ""
    seeds: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    seconds: float = 0.0
    waiver: dict[str, str] | None = None

    @classmethod
    def of(cls, meta: CheckMeta, *, impact: Impact, outcome: Outcome, **values: Any) -> CheckResult:
        """A result that takes its describing fields from the check's metadata."""
        return cls(
            id=meta.id,
            covers=meta.covers,
            title=meta.title,
            category=meta.category,
            severity=values.pop("severity", meta.severity),
            impact=impact,
            outcome=outcome,
            why=meta.why,
            source=meta.source,
            remediation=meta.remediation,
            seeds=meta.seeds,
            facts=meta.facts,
            **values,
        )


@dataclass(frozen=True, kw_only=True)
class ToolInfo:
    """Who wrote the card."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class ProfileInfo:
    """The profile in force; ``excluded`` is id pattern -> reason."""

    name: str
    title: str = ""
    description: str = ""
    excluded: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TargetInfo:
    """What was audited. ``discovered`` and ``changes`` are rows of plain strings for the reader.

    Attributes:
        services: rows {service, role, image, state}.
        discovered: rows {key, value, reason}.
        changes: rows {service, what, why}: what the safe copy changed.
        start: the StackStart fact as plain data, or None where no stack was started.
        version: commit and branch of the folder where it is a git checkout.
    """

    name: str
    runtime: str
    services: tuple[dict[str, str], ...] = ()
    discovered: tuple[dict[str, str], ...] = ()
    changes: tuple[dict[str, str], ...] = ()
    start: dict[str, Any] | None = None
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class CriticalPathStep:
    """One step of the chain of work that bounded the run; ``kind`` is start, wait, gather, judge or render."""

    name: str
    kind: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """When, how long and where. ``host`` is plain data: cpus, memory_bytes, platform, python, engine."""

    id: str
    started_at: str
    seconds: float
    critical_path: tuple[CriticalPathStep, ...] = ()
    host: dict[str, Any] = field(default_factory=dict)
    partial: str = ""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """Whether the run passes; ``reasons`` name every rule that failed (or, when passed, what was asked)."""

    passed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NextGrade:
    """The cheapest way to the next better letter: ids of checks to fix or to make decidable; None at the top."""

    grade: str | None
    fix: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CategoryScore:
    """One family's share."""

    id: str
    title: str
    grade: str | None
    score: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """The whole result of a run.

    Attributes:
        score, interval: points out of 100.
        coverage: ratio of the weight that could be decided.
        claims: rows {claim, claimed, checks, verdict}; the verdict is proven, refuted, partly or unproven.
        baseline: lists of check ids under new, fixed, worse and better; empty without a baseline.
        notices: what the owner should tidy up, such as waivers that no longer waive anything.
    """

    schema_version: int
    algorithm_version: int
    tool: ToolInfo
    profile: ProfileInfo
    target: TargetInfo
    run: RunInfo
    grade: str | None
    score: float
    interval: tuple[float, float]
    coverage: float
    caps: tuple[str, ...]
    gate: GateResult
    next_grade: NextGrade
    categories: tuple[CategoryScore, ...]
    checks: tuple[CheckResult, ...]
    claims: tuple[dict[str, Any], ...] = ()
    baseline: dict[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def to_json(card: Scorecard) -> dict[str, Any]:
    """The card as plain data, ready for :func:`json.dumps`."""
    data: dict[str, Any] = encode(card)
    return data


def from_json(data: dict[str, Any]) -> Scorecard:
    """The card from plain data.

    Raises:
        RecordingError: the data is not a scorecard of this schema version.
    """
    return decode(Scorecard, data)
