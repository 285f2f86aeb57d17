from __future__ import annotations

import dataclasses

import pytest

from readiness.check import Category, Impact
from readiness.profile import Gate, Profile
from readiness.scorecard import CheckResult
from readiness.scoring import GRADES, Graded, grade_run, is_at_least
from readiness.verdict import Outcome, Severity

PROFILE = Profile(name="personal")


def result(
    name: str,
    outcome: Outcome = Outcome.PASS,
    severity: Severity = Severity.LOW,
    *,
    credit: float = 0.0,
    category: Category = Category.HEADERS,
    reason: str = "",
) -> CheckResult:
    return CheckResult(
        id=f"{category}.{name}",
        covers=(f"{category}.{name}",),
        title=name,
        category=category,
        severity=severity,
        impact=Impact.OBSERVES,
        outcome=outcome,
        credit=credit,
        reason=reason,
    )


def grade(*results: CheckResult, gate: Gate | None = None, stack_started: bool = True, partial: str = "") -> Graded:
    profile = dataclasses.replace(PROFILE, gate=gate or Gate())
    return grade_run(results, profile=profile, stack_started=stack_started, partial=partial)


def passes(count: int, severity: Severity = Severity.LOW) -> list[CheckResult]:
    return [result(f"pass{severity}{i}", severity=severity) for i in range(count)]


def test_severities_weigh_8_4_2_1() -> None:
    graded = grade(*(result(severity, severity=severity) for severity in Severity))
    assert {check.severity: check.weight for check in graded.checks} == {
        Severity.LOW: 1,
        Severity.MEDIUM: 2,
        Severity.HIGH: 4,
        Severity.CRITICAL: 8,
    }


def test_score_is_the_weighted_mean_of_credits() -> None:
    graded = grade(
        result("a", severity=Severity.MEDIUM),
        result("b", Outcome.FAIL, Severity.MEDIUM, credit=0.5),
        result("c", Outcome.FAIL, Severity.LOW),
    )
    assert graded.score == 60.0


@pytest.mark.parametrize(
    ("failed", "letter"),
    [
        *[(3, "A+"), (4, "A"), (7, "A"), (8, "A-"), (10, "A-"), (11, "B+"), (14, "B"), (18, "B-"), (21, "C+")],
        *[(27, "C"), (28, "C-"), (31, "D+"), (34, "D"), (38, "D-"), (40, "D-"), (41, "F"), (100, "F")],
    ],
)
def test_bands(failed: int, letter: str) -> None:
    results = [result(f"x{i}", Outcome.FAIL if i < failed else Outcome.PASS) for i in range(100)]
    graded = grade(*results)
    assert (graded.score, graded.grade) == (100 - failed, letter)


def test_a_score_just_below_a_band_is_not_shown_as_reaching_it() -> None:
    results = [*passes(1332), *(result(f"f{i}", Outcome.FAIL) for i in range(101))]  # 92.9518...
    graded = grade(*results)
    assert graded.score == 92.95
    assert graded.grade == "A-"


def test_thirds_and_tenths_do_not_miss_a_band_by_the_last_bit() -> None:
    results = [result(f"x{i}", Outcome.FAIL, credit=0.9) for i in range(10)]
    assert grade(*results).grade == "A-"


@pytest.mark.parametrize("outcome", [Outcome.NOT_APPLICABLE, Outcome.WAIVED, Outcome.ATTESTED])
def test_what_does_not_count_is_listed_with_weight_0(outcome: Outcome) -> None:
    extra = result("extra", outcome, Severity.CRITICAL)
    with_extra, without = grade(*passes(2), extra), grade(*passes(2))
    assert (with_extra.grade, with_extra.score, with_extra.coverage) == (without.grade, without.score, without.coverage)
    assert next(c for c in with_extra.checks if c.id == extra.id).weight == 0


def test_inconclusive_stays_in_the_denominator_and_widens_the_interval() -> None:
    graded = grade(*passes(3), result("unknown", Outcome.INCONCLUSIVE))
    assert graded.score == 75
    assert graded.interval == (75, 100)
    assert graded.coverage == 0.75


def test_no_letter_below_60_percent_coverage() -> None:
    unknown = [result(f"u{i}", Outcome.INCONCLUSIVE) for i in range(41)]
    assert grade(*passes(59), *unknown).grade is None
    assert grade(*passes(60), *unknown[:40]).grade == "D-"


def test_low_coverage_is_named_among_the_caps() -> None:
    graded = grade(result("a"), result("b", Outcome.INCONCLUSIVE))
    assert graded.caps == ("Only 50% of the weight could be decided; a letter needs 60%",)


def test_nothing_checked_is_no_grade_and_no_pass() -> None:
    graded = grade()
    assert (graded.grade, graded.score, graded.interval, graded.coverage) == (None, 0, (0, 100), 0)
    assert not graded.gate.passed
    assert graded.gate.reasons == ("nothing was checked",)
    assert graded.next_grade.fix == ()


