"""More cold starts of the whole stack, from nothing: does it always come up, also with a slow store?"""

from __future__ import annotations

from readiness.check import Impact
from readiness.facts.startup import ColdStarts, Started
from readiness.gather import gatherer
from readiness.instruments.variants import Variants
from readiness.runtime import Progress, Stack, Variant
from readiness.target import Role, Target

__all__ = ["cold_starts"]

#: Slow enough to come later than everybody else, and quick enough to come in time.
SLOW_PROCESSORS = 0.25
#: Beside the stack that is audited, which is a cold start, too. Among processes the order is ours, and luck has less say.
MORE = {"compose": 2}


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=300)
def cold_starts(target: Target, stack: Stack, variants: Variants, progress: Progress) -> ColdStarts:
    """Copies with volumes, networks and containers of their own, one after the other."""
    stores = [s for role in (Role.DB, Role.REDIS) for s in target.services_of(role) if s in stack.services]
    slow = stores[0] if stores and stack.runtime == "compose" else ""
    started = []
    more = MORE.get(stack.runtime, 1)
    for number in range(1, more + 1):
        slowed = slow if number == more else ""
        progress(f"cold start {number + 1} of {more + 1}", at_most_seconds=120)
        cpus = {slowed: SLOW_PROCESSORS} if slowed else {}
        with variants(Variant(name=f"cold{number}", may_fail=True, cpus=cpus)) as copy:
            started.append(Started(name=f"start {number + 1}", start=copy.report, slowed=slowed))
    why = "" if slow else "there is no store to slow down" if not stores else "a slow store needs an engine"
    return ColdStarts(starts=tuple(started), not_slowed=why)
