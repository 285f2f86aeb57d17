"""What the tests of stacks of other make share: their audits, and how the outcomes are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.conftest import run_audit
from tests.e2e.kinds import DISRUPTION, is_in, marker

if TYPE_CHECKING:
    from tests.e2e.conftest import Audited

__all__ = ["EITHER", "Defect", "audit", "audit_undeclared", "changed", "compare", "defect"]

#: A check that can be told on a quick machine only; it passes, or says that it could not be told.
EITHER = "pass or inconclusive"
#: Families under traffic that are judged by what is found out; the others mostly ask for a declaration.
FOUND_OUT = frozenset({"start", "headers", "probe", "errors", "log", "docs", "tls"})
STACKS = Path(__file__).parent / "stacks"


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One thing wrong, switched on by variables of the compose file.

    Attributes:
        environment: what switches it on.
        fails: the checks that must see it.
        unsettles: checks whose premise it takes away -> what they say then.
    """

    environment: Mapping[str, str]
    fails: frozenset[str]
    unsettles: Mapping[str, str]


def defect(*fails: str, unsettles: Mapping[str, str] | None = None, **environment: str) -> Defect:
    """A defect that these checks must see."""
    return Defect(environment=environment, fails=frozenset(fails), unsettles=unsettles or {})


def audit(
    folder: Path, stack: str, defects: Iterable[Defect] = (), *, families: frozenset[str] = frozenset()
) -> Audited:
    """The stack as its owner declares it, perhaps with defects, by two workers, and the checks of these families or all."""
    environment: dict[str, str] = {}
    for each in defects:
        assert not environment.keys() & each.environment.keys(), "two defects set one variable"
        environment |= each.environment
    target = f"--readiness-target={STACKS / stack}"
    asked = ["-m", marker(families)] if families else []
    return run_audit(folder, "--readiness-profile=production", target, "-n", "2", *asked, environment=environment)


def audit_undeclared(folder: Path, stack: str) -> Audited:
    """The stack's compose file alone: everything has to be found."""
    target = f"--readiness-target={STACKS / stack / 'compose.yaml'}"
    asked = marker(DISRUPTION | FOUND_OUT)
    return run_audit(folder, "--readiness-profile=personal", target, "-n", "2", "-m", asked)


def changed(sound: Mapping[str, str], defects: Iterable[Defect]) -> dict[str, str]:
    """The outcomes with these defects at once."""
    outcomes = dict(sound)
    for each in defects:
        outcomes |= each.unsettles | dict.fromkeys(each.fails, "fail")
    return outcomes


def compare(audited: Audited, expected: Mapping[str, str], *, families: frozenset[str] = frozenset()) -> None:
    """Every check of these families, or of all, has its expected outcome, but for those that a busy machine left untold."""
    found = {check: outcome for check, outcome in audited.outcomes.items() if is_in(check, families)}
    outcomes = {check: outcome for check, outcome in expected.items() if is_in(check, families)}
    outcomes |= dict.fromkeys(audited.crowded_out, "inconclusive")
    told = {check: found.get(check) for check, outcome in outcomes.items() if outcome == EITHER}
    outcomes |= {check: outcome for check, outcome in told.items() if outcome in {"pass", "inconclusive"}}
    different = {
        check: (outcomes.get(check, "unknown to this test"), found.get(check, "not run"))
        for check in sorted(outcomes.keys() | found.keys())
        if outcomes.get(check) != found.get(check)
    }
    assert not different, f"expected and found: {different}\n{audited.explain()}"
