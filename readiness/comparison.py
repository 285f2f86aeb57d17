"""Results held against something else: an earlier scorecard, and what a document claims. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from readiness.scorecard import CheckResult
from readiness.verdict import Outcome

__all__ = ["Claim", "claimed_against_proven", "since"]

_SETTLED = {Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.WAIVED}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of a document, and the ids of the checks that decide it.

    Attributes:
        declares: figures of the sentence, as ``readiness.yaml`` would declare them: checks hold a system against its own
            declaration, and only where that says the same does their verdict speak of this sentence.
    """

    text: str
    checks: tuple[str, ...]
    declares: Mapping[str, Any] = field(default_factory=dict)


def since(earlier: Iterable[CheckResult], now: Iterable[CheckResult]) -> dict[str, list[str]]:
    """Check ids by how they changed.

    ``new`` fails and did not; ``fixed`` failed and no longer does; ``worse`` lost credit or can no longer be told;
    ``better`` gained credit or can be told at last.
    """
    before = {result.id: result for result in earlier}
    changed: dict[str, list[str]] = {"new": [], "fixed": [], "worse": [], "better": []}
    for result in sorted(now, key=lambda result: result.id):
        was = before.get(result.id)
        failed = was is not None and was.outcome is Outcome.FAIL
        if result.outcome is Outcome.FAIL and not failed:
            changed["new"].append(result.id)
        elif failed and result.outcome in _SETTLED:
            changed["fixed"].append(result.id)
        elif was is not None and _standing(result) != _standing(was):
            changed["better" if _standing(result) > _standing(was) else "worse"].append(result.id)
    return changed


def _standing(result: CheckResult) -> float:
    """Above one where settled; the credit where it failed; below every credit where it could not be told."""
    if result.outcome in _SETTLED:
        return 2.0
    return result.credit if result.outcome is Outcome.FAIL else -1.0


def claimed_against_proven(
    claims: Sequence[Claim], results: Iterable[CheckResult], *, source: str, declared: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Rows ``{claim, claimed, checks, verdict}``. A claim may name a check, or a row of the ledger that checks cover.

    A claim is *proven* where all its checks pass, *refuted* where none passes and one fails, *partly* true where some
    pass and others do not, and else *unproven*. A claim with figures is *refuted* where the system declares other ones
    and keeps them, and *unproven* where it declares none.

    Args:
        claims: of one document.
        results: of the run.
        source: what the document is called.
        declared: the target's declaration, sections by their names in ``readiness.yaml``.
    """
    outcomes: dict[str, list[Outcome]] = {}
    for result in results:
        for row in {result.id, *result.covers}:
            outcomes.setdefault(row, []).append(result.outcome)
    return [
        {
            "claim": claim.text,
            "claimed": source,
            "checks": list(claim.checks),
            "verdict": _with_figures(
                claim, _verdict([found for check in claim.checks for found in outcomes.get(check, [None])]), declared
            ),
        }
        for claim in claims
    ]


def _verdict(found: Sequence[Outcome | None]) -> str:
    passed = sum(outcome is Outcome.PASS for outcome in found)
    if passed:
        return "proven" if passed == len(found) else "partly"
    return "refuted" if Outcome.FAIL in found else "unproven"


def _with_figures(claim: Claim, verdict: str, declared: Mapping[str, Any]) -> str:
    """The verdict on a claim, as far as the checks spoke of the claim's own figures."""
    if verdict not in {"proven", "partly"}:
        return verdict
    said = [_said(declared, section, wanted) for section, wanted in claim.declares.items()]
    return "refuted" if False in said else "unproven" if None in said else verdict


def _said(declared: Mapping[str, Any], section: str, wanted: Any) -> bool | None:
    """Whether the declaration says the same; None where it says nothing of it."""
    found = declared.get(section)
    if isinstance(wanted, Mapping):
        if isinstance(found, list):
            each = [_said({"": item}, "", wanted) for item in found]
            return True if True in each else False if False in each else None
        if not isinstance(found, Mapping):
            return None
        inner = [_said(found, str(name), value) for name, value in wanted.items()]
        return None if None in inner else all(inner)
    return None if found is None else bool(found == wanted)
