from __future__ import annotations

import dataclasses
import itertools

from hypothesis import given
from hypothesis import strategies as st

from readiness.check import Category, Impact
from readiness.profile import Profile
from readiness.scorecard import CheckResult
from readiness.scoring import GRADES, Graded, grade_run, is_at_least
from readiness.verdict import Outcome, Severity

PROFILE = Profile(name="personal")
COUNTED = (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)
NEUTRAL = (Outcome.NOT_APPLICABLE, Outcome.WAIVED, Outcome.ATTESTED)

rows = st.tuples(
    st.sampled_from(COUNTED + NEUTRAL),
    st.sampled_from(list(Severity)),
    st.sampled_from(list(Category)),
    st.sampled_from([0.0, 1 / 3, 0.5, 0.9, 1.0]),
)


@st.composite
def runs(draw: st.DrawFn, max_size: int = 40) -> list[CheckResult]:
    return [
        CheckResult(
            id=f"{category}.x{number}",
            covers=(),
            title="t",
            category=category,
            severity=severity,
            impact=Impact.OBSERVES,
            outcome=outcome,
            credit=credit,
        )
        for number, (outcome, severity, category, credit) in enumerate(draw(st.lists(rows, max_size=max_size)))
    ]


def grade(results: list[CheckResult], *, started: bool = True) -> Graded:
    return grade_run(results, profile=PROFILE, stack_started=started)


def rank(letter: str | None) -> int:
    return -1 if letter is None else len(GRADES) - GRADES.index(letter)


def changed(results: list[CheckResult], ids: tuple[str, ...], outcome: Outcome) -> list[CheckResult]:
    return [dataclasses.replace(r, outcome=outcome) if r.id in ids else r for r in results]


@given(runs(), st.booleans(), st.data())
def test_fixing_a_failure_never_lowers_score_or_letter(
    results: list[CheckResult], started: bool, data: st.DataObject
) -> None:
    failed = [r.id for r in results if r.outcome is Outcome.FAIL]
    ids = data.draw(st.sets(st.sampled_from(failed))) if failed else set()
    before, after = grade(results, started=started), grade(changed(results, tuple(ids), Outcome.PASS), started=started)
    assert after.score >= before.score
    assert rank(after.grade) >= rank(before.grade)


@given(runs(), st.booleans(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(results: list[CheckResult], started: bool, random: object) -> None:
    shuffled = [*results, *results[: len(results) // 2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert grade(shuffled, started=started) == grade(results, started=started)


@given(runs(max_size=8), st.lists(st.sampled_from(COUNTED + NEUTRAL), max_size=3), st.randoms(use_true_random=False))
def test_contradicting_results_of_one_id_count_the_same_in_any_order(
    results: list[CheckResult], outcomes: list[Outcome], random: object
) -> None:
    contradicting = [*results, *(dataclasses.replace(r, outcome=o) for r in results for o in outcomes)]
    shuffled = list(contradicting)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert grade(shuffled) == grade(contradicting)


@given(runs(), runs(max_size=5), st.sampled_from(NEUTRAL))
def test_what_is_not_applicable_moves_nothing(
    results: list[CheckResult], extra: list[CheckResult], outcome: Outcome
) -> None:
    neutral = [dataclasses.replace(r, id=f"{r.id}.extra", outcome=outcome) for r in extra]
    with_extra, without = grade(results + neutral), grade(results)
    for name in ("grade", "score", "interval", "coverage", "caps", "gate", "next_grade"):
        assert getattr(with_extra, name) == getattr(without, name), name


@given(runs())
def test_caps_bind(results: list[CheckResult]) -> None:
    letter = grade(results).grade
    failed = [r.severity for r in results if r.outcome is Outcome.FAIL]
    if letter is None:
        return
    if Severity.CRITICAL in failed:
        assert is_at_least("D", letter)
    if failed.count(Severity.HIGH) >= 2:
        assert is_at_least("C", letter)
    if failed.count(Severity.HIGH) == 1:
        assert is_at_least("B", letter)


@given(runs(), st.data())
def test_losing_sight_of_a_pass_never_raises(results: list[CheckResult], data: st.DataObject) -> None:
    passed = [r.id for r in results if r.outcome is Outcome.PASS]
    ids = tuple(data.draw(st.sets(st.sampled_from(passed)))) if passed else ()
    before, after = grade(results), grade(changed(results, ids, Outcome.INCONCLUSIVE))
    assert after.score <= before.score
    assert after.coverage <= before.coverage
    assert rank(after.grade) <= rank(before.grade)


@given(runs(), st.data())
def test_losing_sight_of_a_failure_never_raises_the_score(results: list[CheckResult], data: st.DataObject) -> None:
    failed = [r.id for r in results if r.outcome is Outcome.FAIL]
    ids = tuple(data.draw(st.sets(st.sampled_from(failed)))) if failed else ()
    assert grade(changed(results, ids, Outcome.INCONCLUSIVE)).score <= grade(results).score


@given(runs(), st.data())
def test_deciding_for_a_pass_never_lowers(results: list[CheckResult], data: st.DataObject) -> None:
    unknown = [r.id for r in results if r.outcome is Outcome.INCONCLUSIVE]
    ids = tuple(data.draw(st.sets(st.sampled_from(unknown)))) if unknown else ()
    before, after = grade(results), grade(changed(results, ids, Outcome.PASS))
    assert after.score >= before.score
    assert rank(after.grade) >= rank(before.grade)


@given(runs())
def test_interval_holds_every_score_that_the_unknown_leaves_open(results: list[CheckResult]) -> None:
    graded = grade(results)
    low, high = graded.interval
    assert 0 <= low <= graded.score <= high <= 100
    unknown = tuple(r.id for r in results if r.outcome is Outcome.INCONCLUSIVE)
    if any(c.weight for c in graded.checks):
        assert grade(changed(results, unknown, Outcome.PASS)).score == high
    nothing_holds = [dataclasses.replace(r, credit=0.0) if r.id in unknown else r for r in results]
    assert grade(changed(nothing_holds, unknown, Outcome.FAIL)).score == low


@given(runs(), st.booleans())
def test_the_recipe_reaches_the_grade_that_it_names(results: list[CheckResult], started: bool) -> None:
    graded = grade(results, started=started)
    recipe = graded.next_grade
    if recipe.grade is None:
        assert recipe.fix == ()
        return
    outcomes = {r.id: r.outcome for r in results}
    assert {outcomes[name] for name in recipe.fix} <= {Outcome.FAIL, Outcome.INCONCLUSIVE}
    assert rank(recipe.grade) > rank(graded.grade)
    assert grade(changed(results, recipe.fix, Outcome.PASS)).grade == recipe.grade


@given(runs(max_size=9))
def test_no_shorter_recipe_gives_a_better_letter(results: list[CheckResult]) -> None:
    graded = grade(results)
    mendable = [r.id for r in results if r.outcome in {Outcome.FAIL, Outcome.INCONCLUSIVE}]
    shorter = len(graded.next_grade.fix) if graded.next_grade.grade else len(mendable) + 1
    for count in range(1, shorter):
        for ids in itertools.combinations(mendable, count):
            assert rank(grade(changed(results, ids, Outcome.PASS)).grade) <= rank(graded.grade)
