"""A crash of Redis loses no more than the last moment."""

from __future__ import annotations

from readiness import Category, Finding, Inconclusive, Measurement, Severity, Verdict, check
from readiness.facts.persistence import QueueSurvival, RedisEndings, StoreSettings
from readiness.persistence.durable import why_durable
from readiness.target import Target


@check(
    id="persist.redis_crash",
    category=Category.PERSIST,
    severity=Severity.HIGH,
    title="A crash of Redis loses nothing but the last moment",
    why="Below a save point's number of changes nothing is written until a clean stop, and a crash is none.",
    source="Claims ledger, persist.redis_crash; redis.io, Redis persistence: everysec loses at most a second or two",
    remediation="appendonly yes with appendfsync everysec, or say in readiness.yaml that the store is volatile.",
    seeds=("brainda",),
    defects=("redis-save-points-only", "redis-without-persistence"),
)
def check_redis_crash(
    redis_endings: RedisEndings, queue_survival: QueueSurvival, store_settings: StoreSettings, target: Target
) -> Verdict:
    """Judge keys that were seconds old at a SIGKILL; what was written in the last moment is told only."""
    durable = why_durable(target, store_settings, redis_endings, queue_survival)
    crashes = [m for m in redis_endings.marked if m.ended == "crash" and m.service in durable]
    known = [marked for marked in crashes if not marked.problem]
    if not known:
        problems = "; ".join(f"{m.service}: {m.problem}" for m in crashes)
        raise Inconclusive(problems or "no Redis that must keep what it holds could be made to crash")
    findings: list[Finding] = []
    measured: list[Measurement] = []
    words: list[str] = []
    for marked in known:
        if marked.back_seconds is None:
            findings.append(Finding(message=f"{marked.service} did not answer again after a crash"))
            continue
        settings = redis_endings.settings.get(marked.service, {})
        how = f"save {settings.get('save') or 'off'}, appendonly {settings.get('appendonly', 'unknown')}"
        if marked.early_left < marked.early:
            message = (
                f"a crash of {marked.service} left {marked.early_left} of {marked.early} keys that were "
                f"{marked.early_seconds:.1f} s old ({how}), and {durable[marked.service]}"
            )
            findings.append(Finding(message=message))
        measured.append(
            Measurement(name=f"keys of the last moment left in {marked.service}", value=marked.late_left, unit="count")
        )
        words.append(
            f"{marked.service} ({how}) kept {marked.early_left} of {marked.early} keys of {marked.early_seconds:.1f} s "
            f"and {marked.late_left} of {marked.late} of the last moment"
        )
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary="; ".join(words))
