"""Without a connection to be had a request is told so in time, and nobody else waits."""

from __future__ import annotations

from dataclasses import dataclass

from readiness import Category, Evidence, Finding, Inconclusive, Measurement, NotApplicable, Severity, Verdict, check
from readiness.database.answers import TOO_MANY, require_database, require_idle_machine, unstructured
from readiness.declared.database import POOL_EXAMPLE, pools_of
from readiness.facts.database import PoolExhausted
from readiness.facts.http import Exchange
from readiness.target import Target

_FIRST_ERROR = 500


@dataclass(frozen=True, kw_only=True)
class ExhaustionLimits:
    """How long a request may wait, and what may happen to others."""

    wait_seconds: float = 30.0  # where no pool is declared: the default of SQLAlchemy and HikariCP, and the ledger's
    margin_seconds: float = 5.0  # the ledger's figure (db.pool_exhaustion_clean)
    unrelated_seconds: float = (
        2.0  # an endpoint that needs no database answers within milliseconds; a prober waits 1 to 5
    )


@check(
    id="db.pool_exhaustion_clean",
    category=Category.DB,
    severity=Severity.HIGH,
    title="When the pool is exhausted requests fail in time, others go on, and it recovers",
    why="One slow query otherwise holds up every caller, the liveness probe among them, and the instance is restarted.",
    source="Claims ledger, db.pool_exhaustion_clean; Release It!, Blocked Threads",
    remediation="Bound the wait for a connection and the statement, answer 503, never wait in the event loop's thread.",
    seeds=("brain",),
    defects=("pool-wait-unbounded", "pool-wait-blocks"),
)
def check_pool_exhaustion_clean(pool_exhausted: PoolExhausted, target: Target, limits: ExhaustionLimits) -> Verdict:
    """Judge the answers while every table was locked, an unrelated endpoint's meanwhile, and those after."""
    fact = pool_exhausted
    require_database(fact.service, fact.not_done)
    pool = pools_of(target).get(target.service or "")
    target.require("pool", pool or "unsaid", example=POOL_EXAMPLE)
    if "lock" in fact.not_done:
        raise Inconclusive(f"the tables could not be locked, so nobody had to wait: {fact.not_done['lock']}")
    refused = sum(answer.status == TOO_MANY for answer in fact.answers)
    held = [a for a in fact.answers if a.status is None or a.status >= _FIRST_ERROR]
    if not held:
        if refused:
            raise Inconclusive(f"{refused} of {len(fact.answers)} requests were refused by a limiter, none waited")
        raise NotApplicable(f"premise failed: {fact.request} was answered while every table was locked: it needs none")
    wait = pool.wait_seconds if pool is not None else limits.wait_seconds
    bound = wait + limits.margin_seconds
    after = _after(fact)
    require_idle_machine(after, fact.slowest_look_seconds)
    findings = [*_bare(fact), *after]
    waited = [*_late(fact, held, bound, wait), *_others(fact, limits)]
    require_idle_machine(waited, fact.slowest_look_seconds)
    if pool is not None and fact.peak >= pool.per_replica:
        findings += waited
    elif waited and not findings:
        # So many requests at once may be more than a server works on, whatever its pool.
        what = (
            "no pool is declared"
            if pool is None
            else f"at most {fact.peak} of {pool.per_replica} connections were used"
        )
        raise Inconclusive(
            f"{waited[0].message}; but {what}, so it need not be the pool that they waited for", supply=POOL_EXAMPLE
        )
    slowest = max(answer.seconds for answer in fact.answers)
    measured = [Measurement(name="slowest answer", value=round(slowest, 3), unit="s")]
    if fact.unrelated:
        worst = max(answer.seconds for answer in fact.unrelated)
        measured.append(Measurement(name="slowest unrelated answer", value=round(worst, 3), unit="s"))
    summary = (
        f"{len(held)} of {len(fact.answers)} requests failed within {slowest:.1f} s, at most {fact.peak} connections, "
        f"{fact.settled} afterwards"
    )
    return Verdict(findings=tuple(findings), measured=tuple(measured), summary=summary)


def _late(fact: PoolExhausted, held: list[Exchange], bound: float, wait: float) -> list[Finding]:
    late = [answer for answer in held if answer.status is None or answer.seconds > bound]
    if not late:
        return []
    message = (
        f"{len(late)} of {len(fact.answers)} requests had no answer within {bound:.0f} s while every table was locked "
        f"(the pool's wait is {wait:g} s)"
    )
    return [Finding(message=message, evidence=_evidence(late))]


def _bare(fact: PoolExhausted) -> list[Finding]:
    bare = unstructured(fact.answers)
    if not bare:
        return []
    message = f"{len(bare)} of {len(fact.answers)} errors were none that a program can read"
    return [Finding(message=message, evidence=_evidence(bare))]


def _others(fact: PoolExhausted, limits: ExhaustionLimits) -> list[Finding]:
    """The unrelated endpoint, against its own pace at rest; one hiccup of a busy machine is none."""
    usual = max((a.seconds for a in fact.unrelated_at_rest if a.status is not None), default=None)
    if usual is None or any(a.status is None or a.status >= _FIRST_ERROR for a in fact.unrelated_at_rest):
        return []
    bound = max(limits.unrelated_seconds, 5 * usual)
    slow = [a for a in fact.unrelated if a.status is None or a.status >= _FIRST_ERROR or a.seconds > bound]
    if len(slow) < 2:  # noqa: PLR2004  # twice is no hiccup
        return []
    message = (
        f"{len(slow)} of {len(fact.unrelated)} requests to an endpoint that needs no database had no answer within "
        f"{bound:.1f} s, or failed, while others waited for a connection"
    )
    return [Finding(message=message, evidence=_evidence(slow))]


def _after(fact: PoolExhausted) -> list[Finding]:
    bad = [a for a in fact.after if a.status is None or a.status >= _FIRST_ERROR]
    if not bad:
        return []
    message = f"after the lock was gone {len(bad)} of {len(fact.after)} requests still failed"
    return [Finding(message=message, evidence=_evidence(bad))]


def _evidence(answers: list[Exchange] | tuple[Exchange, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(source=f"{answer.label[:200]} after {answer.seconds:.1f} s", text=answer.body[:300])
        for answer in answers[:3]
    )
