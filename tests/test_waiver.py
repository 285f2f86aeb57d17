from __future__ import annotations

from datetime import date

import pytest

from readiness.check import Category, Impact
from readiness.exceptions import ConfigError
from readiness.scorecard import CheckResult
from readiness.target import Waiver
from readiness.verdict import Finding, Outcome, Severity
from readiness.waiver import REASONS, notices, validate, waive

TODAY = date(2026, 3, 1)


def result(outcome: Outcome = Outcome.FAIL, name: str = "headers.csp") -> CheckResult:
    return CheckResult(
        id=name,
        covers=(name,),
        title="t",
        category=Category.HEADERS,
        severity=Severity.HIGH,
        impact=Impact.OBSERVES,
        outcome=outcome,
        findings=(Finding(message="inline scripts are allowed"),),
    )


def waiver(**changes: str) -> Waiver:
    values = {"check": "headers.csp", "reason": "accepted-risk", "owner": "platform-team", "expires": "2026-03-01"}
    return Waiver(**{**values, **changes})


def test_a_failure_is_waived_with_owner_and_expiry() -> None:
    waived = waive(result(), [waiver(note="legacy admin pages")], today=TODAY)
    assert waived.outcome is Outcome.WAIVED
    assert waived.reason == "accepted-risk, accepted by platform-team until 2026-03-01"
    assert waived.waiver == {
        "reason": "accepted-risk",
        "owner": "platform-team",
        "expires": "2026-03-01",
        "note": "legacy admin pages",
    }
    assert waived.findings == result().findings


def test_expired_waiver_fails_and_says_so() -> None:
    expired = waive(result(), [waiver(expires="2026-02-28")], today=TODAY)
    assert expired.outcome is Outcome.FAIL
    assert expired.findings[-1].message == "The waiver of platform-team (accepted-risk) expired on 2026-02-28."


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.FAIL])
def test_only_failures_are_waived(outcome: Outcome) -> None:
    assert waive(result(outcome), [waiver()], today=TODAY) == result(outcome)


def test_a_waiver_concerns_its_own_check_alone() -> None:
    assert waive(result(), [waiver(check="headers.hsts_production")], today=TODAY) == result()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check": "headers.cps"}, r"no such check \(did you mean headers.csp\?\)"),
        ({"check": "wholly.else"}, r"no such check \(readiness list shows"),
        ({"reason": "because"}, "unknown reason 'because' .*accepted-risk, false-positive"),
        ({"owner": " "}, "no owner"),
        ({"expires": "next year"}, "'next year' is not a date"),
    ],
)
def test_waivers_that_cannot_work_are_errors(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate([waiver(**changes)], known={"headers.csp", "probe.live"}, file="readiness.yaml")


def test_two_waivers_for_one_check_are_an_error() -> None:
    with pytest.raises(ConfigError, match="written twice"):
        validate([waiver(), waiver(expires="2027-01-01")], known={"headers.csp"})


def test_every_listed_reason_is_valid() -> None:
    for reason in REASONS:
        validate([waiver(reason=reason)], known={"headers.csp"})


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.PASS, "the check passes; remove the waiver"),
        (Outcome.NOT_APPLICABLE, "does not apply"),
        (Outcome.INCONCLUSIVE, "only a failure can be waived"),
    ],
)
def test_a_waiver_that_waives_nothing_is_noticed(outcome: Outcome, words: str) -> None:
    (notice,) = notices([waiver()], [result(outcome)])
    assert words in notice


def test_a_waiver_for_a_check_outside_the_run_is_noticed() -> None:
    assert notices([waiver()], []) == (
        "The waiver for headers.csp waives nothing: the check was not part of this run.",
    )


def test_a_waiver_in_use_or_expired_is_not_noticed() -> None:
    assert notices([waiver()], [result(Outcome.WAIVED)]) == ()
    assert notices([waiver()], [result(Outcome.FAIL)]) == ()
