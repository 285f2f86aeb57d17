"""The grade: from results to letter, interval, caps, gate and the way to the next letter. Pure.

The formula, version 1. Each check weighs by its severity (8, 4, 2, 1) and brings its credit: 1 for a pass, the share
that holds for a failure, 0 where nothing could be told. Not applicable, waived and attested checks weigh nothing. The
score is the weighted mean in points out of 100. *Inconclusive* stays in the denominator, so that not looking never
pays; the interval says what the score could be at best. A failure of weight caps the letter whatever the score:
one open door is not made up for by many shut ones. Caps come from what was *seen* to fail, never from what is unknown.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from readiness.check import CATEGORY_TITLES, Category
from readiness.profile import Profile
from readiness.scorecard import CategoryScore, CheckResult, GateResult, NextGrade
from readiness.verdict import Outcome, Severity

__all__ = ["ALGORITHM_VERSION", "GRADES", "Graded", "grade_run", "is_at_least"]

#: Raised with every change that can move a score.
ALGORITHM_VERSION = 1

#: Lowest score of each letter, best first; the bands of common academic grading.
_BANDS: tuple[tuple[str, int], ...] = (
    ("A+", 97),
    ("A", 93),
    ("A-", 90),
    ("B+", 87),
    ("B", 83),
    ("B-", 80),
    ("C+", 77),
    ("C", 73),
    ("C-", 70),
    ("D+", 67),
    ("D", 63),
    ("D-", 60),
    ("F", 0),
)

#: Every letter, best first.
GRADES: tuple[str, ...] = tuple(letter for letter, _ in _BANDS)

#: Each step of severity counts double: eight low failures hurt like one critical.
_WEIGHTS = {Severity.CRITICAL: 8.0, Severity.HIGH: 4.0, Severity.MEDIUM: 2.0, Severity.LOW: 1.0}

#: Below this share of decided weight a letter would describe the checks that happened to work, not the target.
_LEAST_COVERAGE = 0.6

#: Sums of thirds and tenths must not miss a band by their last bit.
_EPSILON = 1e-9

#: Which of two results of one check id stands: a failure outweighs everything, the least said comes last.
_WORST_FIRST = (
    Outcome.FAIL,
    Outcome.INCONCLUSIVE,
    Outcome.WAIVED,
    Outcome.PASS,
    Outcome.ATTESTED,
    Outcome.NOT_APPLICABLE,
)


@dataclass(frozen=True, kw_only=True)
class Graded:
    """Everything that scoring adds to a run.

    Attributes:
        checks: one result per id, ``weight`` and ``credit`` filled, sorted by category and id.
        grade: a letter, or None where nothing was checked or coverage is below 60 %.
        score: points out of 100, rounded down to hundredths so that it never shows a band it has not reached.
        interval: lowest and highest score that the inconclusive checks leave open, in points.
        coverage: decided weight by weight in the denominator, 0 to 1.
        caps: the caps that bind, in words.
    """

    checks: tuple[CheckResult, ...]
    grade: str | None
    score: float
    interval: tuple[float, float]
    coverage: float
    caps: tuple[str, ...]
    gate: GateResult
    next_grade: NextGrade
    categories: tuple[CategoryScore, ...]


def grade_run(
    results: Sequence[CheckResult],
    *,
    profile: Profile,
    stack_started: bool,
    partial: str = "",
    broken_off: str = "",
) -> Graded:
    """Grade the results of the checks that the profile chose.

    Args:
        results: in any order; of several results of one id the worst stands.
        profile: its severities replace those of the results, its gate is judged.
        stack_started: False where a stack was asked for and did not come up; true where none was needed.
        partial: why this is not a whole run (for example ``"-k headers"``); the letter is then not held against the
            gate's ``min_grade``.
        broken_off: why the run did not come to its end as asked (for example an interruption); the gate then fails,
            because what was not looked at has not passed.
    """
    checks = _weighed(results, profile)
    tally = _Tally.of(checks)
    grade = _letter(tally, stack_started=stack_started)
    return Graded(
        checks=checks,
        grade=grade,
        score=_points(tally.score),
        interval=(_points(tally.score), _points(tally.best_score)),
        coverage=_share(tally.coverage),
        caps=_binding_caps(tally, checks, stack_started=stack_started),
        gate=_judge_gate(
            checks,
            grade,
            tally,
            profile=profile,
            stack_started=stack_started,
            partial=partial,
            broken_off=broken_off,
        ),
        # Of a part of the checks, most of what is "missing" was not asked for.
        next_grade=NextGrade(grade=None) if partial else _next_grade(checks, tally, grade, stack_started=stack_started),
        categories=_categories(checks),
    )


def is_at_least(grade: str, lowest: str) -> bool:
    """Whether ``grade`` is as good as ``lowest`` or better.

    Raises:
        ValueError: either is not one of :data:`GRADES`.
    """
    return GRADES.index(grade) <= GRADES.index(lowest)


@dataclass(frozen=True, kw_only=True)
class _Tally:
    """The sums that the formula needs; weights in severity units."""

    weight: float
    earned: float
    undecided: float
    failed_criticals: int
    failed_highs: int

    @classmethod
    def of(cls, checks: Iterable[CheckResult]) -> _Tally:
        """Sum up weighed checks; fsum makes the sums independent of the order."""
        checks = tuple(checks)
        failed = [check.severity for check in checks if check.outcome is Outcome.FAIL]
        return cls(
            weight=math.fsum(check.weight for check in checks),
            earned=math.fsum(check.weight * check.credit for check in checks),
            undecided=math.fsum(check.weight for check in checks if check.outcome is Outcome.INCONCLUSIVE),
            failed_criticals=failed.count(Severity.CRITICAL),
            failed_highs=failed.count(Severity.HIGH),
        )

    @property
    def score(self) -> float:
        """Points out of 100; 0 where nothing counts."""
        return 100 * self.earned / self.weight if self.weight else 0.0

    @property
    def best_score(self) -> float:
        """Points if everything inconclusive were to pass; 100 where nothing is known."""
        return 100 * (self.earned + self.undecided) / self.weight if self.weight else 100.0

    @property
    def coverage(self) -> float:
        """Share of the weight that was decided; 0 where nothing counts."""
        return (self.weight - self.undecided) / self.weight if self.weight else 0.0


def _weighed(results: Sequence[CheckResult], profile: Profile) -> tuple[CheckResult, ...]:
    by_id: dict[str, list[CheckResult]] = {}
    for result in results:
        severity = profile.severities.get(result.id, result.severity)
        counts = result.outcome in {Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE}
        credit = {Outcome.PASS: 1.0, Outcome.FAIL: result.credit}.get(result.outcome, 0.0)
        weighed = dataclasses.replace(
            result, severity=severity, weight=_WEIGHTS[severity] if counts else 0.0, credit=credit
        )
        by_id.setdefault(result.id, []).append(weighed)
    order = list(Category)
    worst = (min(group, key=_standing) for group in by_id.values())
    return tuple(sorted(worst, key=lambda check: (order.index(check.category), check.id)))


def _standing(check: CheckResult) -> tuple[int, float, float, str]:
    """Sort key of results of one id; the text decides between equals, so that the order of arrival does not."""
    return _WORST_FIRST.index(check.outcome), check.credit, -check.weight, repr(check)


def _points(score: float) -> float:
    return math.floor(score * 100 + _EPSILON) / 100


def _share(ratio: float) -> float:
    return math.floor(ratio * 1e4 + _EPSILON) / 1e4


def _band(score: float) -> str:
    return next(letter for letter, lowest in _BANDS if score + _EPSILON >= lowest)


def _cap(tally: _Tally) -> str:
    """The best letter that the failures allow."""
    if tally.failed_criticals:
        return "D"
    return {0: "A+", 1: "B"}.get(tally.failed_highs, "C")


def _worse(one: str, other: str) -> str:
    return max(one, other, key=GRADES.index)


def _letter(tally: _Tally, *, stack_started: bool) -> str | None:
    if not tally.weight:
        return None
    if not stack_started:
        return "F"
    if tally.coverage + _EPSILON < _LEAST_COVERAGE:
        return None
    return _worse(_band(tally.score), _cap(tally))


def _binding_caps(tally: _Tally, checks: Sequence[CheckResult], *, stack_started: bool) -> tuple[str, ...]:
    """Each cap that by itself holds the letter below what the score would give."""
    earned = _band(tally.score)
    caps = []
    if not stack_started and tally.weight:
        caps.append("The stack did not start: F")
    if tally.weight and tally.coverage + _EPSILON < _LEAST_COVERAGE:
        if stack_started:
            caps.append(
                f"Only {tally.coverage:.0%} of the weight could be decided; a letter needs {_LEAST_COVERAGE:.0%}"
            )
        return tuple(caps)
    for severity, letters in ((Severity.CRITICAL, {1: "D"}), (Severity.HIGH, {1: "B", 2: "C"})):
        failed = [c.id for c in checks if c.outcome is Outcome.FAIL and c.severity is severity]
        cap = letters.get(min(len(failed), max(letters)))
        if cap and _worse(earned, cap) != earned:
            noun = "check" if len(failed) == 1 else "checks"
            caps.append(f"{len(failed)} failed {severity} {noun} ({', '.join(failed)}): at most {cap}")
    return tuple(caps)


def _judge_gate(
    checks: Sequence[CheckResult],
    grade: str | None,
    tally: _Tally,
    *,
    profile: Profile,
    stack_started: bool,
    partial: str,
    broken_off: str,
) -> GateResult:
    """Every rule that is broken; where none is, what was asked. A rule that was not judged is named either way."""
    gate = profile.gate
    broken = [broken_off] if broken_off else []
    if not tally.weight:
        broken.append("nothing was checked")
    elif not tally.coverage:
        broken.append("nothing could be decided")
    if not stack_started:
        broken.append("the stack did not start")
    broken += [
        f"{check.id} failed and is {check.severity} (the gate fails on {gate.fail_on} and above)"
        for check in checks
        if check.outcome is Outcome.FAIL and check.severity.rank >= gate.fail_on.rank
    ]
    broken += [
        f"{check.id} is required and could not be decided: {check.reason or 'no reason recorded'}"
        for check in checks
        if check.outcome is Outcome.INCONCLUSIVE and profile.is_required(check.id)
    ]
    kept = [f"no failed check of severity {gate.fail_on} or above"]
    if gate.required:
        kept.append("nothing required is inconclusive")
    unjudged = []
    if gate.min_grade and partial:
        unjudged.append(f"grade at least {gate.min_grade} was not judged: partial run ({partial})")
    elif gate.min_grade and grade is None:
        why = f"coverage is {tally.coverage:.0%}" if tally.weight else "nothing was checked"
        broken.append(f"grade at least {gate.min_grade} is asked, and there is no grade: {why}")
    elif gate.min_grade and grade and is_at_least(grade, gate.min_grade):
        kept.append(f"grade {grade} is at least {gate.min_grade}")
    elif gate.min_grade:
        broken.append(f"grade {grade} is below {gate.min_grade}")
    return GateResult(passed=not broken, reasons=(*(broken or kept), *unjudged))


def _next_grade(checks: Sequence[CheckResult], tally: _Tally, grade: str | None, *, stack_started: bool) -> NextGrade:
    """The fewest checks whose mending gives a better letter; among equals, known failures before unknowns.

    For each number of inconclusive checks to make decidable, heaviest first, the failures that the letter cannot bear
    are taken, then the heaviest of the rest until the score suffices. Within a kind the heaviest is never a worse
    choice, so the smallest of these sets is the smallest of all. A recipe for a stack that did not start presumes
    that it starts.
    """
    if grade == GRADES[0] or not tally.weight:
        return NextGrade(grade=None)
    # Without a letter any letter is a gain: what is missing then is coverage alone.
    wanted = GRADES[-1] if grade is None else GRADES[GRADES.index(grade) - 1]
    unknown = _by_gain(check for check in checks if check.outcome is Outcome.INCONCLUSIVE)
    failed = _by_gain(check for check in checks if check.outcome is Outcome.FAIL)
    forced = _unbearable(failed, wanted, stack_started=stack_started)
    optional = tuple(check for check in failed if check not in forced)
    best: tuple[CheckResult, ...] = ()
    for some_unknown, some_failed in itertools.product(range(len(unknown) + 1), range(len(optional) + 1)):
        chosen = (*forced, *optional[:some_failed], *unknown[:some_unknown])
        if best and len(chosen) >= len(best):
            continue
        letter = _letter(_mended(tally, chosen), stack_started=True)
        if chosen and letter is not None and is_at_least(letter, wanted):
            best = chosen
    if not best:
        return NextGrade(grade=None)
    return NextGrade(grade=_letter(_mended(tally, best), stack_started=True), fix=tuple(check.id for check in best))


def _by_gain(checks: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    return tuple(sorted(checks, key=lambda check: (-check.weight * (1 - check.credit), check.id)))


def _unbearable(failed: Sequence[CheckResult], wanted: str, *, stack_started: bool) -> tuple[CheckResult, ...]:
    """The failures that must be mended for ``wanted`` whatever the score; ``failed`` has the greatest gain first."""
    highs = [check for check in failed if check.severity is Severity.HIGH]
    bearable_highs = len(highs) if is_at_least("C", wanted) else 1 if is_at_least("B", wanted) else 0
    must = {check.id for check in highs[: len(highs) - bearable_highs]} if len(highs) > bearable_highs else set()
    if not is_at_least("D", wanted):
        must |= {check.id for check in failed if check.severity is Severity.CRITICAL}
    if not stack_started:
        must |= {check.id for check in failed if check.category is Category.START}
    return tuple(check for check in failed if check.id in must)


def _mended(tally: _Tally, mended: Sequence[CheckResult]) -> _Tally:
    """The sums if these failed or inconclusive checks passed."""
    failed = [check.severity for check in mended if check.outcome is Outcome.FAIL]
    return _Tally(
        weight=tally.weight,
        earned=math.fsum((tally.earned, *(check.weight * (1 - check.credit) for check in mended))),
        undecided=math.fsum(
            (tally.undecided, *(-check.weight for check in mended if check.outcome is Outcome.INCONCLUSIVE))
        ),
        failed_criticals=tally.failed_criticals - failed.count(Severity.CRITICAL),
        failed_highs=tally.failed_highs - failed.count(Severity.HIGH),
    )


def _categories(checks: Sequence[CheckResult]) -> tuple[CategoryScore, ...]:
    scores = []
    for category, group in itertools.groupby(checks, key=lambda check: check.category):
        tally = _Tally.of(group)
        scores.append(
            CategoryScore(
                id=category.value,
                title=CATEGORY_TITLES.get(category, category.value),
                grade=_letter(tally, stack_started=True),
                score=_points(tally.score),
                coverage=_share(tally.coverage),
            )
        )
    return tuple(scores)