def test_a_run_that_was_broken_off_has_not_passed() -> None:
    graded = grade_run(passes(3), profile=Profile(name="p"), stack_started=True, broken_off="the run was interrupted")
    assert not graded.gate.passed
    assert graded.gate.reasons[0] == "the run was interrupted"


def test_nothing_decided_is_no_pass() -> None:
    graded = grade(result("a", Outcome.INCONCLUSIVE), partial="-k a")
    assert not graded.gate.passed
    assert graded.gate.reasons[0] == "nothing could be decided"


@pytest.mark.parametrize(
    ("failures", "cap", "words"),
    [
        ([Severity.HIGH], "B", "1 failed high check (headers.f0): at most B"),
        ([Severity.HIGH, Severity.HIGH], "C", "2 failed high checks (headers.f0, headers.f1): at most C"),
        ([Severity.HIGH] * 3, "C", "3 failed high checks (headers.f0, headers.f1, headers.f2): at most C"),
        ([Severity.CRITICAL], "D", "1 failed critical check (headers.f0): at most D"),
    ],
)
def test_failures_of_weight_cap_the_letter(failures: list[Severity], cap: str, words: str) -> None:
    failed = [result(f"f{i}", Outcome.FAIL, severity) for i, severity in enumerate(failures)]
    graded = grade(*passes(200, Severity.CRITICAL), *failed)
    assert graded.score > 97
    assert graded.grade == cap
    assert graded.caps == (words,)


def test_every_cap_that_binds_is_named() -> None:
    graded = grade(
        *passes(200, Severity.CRITICAL),
        result("c", Outcome.FAIL, Severity.CRITICAL),
        result("h", Outcome.FAIL, Severity.HIGH),
    )
    assert [cap.rpartition(" ")[2] for cap in graded.caps] == ["D", "B"]


def test_a_cap_above_the_earned_letter_does_not_bind() -> None:
    graded = grade(*passes(6), result("h", Outcome.FAIL, Severity.HIGH))
    assert graded.grade == "D-"
    assert graded.caps == ()


def test_partial_credit_does_not_lift_a_cap() -> None:
    failed = result("c", Outcome.FAIL, Severity.CRITICAL, credit=0.99)
    assert grade(*passes(200), failed).grade == "D"


def test_a_stack_that_does_not_start_is_an_f_whatever_the_coverage() -> None:
    down = result("stack", Outcome.FAIL, Severity.CRITICAL, category=Category.START)
    unknown = [result(f"u{i}", Outcome.INCONCLUSIVE, Severity.HIGH) for i in range(20)]
    graded = grade(down, *unknown, stack_started=False)
    assert graded.grade == "F"
    assert graded.caps == ("The stack did not start: F",)
    assert not graded.gate.passed
    assert graded.next_grade.fix[0] == "start.stack"


def test_profile_severities_replace_those_of_the_checks() -> None:
    profile = Profile(name="p", severities={"headers.a": Severity.CRITICAL})
    graded = grade_run([result("a")], profile=profile, stack_started=True)
    assert (graded.checks[0].severity, graded.checks[0].weight) == (Severity.CRITICAL, 8)


def test_of_two_results_of_one_id_the_worst_stands() -> None:
    graded = grade(result("a"), result("a", Outcome.FAIL, credit=0.5), result("a", Outcome.FAIL))
    assert [(c.outcome, c.credit) for c in graded.checks] == [(Outcome.FAIL, 0)]


def test_checks_are_sorted_by_category_and_id() -> None:
    graded = grade(
        result("live", category=Category.PROBE), result("z"), result("a"), result("stack", category=Category.START)
    )
    assert [c.id for c in graded.checks] == ["start.stack", "headers.a", "headers.z", "probe.live"]


def test_categories_are_graded_by_the_same_formula() -> None:
    graded = grade(
        *passes(3),
        result("bad", Outcome.FAIL),
        result("live", Outcome.INCONCLUSIVE, category=Category.PROBE),
    )
    assert [(c.id, c.title, c.grade, c.score, c.coverage) for c in graded.categories] == [
        ("headers", "Security headers", "C", 75, 1),
        ("probe", "Health probes", None, 0, 0),
    ]


