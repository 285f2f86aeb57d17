"""What the checks of a late database share: whether anything was seen, and whether the service needs it at all. Pure."""

from __future__ import annotations

from readiness.facts.startup import Away, Back, LateDependency
from readiness.probes.standing import Standing
from readiness.verdict import Evidence, Inconclusive, NotApplicable

__all__ = ["comes_by_itself", "evidence_of_log", "observed", "was_unready"]

#: What a service says that can do its work, or would but for a limiter.
SERVES = frozenset({Standing.YES, Standing.LIMITED})


def observed(late: LateDependency) -> tuple[Away, Back]:
    """Both parts.

    Raises:
        NotApplicable: there is no database, or the service does its work without it.
        Inconclusive: nothing was seen.
    """
    if late.not_done:
        raise NotApplicable(late.not_done)
    if late.away is None or late.back is None:
        raise Inconclusive("no start without the database was recorded")
    if not was_unready(late.away):
        raise NotApplicable(
            f"premise failed: {late.service} says that it is ready while {late.dependency} is not there, so it does not "
            "wait for it"
        )
    return late.away, late.back


def was_unready(away: Away) -> bool:
    """Whether anything that was asked about readiness said other than yes; an end says it, too."""
    told = [said for said in away.said if said.kind != "live"]
    return away.first_end_seconds is not None or not told or any(Standing(s.standing) not in SERVES for s in told)


def comes_by_itself(late: LateDependency) -> bool:
    """Whether the service got ready after its late database without being started again by anybody."""
    back = late.back
    return back is not None and back.ready_seconds is not None and back.restarts == 0


def evidence_of_log(late: LateDependency, lines: tuple[str, ...], *, last: int = 12) -> Evidence:
    """The end of the service's log."""
    return Evidence(source=f"log of {late.service}", text="\n".join(lines[-last:]) or "(nothing)")
