"""What an exhausted caller must still be served."""

from __future__ import annotations

from collections.abc import Sequence

from readiness.facts.limiter import TOO_MANY, SmallLimit, Tried, is_let_through
from readiness.limiting.judging import require_refusals
from readiness.verdict import Evidence, Finding, Inconclusive, Verdict

__all__ = ["judge"]


def judge(small: SmallLimit, asked: Sequence[Tried]) -> Verdict:
    """None of these is ever refused.

    Raises:
        NotApplicable: nothing is limited, so being exempt means nothing.
        Inconclusive: nothing was asked by an exhausted caller.
    """
    require_refusals(small)
    refused = [t for t in asked if TOO_MANY in t.statuses]
    findings = tuple(
        Finding(
            message=f"{t.method} {t.path} is refused at request {t.statuses.index(TOO_MANY) + 1} of an exhausted caller",
            evidence=(Evidence(source=t.name, text=f"{len(t.statuses)} requests, the last one: {t.statuses[-1]}"),),
        )
        for t in refused
    )
    served = [t for t in asked if t not in refused and t.is_exhausted and all(map(is_let_through, t.statuses))]
    if not findings and "cut" in small.not_done:
        raise Inconclusive(f"not all of them were asked: {small.not_done['cut']}")
    if not findings and len(served) < len(asked):
        doubtful = next(t for t in asked if t not in served)
        raise Inconclusive(
            f"{doubtful.name} could not be told: {doubtful.statuses[-1] if doubtful.statuses else 'not asked'}; the limited "
            f"path just before and after: {doubtful.before}, {doubtful.after}"
        )
    if not findings and not served:
        raise Inconclusive(small.not_done.get("exhausted", "nothing was asked"))
    paths = ", ".join(t.path for t in served[:12])
    return Verdict(findings=findings, summary=f"never refused: {paths}", credit=len(served) / len(asked))
