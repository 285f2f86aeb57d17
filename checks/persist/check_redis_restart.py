"""What Redis holds survives a restart and a new container."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Severity, Verdict, check
from readiness.facts.persistence import Marked, QueueSurvival, RedisEndings, StoreSettings
from readiness.persistence.durable import why_durable
from readiness.target import Target

WORDS = {"restart": "a stop and start", "recreate": "a new container on the same volumes"}


@check(
    id="persist.redis_restart",
    category=Category.PERSIST,
    severity=Severity.HIGH,
    title="What Redis holds survives a restart and a recreation",
    why="Every deployment makes containers anew; a queue that is empty afterwards has lost work that was accepted.",
    source="Claims ledger, persist.redis_restart; redis.io, Redis persistence",
    remediation="Turn on the append-only file, mount a named volume at the directory that CONFIG GET dir tells.",
    seeds=("brainda",),
    defects=("redis-without-persistence", "redis-without-volume"),
)
def check_redis_restart(
    redis_endings: RedisEndings, queue_survival: QueueSurvival, store_settings: StoreSettings, target: Target
) -> Verdict:
    """Judge each Redis that has to keep what it holds; a crash is another check's."""
    durable = why_durable(target, store_settings, redis_endings, queue_survival)
    findings: list[Finding] = []
    doubts: list[str] = []
    told: list[str] = []
    for marked in redis_endings.marked:
        if marked.ended not in WORDS or marked.service not in durable:
            continue
        if marked.problem:
            doubts.append(f"{marked.service}, {WORDS[marked.ended]}: {marked.problem}")
        elif (finding := _lost(marked, durable[marked.service])) is not None:
            findings.append(finding)
        else:
            told.append(f"{marked.service} after {WORDS[marked.ended]}")
    if not findings and (doubts or not told):
        raise Inconclusive("; ".join(doubts) or "no Redis was ended")
    return Verdict(findings=tuple(findings), summary=f"every key was there: {', '.join(told)}")


def _lost(marked: Marked, why: str) -> Finding | None:
    word = WORDS[marked.ended]
    if marked.back_seconds is None:
        return Finding(message=f"{marked.service} did not answer again after {word}")
    written, left = marked.early + marked.late, marked.early_left + marked.late_left
    if left == written:
        return None
    return Finding(message=f"after {word} {marked.service} had {left} of {written} keys, and {why}")
