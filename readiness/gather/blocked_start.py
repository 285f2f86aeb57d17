"""A start in which the database runs and its health check never passes: who is started all the same?"""

from __future__ import annotations

from readiness.check import Impact
from readiness.facts.startup import BlockedStart
from readiness.gather import gatherer
from readiness.gather.late_dependency import closure_of
from readiness.instruments.variants import Variants
from readiness.runtime import Progress, Runtime, Stack, Variant
from readiness.target import Role, Target
from readiness.verdict import Inconclusive

__all__ = ["NEEDS_ENGINE", "blocked_start"]

NEEDS_ENGINE = "needs an engine: only it knows health checks and starts services by them"
HINT = "run with --readiness-runtime=compose"


@gatherer(impact=Impact.DISRUPTS, at_most_seconds=120)
def blocked_start(
    target: Target, stack: Stack, runtime: Runtime, variants: Variants, progress: Progress
) -> BlockedStart:
    """A variant of the database and of those who depend on it, with a health check that always fails."""
    if stack.runtime != "compose":
        raise Inconclusive(NEEDS_ENGINE, supply=HINT)
    model = runtime.model()
    stores = [s for role in (Role.DB, Role.REDIS) for s in target.services_of(role) if s in model.services]
    store = next((s for s in stores if _dependents(model.services, s)), None)
    if store is None:
        reason = (
            "nothing is declared to depend on a store" if stores else "the stack has neither a database nor a Redis"
        )
        return BlockedStart(not_done=reason)
    dependents = _dependents(model.services, store)
    chosen = target.service if target.service in dependents else dependents[0]
    assert chosen is not None  # noqa: S101  # one of the two
    awake = closure_of(model, chosen)
    progress(f"starting {chosen} with a {store} that is never healthy", at_most_seconds=60)
    variant = Variant(
        name="blocked",
        stopped=tuple(sorted({*stack.services} - awake)),
        may_fail=True,
        # Every image has it; where one does not, the check fails as well.
        health_checks={store: ("false",)},
    )
    with variants(variant) as second:
        found = tuple(name for name in dependents if name in awake)
        return BlockedStart(dependency=store, dependents=found, start=second.report)


def _dependents(services: object, store: str) -> list[str]:
    assert isinstance(services, dict)  # noqa: S101  # of the model
    return sorted(name for name, service in services.items() if store in service.depends_on)