class TestGate:
    def test_passes_and_says_what_was_asked(self) -> None:
        gate = Gate(min_grade="B", required=("headers.*",))
        assert grade(*passes(2), gate=gate).gate.reasons == (
            "no failed check of severity high or above",
            "nothing required is inconclusive",
            "grade A+ is at least B",
        )

    @pytest.mark.parametrize(("severity", "passed"), [(Severity.MEDIUM, False), (Severity.LOW, True)])
    def test_fails_at_fail_on_and_above(self, severity: Severity, passed: bool) -> None:
        graded = grade(*passes(9), result("bad", Outcome.FAIL, severity), gate=Gate(fail_on=Severity.MEDIUM))
        assert graded.gate.passed is passed

    def test_names_each_failure(self) -> None:
        graded = grade(*passes(9), result("bad", Outcome.FAIL, Severity.CRITICAL))
        assert graded.gate.reasons == ("headers.bad failed and is critical (the gate fails on high and above)",)

    def test_a_waived_failure_passes(self) -> None:
        assert grade(*passes(1), result("bad", Outcome.WAIVED, Severity.CRITICAL)).gate.passed

    def test_fails_below_min_grade(self) -> None:
        graded = grade(*passes(8), result("bad", Outcome.FAIL), gate=Gate(min_grade="A"))
        assert graded.gate.reasons == ("grade B+ is below A",)

    def test_fails_without_a_grade_where_one_is_asked(self) -> None:
        graded = grade(*passes(1), result("u", Outcome.INCONCLUSIVE), gate=Gate(min_grade="D-"))
        assert graded.gate.reasons == ("grade at least D- is asked, and there is no grade: coverage is 50%",)

    def test_does_not_judge_min_grade_on_a_partial_run_and_says_so(self) -> None:
        graded = grade(*passes(8), result("bad", Outcome.FAIL), gate=Gate(min_grade="A"), partial="-k headers")
        assert graded.gate.passed
        assert graded.gate.reasons[-1] == "grade at least A was not judged: partial run (-k headers)"

    def test_a_partial_run_shows_no_way_to_the_next_grade(self) -> None:
        whole = grade(*passes(8), result("bad", Outcome.FAIL))
        assert whole.next_grade.fix == ("headers.bad",)
        assert grade(*passes(8), result("bad", Outcome.FAIL), partial="-k headers").next_grade.fix == ()

    def test_still_judges_failures_on_a_partial_run(self) -> None:
        graded = grade(result("bad", Outcome.FAIL, Severity.HIGH), gate=Gate(min_grade="A"), partial="-k bad")
        assert not graded.gate.passed
        assert len(graded.gate.reasons) == 2

    def test_fails_where_something_required_is_inconclusive(self) -> None:
        unknown = result("u", Outcome.INCONCLUSIVE, reason="not configured")
        graded = grade(*passes(9), unknown, gate=Gate(required=("headers.u",)))
        assert graded.gate.reasons == ("headers.u is required and could not be decided: not configured",)
        assert grade(*passes(9), unknown).gate.passed

    def test_fails_where_the_stack_did_not_start_even_if_no_check_says_so(self) -> None:
        graded = grade(*passes(9), stack_started=False, partial="-k headers")
        assert graded.gate.reasons == ("the stack did not start",)


class TestNextGrade:
    def test_is_none_at_the_top(self) -> None:
        assert grade(*passes(1)).next_grade.grade is None

    def test_a_cap_names_the_failure_that_binds(self) -> None:
        graded = grade(
            *passes(100, Severity.CRITICAL),
            result("a", Outcome.FAIL, Severity.LOW),
            result("b", Outcome.FAIL, Severity.HIGH),
        )
        assert (graded.grade, graded.next_grade.grade, graded.next_grade.fix) == ("B", "A+", ("headers.b",))

    def test_takes_the_heaviest_first(self) -> None:
        graded = grade(*passes(14), result("m", Outcome.FAIL, Severity.MEDIUM), result("l", Outcome.FAIL))
        assert (graded.grade, graded.next_grade.fix) == ("B-", ("headers.m",))

    def test_prefers_a_known_failure_to_an_unknown(self) -> None:
        graded = grade(*passes(8), result("a", Outcome.INCONCLUSIVE), result("b", Outcome.FAIL))
        assert graded.next_grade.fix == ("headers.b",)

    def test_without_a_letter_says_what_to_make_decidable(self) -> None:
        unknown = [result(f"u{i}", Outcome.INCONCLUSIVE) for i in range(5)]
        graded = grade(*passes(5), *unknown)
        assert (graded.next_grade.grade, graded.next_grade.fix) == ("D-", ("headers.u0",))

    def test_is_none_where_no_check_can_lift_the_grade(self) -> None:
        graded = grade(*passes(5), stack_started=False)
        assert (graded.grade, graded.next_grade.grade, graded.next_grade.fix) == ("F", None, ())


def test_letters_compare_by_their_bands() -> None:
    assert is_at_least("A+", "A")
    assert is_at_least("B-", "B-")
    assert not is_at_least("C+", "B-")
    with pytest.raises(ValueError, match="not in tuple"):
        is_at_least("E", "A")
    assert GRADES[0] == "A+"
    assert GRADES[-1] == "F"
