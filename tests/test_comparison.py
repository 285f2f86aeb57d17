"""Against an earlier card, and against what a document claims."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from readiness.check import Category, Impact
from readiness.claims_file import claims_path, load_claims, shipped_claims
from readiness.comparison import Claim, claimed_against_proven, since
from readiness.scorecard import CheckResult
from readiness.verdict import Outcome, Severity


def result(name: str, outcome: Outcome, credit: float = 0.0) -> CheckResult:
    return CheckResult(
        id=f"x.{name}",
        covers=(f"x.{name}",),
        title=name,
        category=Category.PROBE,
        severity=Severity.LOW,
        impact=Impact.OBSERVES,
        outcome=outcome,
        credit=credit,
    )


@pytest.mark.parametrize(
    ("was", "now", "word"),
    [
        (result("a", Outcome.PASS, 1), result("a", Outcome.FAIL), "new"),
        (None, result("a", Outcome.FAIL), "new"),
        (result("a", Outcome.FAIL), result("a", Outcome.PASS, 1), "fixed"),
        (result("a", Outcome.PASS, 1), result("a", Outcome.INCONCLUSIVE), "worse"),
        (result("a", Outcome.FAIL, 0.5), result("a", Outcome.FAIL, 0.2), "worse"),
        (result("a", Outcome.INCONCLUSIVE), result("a", Outcome.PASS, 1), "better"),
        (result("a", Outcome.PASS, 1), result("a", Outcome.PASS, 1), None),
        (result("a", Outcome.PASS, 1), result("a", Outcome.NOT_APPLICABLE), None),
    ],
)
def test_a_check_is_named_by_how_it_changed(was: CheckResult | None, now: CheckResult, word: str | None) -> None:
    changed = since([was] if was else [], [now])
    assert [name for name, ids in changed.items() if ids] == ([word] if word else [])


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [(("a",), "proven"), (("b",), "refuted"), (("a", "b"), "partly"), (("c",), "unproven"), (("nowhere",), "unproven")],
)
def test_a_claim_is_held_against_its_checks(checks: tuple[str, ...], verdict: str) -> None:
    results = [result("a", Outcome.PASS, 1), result("b", Outcome.FAIL), result("c", Outcome.INCONCLUSIVE)]
    claim = Claim(text="all is well", checks=tuple(f"x.{name}" for name in checks))
    (row,) = claimed_against_proven([claim], results, source="guide A+", declared={})
    assert (row["claim"], row["claimed"], row["verdict"]) == ("all is well", "guide A+", verdict)


def test_a_claim_may_name_a_row_that_a_check_covers() -> None:
    covering = dataclasses.replace(result("a", Outcome.FAIL), covers=("x.row",))
    (row,) = claimed_against_proven([Claim(text="it holds", checks=("x.row",))], [covering], source="", declared={})
    assert row["verdict"] == "refuted"


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        ({"limit": [{"requests": 100, "key": "user"}]}, "proven"),
        ({"limit": [{"requests": 900, "key": "address"}, {"requests": 100, "key": "user"}]}, "proven"),
        ({"limit": [{"requests": 900, "key": "user"}]}, "refuted"),
        ({"limit": []}, "unproven"),
        ({}, "unproven"),
    ],
)
def test_a_figure_is_proven_only_where_the_system_declares_the_same(declared: dict[str, object], verdict: str) -> None:
    claim = Claim(text="100 each", checks=("x.a",), declares={"limit": {"requests": 100, "key": "user"}})
    results = [result("a", Outcome.PASS, 1)]
    (row,) = claimed_against_proven([claim], results, source="", declared=declared)
    assert row["verdict"] == verdict
    (failed,) = claimed_against_proven([claim], [result("a", Outcome.FAIL)], source="", declared=declared)
    assert failed["verdict"] == "refuted"


def test_shipped_claims_are_found_by_name_and_others_by_path(tmp_path: Path) -> None:
    assert set(shipped_claims()) == {"aistack", "brain", "brainda", "memorai", "myragdb"}
    for path in shipped_claims().values():
        assert load_claims(path).claims
    assert claims_path("brain", folder=tmp_path) == shipped_claims()["brain"]
    assert claims_path("own.yaml", folder=tmp_path) == tmp_path / "own.yaml"
