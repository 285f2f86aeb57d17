"""What another address may do while one is exhausted."""

from __future__ import annotations

from collections.abc import Sequence

from readiness.facts.limiter import Addressed, SmallLimit, is_let_through
from readiness.limiting.judging import require_refusals
from readiness.verdict import Evidence, Finding, Inconclusive, Verdict

__all__ = ["judge"]


def judge(small: SmallLimit, seen: Sequence[Addressed]) -> Verdict:
    """Another address is served while the first one is refused.

    Raises:
        NotApplicable: nothing is limited.
        Inconclusive: no second address could ask, or the first one was not exhausted.
    """
    require_refusals(small)
    told = [a for a in seen if a.is_telling]
    if not told:
        reason = next((a.problem for a in seen if a.problem), small.not_done.get("anonymous", ""))
        raise Inconclusive(f"no second address could be tried: {reason or 'the first one did not stay exhausted'}")
    findings = tuple(
        Finding(
            message=f"via {a.entry}, an exhausted address has another one refused ({a.other})",
            evidence=(
                Evidence(
                    source=f"{a.other} via {a.entry}: {', '.join(map(str, a.statuses))}",
                    text=f"the exhausted address just before and after: {a.before}, {a.after}; "
                    f"the other one after a rest, before all this: {a.rested}",
                ),
            ),
        )
        for a in told
        if a.is_refused and a.rested is not None and is_let_through(a.rested)
    )
    served = [a for a in told if a.is_served]
    if not findings and not served:
        shown, come_back = ", ".join(map(str, told[0].statuses)), told[0].refilled
        is_answered = any(map(is_let_through, told[0].statuses))
        if told[0].is_refused:
            raise Inconclusive(
                f"the second address ({told[0].other}) was refused, and was not seen to be served before: "
                "its own allowance may have been spent"
            )
        raise Inconclusive(
            f"the second address got {shown}, and {come_back:.1f} allowances may have come back to the first one meanwhile"
            if is_answered
            else f"the second address was not answered: {shown}"
        )
    words = "; ".join(f"via {a.entry}, {a.other} got {a.statuses[0]}" for a in served)
    return Verdict(findings=findings, summary=f"while one address is refused: {words}")
