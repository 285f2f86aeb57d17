"""Redis writes to its disk as is declared."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, NotApplicable, Severity, Verdict, check
from readiness.facts.persistence import RedisEndings, StoreSettings
from readiness.persistence.declared import compared
from readiness.target import Target


@check(
    id="persist.redis_save_points",
    category=Category.PERSIST,
    severity=Severity.MEDIUM,
    title="Redis runs with the settings that are declared for it",
    why="Save points that stand in a file and not in the server keep nothing.",
    source="Claims ledger, persist.redis_save_points; redis.io, Redis persistence",
    remediation="Give the server its settings by its command or its own file, and ask it: CONFIG GET save.",
    seeds=("brainda",),
    defects=("redis-save-points-only", "redis-without-persistence", "redis-evicts-queue"),
)
def check_redis_save_points(store_settings: StoreSettings, redis_endings: RedisEndings, target: Target) -> Verdict:
    """Compare what the owner states by command, variable or declaration with the server's own answer."""
    stores = store_settings.of("redis")
    if not stores:
        raise NotApplicable("no service of the stack has the role redis")
    asked = [store for store in stores if store.kind == "redis"]
    findings: list[Finding] = []
    count = 0
    for store in asked:
        found, stated = compared(target, store)
        findings += found
        count += stated
    unsaved = [
        Finding(message=f"{service} has save points and cannot write a snapshot: {why}")
        for service, why in redis_endings.unsaved.items()
    ]
    if not asked:
        raise Inconclusive(f"no Redis could be asked for its settings: {stores[0].problem or 'it is something else'}")
    if not count and not unsaved:
        raise NotApplicable(
            "premise failed: neither a command, nor a variable, nor settings in readiness.yaml states how Redis runs"
        )
    summary = f"{count} stated settings are those in force in {', '.join(store.service for store in asked)}"
    return Verdict(findings=(*findings, *unsaved), summary=summary)
